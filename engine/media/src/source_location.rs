//! Locations of video: what the `uri` of a source names.

use std::{fs, io, path::PathBuf};

use atom_pipelines::{PlannedSource, Uri, redacted, split_login};

use crate::{
    credentials::{Login, Secret, read_password},
    error::MediaError,
    live::host_reachability,
    server_certificate::CertificateTrust,
};

/// The location of a video.
#[derive(Clone, Debug, PartialEq)]
pub enum Location {
    /// A video or image file.
    File(PathBuf),
    /// A synthetic test pattern.
    Test(TestPattern),
    /// A camera or a stream on the network.
    Network(NetworkAddress),
    /// A local camera.
    Device(PathBuf),
}

/// A synthetic test pattern: `test://PATTERN?seconds=10&fps=25`.
#[derive(Clone, Debug, PartialEq)]
pub struct TestPattern {
    /// A pattern of GStreamer's `videotestsrc`: `smpte`, `ball`, `snow`, `red` ...
    pub pattern: String,
    /// Length of the video; ignored for a live source.
    pub seconds: f64,
    /// Frames per second.
    pub fps: u32,
}

/// An address on the network, and the login for it.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkAddress {
    /// The uri without its login.
    pub uri: String,
    /// The login, if there is one.
    pub login: Option<Login>,
    /// The certificates of the server that are accepted.
    pub trust: CertificateTrust,
}

impl NetworkAddress {
    /// True if the connection is encrypted.
    pub(crate) fn has_tls(&self) -> bool {
        Uri::parse(&self.uri).is_ok_and(|uri| uri.has_tls())
    }

    /// True for a web address.
    pub(crate) fn is_web(&self) -> bool {
        matches!(Uri::parse(&self.uri), Ok(Uri::Http(_)))
    }
}

impl Location {
    /// Returns the location of a planned source; reads its password file.
    ///
    /// # Errors
    /// If the uri names nothing that can be played, or the password cannot be read.
    pub fn of(source: &PlannedSource) -> Result<Self, MediaError> {
        let settings = &source.settings;
        let mut location = Self::parse(&source.uri)?;
        if let Self::Network(address) = &mut location {
            let (user, password) = match address.login.take() {
                Some(login) => (Some(login.user), Some(login.password)),
                None => (None, None),
            };
            let user = settings.user.clone().or(user);
            let password = match &settings.password_file {
                Some(path) => Some(read_password(path)?),
                None => password,
            };
            address.trust = CertificateTrust::of(source);
            address.login = user
                .zip(password)
                .map(|(user, password)| Login { user, password });
        }
        Ok(location)
    }

    /// Parses the `uri` of a source.
    ///
    /// # Errors
    /// If it names nothing that can be played.
    pub fn parse(uri: &str) -> Result<Self, MediaError> {
        let (bare, login) = split_login(uri);
        let unexpected = |expected| MediaError::UnexpectedUri {
            uri: redacted(uri),
            expected,
        };
        let parsed = Uri::parse(uri).map_err(|source| MediaError::Uri {
            uri: redacted(uri),
            source,
        })?;
        match parsed {
            Uri::File(path) => Ok(Self::File(path)),
            Uri::Test(test) => TestPattern::parse(&test)
                .map(Self::Test)
                .ok_or_else(|| unexpected("test://PATTERN?seconds=10&fps=25")),
            Uri::V4l2(path) => Ok(Self::Device(path)),
            Uri::Rtsp(_) | Uri::Http(_) => Ok(Self::Network(NetworkAddress {
                login: login.map(|(user, password)| Login {
                    user,
                    password: Secret::new(password),
                }),
                uri: bare,
                trust: CertificateTrust::default(),
            })),
            _ => Err(unexpected("one recording, camera or stream")),
        }
    }

    /// Returns the location as text without its login and query.
    pub fn redacted(&self) -> String {
        match self {
            Self::File(path) => path.display().to_string(),
            Self::Test(test) => format!("test://{}", test.pattern),
            Self::Network(address) => redacted(&address.uri),
            Self::Device(path) => format!("v4l2://{}", path.display()),
        }
    }

    /// Removes this location's password and query from a text.
    pub(crate) fn redact(&self, text: &str) -> String {
        let Self::Network(address) = self else {
            return text.to_owned();
        };
        let password = address.login.as_ref().map(|login| login.password.reveal());
        let query = address.uri.split_once('?').map(|(_, query)| query);
        let secrets = [password, query].into_iter().flatten();
        secrets
            .filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
    }

