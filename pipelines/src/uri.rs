//! Where a source's frames come from, as a pipeline file writes it.
//!
//! Text without a scheme is a path. The engine opens what this module has read, so both understand a uri alike.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use thiserror::Error;

/// The uri of a source, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Uri {
    /// A recording: a path, or `file://` with an absolute path.
    File(PathBuf),
    /// A folder of recordings, `folder://DIR`.
    Folder(PathBuf),
    /// Made pictures, `test://PATTERN`; holds what follows the scheme.
    Test(String),
    /// A camera or server on the network, `rtsp://`; holds the whole uri.
    Rtsp(String),
    /// A file on a web server, `http://` or `https://`; holds the whole uri.
    Http(String),
    /// A camera of this machine, `v4l2:///dev/video0`.
    V4l2(PathBuf),
}

/// Text that is no uri of a source.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UriError {
    /// Nothing stands there.
    #[error("uri is empty")]
    Empty,
    /// The word before `://` is none that Atom knows.
    #[error("uri has the unknown scheme {0:?}")]
    UnknownScheme(String),
    /// A file uri names another machine or a relative path.
    #[error("file uri {0:?} has no absolute path")]
    NotAbsolute(String),
    /// Nothing follows the scheme.
    #[error("uri {0:?} names nothing after its scheme")]
    NothingNamed(String),
}

impl Uri {
    /// The ways to write a uri, for hints.
    pub const KNOWN: &str =
        "a path, file://, folder://, test://, rtsp://, http://, https:// or v4l2://";

    /// Reads a uri.
    ///
    /// # Errors
    /// An unknown scheme, and schemes with nothing behind them.
    ///
    /// ```
    /// use atom_pipelines::Uri;
    /// assert_eq!(Uri::parse("file:///a%20b.mp4"), Ok(Uri::File("/a b.mp4".into())));
    /// ```
    pub fn parse(text: &str) -> Result<Self, UriError> {
        if text.trim().is_empty() {
            return Err(UriError::Empty);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Ok(Self::File(text.into()));
        };
        if rest.is_empty() {
            return Err(UriError::NothingNamed(text.to_owned()));
        }
        match scheme.to_ascii_lowercase().as_str() {
            "file" => match rest.strip_prefix("localhost").unwrap_or(rest) {
                path if path.starts_with('/') => Ok(Self::File(decoded(path))),
                _ => Err(UriError::NotAbsolute(text.to_owned())),
            },
            "folder" => Ok(Self::Folder(decoded(rest))),
            "test" => Ok(Self::Test(rest.to_owned())),
            "rtsp" | "rtsps" => Ok(Self::Rtsp(text.to_owned())),
            "http" | "https" => Ok(Self::Http(text.to_owned())),
            "v4l2" => Ok(Self::V4l2(rest.into())),
            other => Err(UriError::UnknownScheme(other.to_owned())),
        }
    }

    /// Whether it shows the present: a camera, or a web address that does not end like the name of a recording.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Rtsp(_) | Self::V4l2(_) => true,
            Self::Http(address) => {
                let path = address.split(['?', '#']).next().unwrap_or_default();
                let end = path.rsplit('.').next().unwrap_or_default();
                !RECORDINGS.contains(&end.to_ascii_lowercase().as_str())
            }
            Self::File(_) | Self::Folder(_) | Self::Test(_) => false,
        }
    }

    /// The `folder://` uri of a file, folder or pattern, whatever bytes its name is made of.
    pub fn of_folder(path: &Path) -> String {
        format!("folder://{}", escaped(path))
    }

    /// The `file://` uri of an absolute path, whatever bytes its name is made of.
    ///
    /// ```
    /// use atom_pipelines::Uri;
    /// assert_eq!(Uri::of_file("/a b/ü.mp4".as_ref()), "file:///a%20b/%C3%BC.mp4");
    /// ```
    pub fn of_file(path: &Path) -> String {
        format!("file://{}", escaped(path))
    }

    /// The file or folder that this uri names on this machine.
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) | Self::Folder(path) | Self::V4l2(path) => Some(path),
            Self::Test(_) | Self::Rtsp(_) | Self::Http(_) => None,
        }
    }
}

/// How the names of recordings on web servers end.
const RECORDINGS: [&str; 14] = [
    "mp4", "m4v", "mov", "mkv", "webm", "avi", "ts", "m2ts", "mpg", "mpeg", "flv", "ogv", "wmv",
    "gif",
];

