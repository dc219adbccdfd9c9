//! What the `uri` of a source names.

use std::{
    io::{Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use atom_pipelines::{PlannedSource, SourceSettings, Uri, redacted, split_login};
use sha2::{Digest, Sha256};

use crate::{error::MediaError, live::connectivity};

/// A place that frames come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Location {
    /// A video or picture file.
    File(PathBuf),
    /// Pictures made by code.
    Test(Test),
    /// A camera or a stream on the network.
    Address(Address),
    /// A camera of this machine.
    Device(PathBuf),
}

/// Pictures made by code: `test://PATTERN?seconds=10&fps=25`.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// A pattern of GStreamer's `videotestsrc`: `smpte`, `ball`, `snow`, `red` ...
    pub pattern: String,
    /// Length of the video; of no meaning where it is live.
    pub seconds: f64,
    /// Frames a second.
    pub fps: u32,
}

/// A place on the network, and how to log in there.
#[derive(Clone, Debug, PartialEq)]
pub struct Address {
    /// Without login.
    pub uri: String,
    /// Who logs in.
    pub login: Option<Login>,
}

/// A name and its password.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A text that is never shown.
#[derive(Clone, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl Location {
    /// Where a planned source's frames come from; reads its password file.
    ///
    /// # Errors
    /// If it names nothing that can be played, or the password cannot be read.
    pub fn of(source: &PlannedSource) -> Result<Self, MediaError> {
        let SourceSettings {
            user,
            password_file,
            ..
        } = &source.settings;
        let mut location = Self::parse(&source.uri)?;
        if let Self::Address(address) = &mut location {
            let written = address.login.take();
            let user = user
                .clone()
                .or(written.as_ref().map(|login| login.user.clone()));
            let password = match password_file {
                Some(path) => Some(password(path)?),
                None => written.map(|login| login.password),
            };
            address.login = user
                .zip(password)
                .map(|(user, password)| Login { user, password });
        }
        Ok(location)
    }

    /// Reads the `uri` of a source.
    ///
    /// # Errors
    /// If it names nothing that can be played.
    pub fn parse(uri: &str) -> Result<Self, MediaError> {
        let (bare, login) = split_login(uri);
        let wrong = |reason: &str| MediaError::Uri {
            uri: redacted(uri),
            reason: reason.to_owned(),
        };
        match Uri::parse(uri).map_err(|e| wrong(&e.to_string()))? {
            Uri::File(path) => Ok(Self::File(path)),
            Uri::Test(test) => parse_test(&test)
                .map(Self::Test)
                .ok_or_else(|| wrong("expected test://PATTERN?seconds=10&fps=25")),
            Uri::V4l2(path) => Ok(Self::Device(path)),
            Uri::Rtsp(_) | Uri::Http(_) => Ok(Self::Address(Address {
                login: login.map(|(user, password)| Login {
                    user,
                    password: Secret(password),
                }),
                uri: bare,
            })),
            _ => Err(wrong("expected one recording, camera or stream")),
        }
    }

    /// The place as it may be shown.
    pub fn shown(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Test(test) => format!("test://{}", test.pattern),
            Self::Address(address) => redacted(&address.uri),
            Self::Device(path) => format!("v4l2://{}", path.display()),
        }
    }

    /// What somebody said of it, without its password and its query.
    pub(crate) fn hidden(&self, said: &str) -> String {
        let Self::Address(address) = self else {
            return said.to_owned();
        };
        let password = address.login.as_ref().map(|login| login.password.reveal());
        let query = address.uri.split_once('?').map(|(_, query)| query);
        let secrets = [password, query].into_iter().flatten();
        secrets
            .filter(|secret| !secret.is_empty())
            .fold(said.to_owned(), |said, secret| said.replace(secret, "***"))
    }

    /// Whether its pictures come as time passes, and no faster.
    pub(crate) fn is_paced(&self) -> bool {
        match self {
            Self::Device(_) => true,
            Self::Address(address) => address.uri.to_ascii_lowercase().starts_with("rtsp"),
            Self::File(_) | Self::Test(_) => false,
        }
    }

    /// Why nobody answers there, if it is a place on the network.
    pub(crate) fn unreachable(&self) -> Option<String> {
        match self {
            Self::Address(address) => connectivity::trouble(&address.uri),
            _ => None,
        }
    }

    /// Whether the file, if it is one, can be read at all; the message says what is wrong.
    pub fn check(&self) -> Result<(), MediaError> {
        let Self::File(path) = self else {
            return Ok(());
        };
        let wrong = |reason: String| MediaError::Unreadable {
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
            // What shows the present has no content that it could be known by.
            _ => Vec::new(),
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

/// The first line of a password file.
fn password(path: &Path) -> Result<Secret, MediaError> {
    let unreadable = |reason: String| MediaError::Password {
        path: path.to_owned(),
        reason,
    };
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(e.to_string()))?;
    match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret(line.to_owned())),
        _ => Err(unreadable("its first line is empty".into())),
    }
}

fn parse_test(text: &str) -> Option<Test> {
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
    known.then(|| Test {
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
        let test = Location::Test(Test {
            pattern: "ball".into(),
            seconds: 2.5,
            fps: 25,
        });
        assert_eq!(Location::parse("test://ball?seconds=2.5").unwrap(), test);
    }

    #[test]
    fn refuses_what_it_cannot_play() {
        for wrong in [
            "folder://x",
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
    fn a_password_is_known_and_never_shown() {
        let address = Location::parse("rtsp://me:p%40ss@h/x").unwrap();
        let Location::Address(Address {
            login: Some(login), ..
        }) = &address
        else {
            panic!("{address:?}");
        };
        assert_eq!(
            (login.user.as_str(), login.password.reveal()),
            ("me", "p@ss")
        );
        assert_eq!(address.shown(), "rtsp://h/x");
        assert!(!format!("{address:?}").contains("p@ss"));
        assert_eq!(address.hidden("at rtsp://me:p@ss@h"), "at rtsp://me:***@h");
        let asked = Location::parse("http://h/x?pwd=p4ss").unwrap();
        assert_eq!(asked.shown(), "http://h/x?...");
        assert_eq!(
            asked.hidden("URL: http://h/x?pwd=p4ss"),
            "URL: http://h/x?***"
        );
        let said = Location::parse("folder://me:pass@h/x")
            .unwrap_err()
            .to_string();
        assert!(!said.contains("pass"), "{said}");
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