    /// True if frames arrive in real time, and no faster.
    pub(crate) fn is_real_time(&self) -> bool {
        match self {
            Self::Device(_) => true,
            Self::Network(address) => address.uri.to_ascii_lowercase().starts_with("rtsp"),
            Self::File(_) | Self::Test(_) => false,
        }
    }

    /// True for a web address.
    pub(crate) fn is_web(&self) -> bool {
        matches!(self, Self::Network(address) if address.is_web())
    }

    /// True if the server may have any certificate, so that anybody between can read and replace the video.
    pub(crate) fn is_insecure(&self) -> bool {
        matches!(self, Self::Network(address) if address.trust == CertificateTrust::Anything)
    }

    /// Returns the reason why no server answers there, if the location is on the network.
    pub(crate) fn unreachable(&self) -> Option<String> {
        match self {
            Self::Network(address) => {
                host_reachability::unreachable_reason(&address.uri, address.trust)
            }
            _ => None,
        }
    }

    /// Checks that a file can be read; other locations are not checked.
    ///
    /// # Errors
    /// If the file does not exist, is empty or no regular file, or cannot be opened.
    pub fn check(&self) -> Result<(), MediaError> {
        let Self::File(path) = self else {
            return Ok(());
        };
        let refuse = |kind, text: &str| Err(io::Error::new(kind, text));
        let check = || {
            let metadata = fs::metadata(path).map_err(|error| match error.kind() {
                kind @ io::ErrorKind::NotFound => io::Error::new(kind, "it does not exist"),
                _ => error,
            })?;
            match &metadata {
                file if file.is_dir() => refuse(
                    io::ErrorKind::IsADirectory,
                    "it is a folder; expected a video file, or use `atom index FOLDER` for a folder",
                ),
                file if !file.is_file() => refuse(
                    io::ErrorKind::InvalidInput,
                    "it is a device or a pipe; expected a regular file",
                ),
                file if file.len() == 0 => refuse(io::ErrorKind::InvalidData, "it is empty"),
                _ => fs::File::open(path).map(drop),
            }
        };
        check().map_err(|error| MediaError::unreadable(path, error))
    }
}

impl TestPattern {
    /// Parses `PATTERN?seconds=10&fps=25`.
    fn parse(text: &str) -> Option<Self> {
        let (pattern, query) = text.split_once('?').unwrap_or((text, ""));
        let (mut seconds, mut fps) = (10.0, 25);
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=')? {
                ("seconds", value) => {
                    let parsed = value.parse().ok();
                    seconds = parsed.filter(|s| (0.04..=86_400.0).contains(s))?;
                }
                ("fps", value) => fps = value.parse().ok().filter(|fps| (1..=120).contains(fps))?,
                _ => return None,
            }
        }
        let in_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
        let valid = !pattern.is_empty() && pattern.chars().all(in_name);
        valid.then(|| Self {
            pattern: pattern.to_owned(),
            seconds,
            fps,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{error::Error, path::Path};

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
        let test = Location::Test(TestPattern {
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
            let error = Location::parse(wrong).unwrap_err();
            assert!(error.to_string().contains(wrong));
        }
    }

    #[test]
    fn a_password_is_used_and_never_shown() {
        let location = Location::parse("rtsp://me:p%40ss@h/x").unwrap();
        let Location::Network(NetworkAddress {
            login: Some(login), ..
        }) = &location
        else {
            panic!("{location:?}");
        };
        assert_eq!(
            (login.user.as_str(), login.password.reveal()),
            ("me", "p@ss")
        );
        assert_eq!(location.redacted(), "rtsp://h/x");
        assert!(!format!("{location:?}").contains("p@ss"));
        assert_eq!(location.redact("at rtsp://me:p@ss@h"), "at rtsp://me:***@h");
        let with_query = Location::parse("http://h/x?pwd=p4ss").unwrap();
        assert_eq!(with_query.redacted(), "http://h/x?...");
        assert_eq!(
            with_query.redact("URL: http://h/x?pwd=p4ss"),
            "URL: http://h/x?***"
        );
        let error = Location::parse("folder://me:pass@h/x").unwrap_err();
        assert!(!error.to_string().contains("pass"), "{error}");
    }

    #[test]
    fn a_folder_an_empty_file_and_a_missing_file_give_different_errors() {
        let folder = tempfile::tempdir().unwrap();
        let empty = folder.path().join("empty.mp4");
        fs::write(&empty, b"").unwrap();
        let cause = |path: &Path| {
            let error = Location::File(path.into()).check().unwrap_err();
            error.source().unwrap().to_string()
        };
        assert!(cause(folder.path()).contains("folder"));
        assert!(cause(&empty).contains("empty"));
        assert!(cause(&folder.path().join("none")).contains("does not exist"));
    }
}
