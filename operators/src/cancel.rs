//! Cancellation: one token per run, shared by every thread that must end with it.
//!
//! A thread that waits for messages waits for the token too (`select!` over [`CancellationToken::cancelled`]); a thread that
//! works asks [`CancellationToken::is_cancelled`] between two pieces of work. Invariant: once cancelled, a token stays cancelled.

use std::{convert::Infallible, sync::Arc, time::Duration};

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use parking_lot::Mutex;

/// A request to stop. Clones share it.
#[derive(Clone, Debug)]
pub struct CancellationToken {
    /// Dropped to cancel: every receiver is disconnected then.
    sender: Arc<Mutex<Option<Sender<Infallible>>>>,
    receiver: Receiver<Infallible>,
}

impl CancellationToken {
    /// Returns a token that is not cancelled.
    pub fn new() -> Self {
        let (sender, receiver) = bounded(0);
        Self {
            sender: Arc::new(Mutex::new(Some(sender))),
            receiver,
        }
    }

    /// Cancels the token and all its clones.
    pub fn cancel(&self) {
        self.sender.lock().take();
    }

    /// True if the token was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.receiver.try_recv() == Err(crossbeam::channel::TryRecvError::Disconnected)
    }

    /// Returns a channel that carries nothing and is closed when the token is cancelled, for `select!`.
    pub fn cancelled(&self) -> &Receiver<Infallible> {
        &self.receiver
    }

    /// Sleeps until the token is cancelled or the time is over; true if it was cancelled.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use atom_operators::cancel::CancellationToken;
    ///
    /// let token = CancellationToken::new();
    /// assert!(!token.wait(Duration::from_millis(1)));
    /// token.clone().cancel();
    /// assert!(token.wait(Duration::from_secs(3600)));
    /// ```
    pub fn wait(&self, longest: Duration) -> bool {
        self.receiver.recv_timeout(longest) == Err(RecvTimeoutError::Disconnected)
    }
}

impl Default for CancellationToken {
    fn default() -> Self {
        Self::new()
    }
}