/// A uri taken apart at its login, `scheme://user:password@rest`: the uri without it, and the login. `%40` in it stands for `@`.
pub fn without_login(uri: &str) -> (String, Option<(String, String)>) {
    let nothing = || (uri.to_owned(), None);
    let Some((scheme, rest)) = uri.split_once("://") else {
        return nothing();
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = host.rsplit_once(':').map_or("", |(_, port)| port);
    let plain_port = port.bytes().all(|byte| byte.is_ascii_digit()) || host.ends_with(']');
    // A password may hold an @ of its own, and even a / that should have been written as %2F; a host cannot.
    let login = match host.rsplit_once('@') {
        Some((login, _)) => Some(login),
        None if plain_port => None,
        None => rest.rsplit_once('@').map(|(login, _)| login),
    };
    let Some(login) = login else {
        return nothing();
    };
    let bare = format!("{scheme}://{}", &rest[login.len() + 1..]);
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let plain = |text| decoded(text).to_string_lossy().into_owned();
    (bare, Some((plain(user), plain(password))))
}

/// A uri as it may be shown: without a login, and without its query, in which some cameras want one.
pub fn shown(uri: &str) -> String {
    let (bare, _) = without_login(uri);
    match (bare.split_once('?'), Uri::parse(uri)) {
        (Some((place, _)), Ok(Uri::Rtsp(_) | Uri::Http(_))) => format!("{place}?..."),
        _ => bare,
    }
}

/// Whether two texts name the same frames: the same file however its path is written, else the same text.
pub(crate) fn same(left: &str, right: &str) -> bool {
    match (Uri::parse(left), Uri::parse(right)) {
        (Ok(Uri::File(left)), Ok(Uri::File(right))) => resolved(left) == resolved(right),
        _ => left == right,
    }
}

/// The path with links followed where it exists, else made absolute.
pub(crate) fn resolved(path: PathBuf) -> PathBuf {
    path.canonicalize()
        .or_else(|_| std::path::absolute(&path))
        .unwrap_or(path)
}

/// A path with everything escaped that is no plain letter or sign.
fn escaped(path: &Path) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    let signs = path
        .as_os_str()
        .as_bytes()
        .iter()
        .map(|byte| match plain(*byte) {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02X}"),
        });
    signs.collect()
}

/// `%20` and the like as the bytes they stand for; what is no valid escape stays as it is.
fn decoded(path: &str) -> PathBuf {
    let bytes = path.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escape = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = escape
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        plain.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    OsString::from_vec(plain).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_way_to_write_a_uri() {
        let cases = [
            ("a b.mp4", Uri::File("a b.mp4".into())),
            ("file:///x/%C3%BC%zz.mp4", Uri::File("/x/ü%zz.mp4".into())),
            ("file://localhost/x.mp4", Uri::File("/x.mp4".into())),
            ("folder://clips", Uri::Folder("clips".into())),
            ("TEST://ball", Uri::Test("ball".into())),
            ("rtsp://h:8554/door", Uri::Rtsp("rtsp://h:8554/door".into())),
            ("https://h/x.mp4", Uri::Http("https://h/x.mp4".into())),
            ("v4l2:///dev/video0", Uri::V4l2("/dev/video0".into())),
        ];
        for (text, uri) in cases {
            assert_eq!(Uri::parse(text), Ok(uri), "{text}");
        }
    }

    #[test]
    fn a_login_is_taken_out() {
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        let (bare, found) = without_login("rtsp://me:p@ss%3aw@h:554/x@y?z=1");
        assert_eq!(bare, "rtsp://h:554/x@y?z=1");
        assert_eq!(found, login("me", "p@ss:w"));
        assert_eq!(without_login("rtsp://me@h/x").1, login("me", ""));
        let (bare, found) = without_login("rtsp://me:pa/s?s@h:554/x");
        assert_eq!(
            (bare.as_str(), found),
            ("rtsp://h:554/x", login("me", "pa/s?s"))
        );
        assert_eq!(shown("http://me:pass@h/x?pwd=pass"), "http://h/x?...");
        assert_eq!(shown("test://ball?fps=5"), "test://ball?fps=5");
        for plain in [
            "rtsp://h/x@y",
            "rtsp://h:8554/x@y",
            "http://[::1]/a@b",
            "a@b.mp4",
            "test://ball",
        ] {
            assert_eq!(without_login(plain), (plain.to_owned(), None));
        }
    }

    #[test]
    fn refuses_what_names_nothing() {
        assert_eq!(Uri::parse(" "), Err(UriError::Empty));
        assert!(matches!(
            Uri::parse("test://"),
            Err(UriError::NothingNamed(_))
        ));
        assert!(matches!(
            Uri::parse("file://x.mp4"),
            Err(UriError::NotAbsolute(_))
        ));
        assert!(matches!(
            Uri::parse("gopher://x"),
            Err(UriError::UnknownScheme(_))
        ));
    }

    #[test]
    fn one_file_is_the_same_however_it_is_written() {
        assert!(same("/x/a.mp4", "file:///x/a.mp4"));
        assert!(same("a.mp4", "./a.mp4"));
        assert!(!same("test://ball", "test://bars"));
    }
}
