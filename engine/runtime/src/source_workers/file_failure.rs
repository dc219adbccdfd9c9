//! Decides if a failed playback is the fault of the file, and gives the reason in a few words.
//!
//! Only such a failure is remembered in an index. Invariant: what may pass by itself (a drive or server that is gone, a missing
//! permission, a run that was stopped) is never the failure of a file.

use std::io::ErrorKind;

use atom_media::{Location, MediaError, PlaybackSummary};
use atom_models::error_chain;

use crate::error::RuntimeError;

/// Returns the reason why a file could not be played at all, if it is to blame.
pub(super) fn error_in_file(location: &Location, error: &RuntimeError) -> Option<String> {
    if !matches!(location, Location::File(_)) {
        return None;
    }
    match error {
        RuntimeError::Media(
            MediaError::NoVideo { reason, .. } | MediaError::Incomplete { reason, .. },
        ) => Some(reason.clone()),
        RuntimeError::Media(MediaError::Unreadable { source, .. }) => {
            is_about_content(source.kind()).then(|| source.to_string())
        }
        RuntimeError::Panicked { .. } => Some(error_chain(error)),
        _ => None,
    }
}

/// Returns the reason why a file was played only in part, if it is to blame.
pub(super) fn stop_in_file(location: &Location, summary: &PlaybackSummary) -> Option<String> {
    let reason = summary.failure.clone();
    reason.filter(|_| matches!(location, Location::File(_)))
}

/// True for errors that [`Location::check`] gives for what a file is, and not for the attempt to read it.
fn is_about_content(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::InvalidData | ErrorKind::InvalidInput | ErrorKind::IsADirectory
    )
}

#[cfg(test)]
mod tests {
    use std::{io, path::PathBuf};

    use super::*;

    fn unreadable(kind: ErrorKind) -> RuntimeError {
        let source = io::Error::new(kind, "it is empty");
        let path = PathBuf::from("a.mp4");
        RuntimeError::Media(MediaError::Unreadable { path, source })
    }

    #[test]
    fn a_file_is_to_blame_for_its_content_but_not_for_an_attempt_to_read_it() {
        let file = Location::File("a.mp4".into());
        let empty = unreadable(ErrorKind::InvalidData);
        assert_eq!(error_in_file(&file, &empty).as_deref(), Some("it is empty"));
        for passing in [
            ErrorKind::NotFound,
            ErrorKind::PermissionDenied,
            ErrorKind::TimedOut,
            ErrorKind::StaleNetworkFileHandle,
        ] {
            assert_eq!(error_in_file(&file, &unreadable(passing)), None);
        }
        let device = Location::Device("/dev/video0".into());
        assert_eq!(error_in_file(&device, &empty), None);
    }
}
