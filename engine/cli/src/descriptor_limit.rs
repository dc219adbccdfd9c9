//! The number of files and connections that the program may have open: raised at the start, because cameras, recordings,
//! indexes and clients share it and the usual limit of a shell is low.

use tracing::debug;

/// The limit that is requested. The programs that Atom starts inherit it, and some are slow with millions.
const WANTED: u64 = 65_536;
/// The limit that is assumed if the system does not report one.
const USUAL: u64 = 1024;

/// Raises the limit as far as the system allows.
pub fn raise_descriptor_limit() {
    match rlimit::increase_nofile_limit(WANTED) {
        Ok(limit) => debug!(limit, "limit of open files and connections"),
        Err(error) => debug!(%error, "cannot raise the limit of open files"),
    }
}

/// Returns the limit.
pub fn descriptor_limit() -> u64 {
    descriptor_limits().0
}

/// Returns the limit, and the one up to which it can be raised.
pub fn descriptor_limits() -> (u64, u64) {
    rlimit::getrlimit(rlimit::Resource::NOFILE).unwrap_or((USUAL, USUAL))
}
