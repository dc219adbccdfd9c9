//! The hang-up signal of the operating system, which asks a running program to reopen its files.
//!
//! A program that moves files away, such as logrotate, sends it. Invariant: a request is never lost, only merged with one
//! that was not seen yet.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering::SeqCst},
};

/// The number of hang-up signals that came. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct HangupCount(Arc<AtomicU64>);

impl HangupCount {
    /// Counts one more signal.
    pub fn add(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    /// Returns the number of signals so far.
    pub fn get(&self) -> u64 {
        self.0.load(SeqCst)
    }
}
