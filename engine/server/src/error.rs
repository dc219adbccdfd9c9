//! Errors of the HTTP server.

use thiserror::Error;

/// An error of the HTTP server.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The address to listen on is not available.
    #[error("cannot listen on {address}: {reason}")]
    Listen {
        /// The address.
        address: String,
        /// The cause, and what to do.
        reason: String,
    },
}
