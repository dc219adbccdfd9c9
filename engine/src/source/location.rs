//! What the `uri` of a source names.

use std::{
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use atom_pipelines::Uri;
use sha2::{Digest, Sha256};

use crate::error::EngineError;

/// A place that frames come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Location {
    /// A video or picture file.
    File(PathBuf),
    /// A picture made by code: `test://PATTERN?seconds=10&fps=25`.
    Test {
        /// A pattern of GStreamer's `videotestsrc`: `smpte`, `ball`, `snow`, `red` ...
        pattern: String,
        /// Length of the video.
        seconds: f64,
        /// Frames a second.
        fps: u32,
    },
}

impl Location {
    /// Reads the `uri` of a source.
    ///
    /// # Errors
    /// If it names nothing that this version can play.
    pub fn parse(uri: &str) -> Result<Self, EngineError> {
        let wrong = |reason: &str| EngineError::Uri {
            uri: uri.to_owned(),
            reason: reason.to_owned(),
        };
        match Uri::parse(uri).map_err(|e| wrong(&e.to_string()))? {
            Uri::File(path) => Ok(Self::File(path)),
            Uri::Test(test) => {
                parse_test(&test).ok_or_else(|| wrong("expected test://PATTERN?seconds=10&fps=25"))
            }
            _ => Err(wrong("this version plays files and test patterns only")),
        }
    }

    /// Whether the file, if it is one, can be read at all; the message says what is wrong.
    pub fn check(&self) -> Result<(), EngineError> {
        let Self::File(path) = self else {
            return Ok(());
        };
        let wrong = |reason: String| EngineError::Unreadable {
            path: path.clone(),
            reason,
        };
        let metadata = std::fs::metadata(path).map_err(|e| match e.kind() {
            std::io::ErrorKind::NotFound => wrong("it does not exist".into()),
            _ => wrong(e.to_string()),
        })?;
        if metadata.is_dir() {
            return Err(wrong(
                "it is a folder, expected a video file; `atom index FOLDER` takes folders".into(),
            ));
        }
        if !metadata.is_file() {
            return Err(wrong(
                "it is a device or a pipe, expected a regular file".into(),
            ));
        }
        if metadata.len() == 0 {
            return Err(wrong("it is empty".into()));
        }
        std::fs::File::open(path)
            .map(drop)
            .map_err(|e| wrong(e.to_string()))
    }

    /// Stands for the content: a hash of the size and of both ends of a file, so that a recording that was replaced
    /// under its old name is known for a new one. Empty if there is no content yet, or it cannot be read.
    pub fn fingerprint(&self) -> Vec<u8> {
        match self {
            Self::File(path) => ends_of(path).unwrap_or_default(),
            Self::Test { .. } => Vec::new(),
        }
    }
}

/// So many bytes of each end of a file go into its fingerprint.
const END: u64 = 64 * 1024;

fn ends_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = std::fs::File::open(path)?;
    let size = file.metadata()?.len();
    let mut hash = Sha256::new();
    hash.update(size.to_le_bytes());
    for start in [0, size.saturating_sub(END)] {
        let mut end = Vec::new();
        file.seek(SeekFrom::Start(start))?;
        file.by_ref().take(END).read_to_end(&mut end)?;
        hash.update(&end);
    }
    Ok(hash.finalize().to_vec())
}

fn parse_test(text: &str) -> Option<Location> {
    let (pattern, query) = text.split_once('?').unwrap_or((text, ""));
    let (mut seconds, mut fps) = (10.0, 25);
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        match pair.split_once('=')? {
            ("seconds", value) => {
                seconds = value
                    .parse()
                    .ok()
                    .filter(|s| (0.04..=86_400.0).contains(s))?
            }
            ("fps", value) => fps = value.parse().ok().filter(|fps| (1..=120).contains(fps))?,
            _ => return None,
        }
    }
    let known = !pattern.is_empty()
        && pattern
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-');
    known.then(|| Location::Test {
        pattern: pattern.to_owned(),
        seconds,
        fps,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_paths_and_addresses() {
        assert_eq!(
            Location::parse("a b.mp4").unwrap(),
            Location::File("a b.mp4".into())
        );
        assert_eq!(
            Location::parse("file:///x/a%20b.mp4").unwrap(),
            Location::File("/x/a b.mp4".into())
        );
        let test = Location::Test {
            pattern: "ball".into(),
            seconds: 2.5,
            fps: 25,
        };
        assert_eq!(Location::parse("test://ball?seconds=2.5").unwrap(), test);
    }

    #[test]
    fn refuses_what_it_cannot_play() {
        for wrong in [
            "rtsp://127.0.0.1/x",
            "test://",
            "test://ball?speed=2",
            "test://ball?seconds=0",
        ] {
            assert!(
                Location::parse(wrong)
                    .unwrap_err()
                    .to_string()
                    .contains(wrong)
            );
        }
    }

    #[test]
    fn a_folder_an_empty_file_and_no_file_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.mp4");
        std::fs::write(&empty, b"").unwrap();
        let said = |path: &Path| Location::File(path.into()).check().unwrap_err().to_string();
        assert!(said(folder.path()).contains("folder"));
        assert!(said(&empty).contains("empty"));
        assert!(said(&folder.path().join("none")).contains("none"));
    }
}
