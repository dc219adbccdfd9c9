//! The URI of a source, as a pipeline file gives it.
//!
//! Text without a scheme is a path. Every crate reads URIs through this module, so all of them interpret a URI in the
//! same way. A URI on the network stays text and is not normalised, because users see it again in messages and plans
//! compare it.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use percent_encoding::{AsciiSet, CONTROLS, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use thiserror::Error;

use crate::{
    authority::{AuthorityError, check_authority},
    recording_names::VIDEO_EXTENSIONS,
};

/// The bytes of a path that are percent-encoded: everything except unreserved characters and `/`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'/')
    .remove(b'.')
    .remove(b'_')
    .remove(b'-')
    .remove(b'~');

/// A parsed source URI.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Uri {
    /// A recording: a path, or `file://` with an absolute path.
    File(PathBuf),
    /// A folder of recordings, `folder://DIR`.
    Folder(PathBuf),
    /// A synthetic test pattern, `test://PATTERN`; holds the text after the scheme.
    Test(String),
    /// A network camera or RTSP server, `rtsp://`; holds the whole URI.
    Rtsp(String),
    /// A file or stream on a web server, `http://` or `https://`; holds the whole URI.
    Http(String),
    /// A local camera, `v4l2:///dev/video0`.
    V4l2(PathBuf),
}

/// An error for text that is not the URI of a source.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UriError {
    /// The text is empty.
    #[error("uri is empty")]
    Empty,
    /// The scheme before `://` is unknown.
    #[error("uri has the unknown scheme {0:?}")]
    UnknownScheme(String),
    /// A `file://` URI names another machine or a relative path.
    #[error("file uri {0:?} has no absolute path")]
    NotAbsolute(String),
    /// Nothing follows the scheme.
    #[error("uri {0:?} has nothing after its scheme")]
    NothingNamed(String),
    /// The host and port cannot be read.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
}

impl Uri {
    /// The valid forms of a URI, for hints.
    pub(crate) const KNOWN: &str =
        "a path, file://, folder://, test://, rtsp://, rtsps://, http://, https:// or v4l2://";

    /// Parses a URI.
    ///
    /// # Errors
    /// An unknown scheme, or a scheme with nothing after it.
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
                path if path.starts_with('/') => Ok(Self::File(decoded_path(path))),
                _ => Err(UriError::NotAbsolute(text.to_owned())),
            },
            "folder" => Ok(Self::Folder(decoded_path(rest))),
            "test" => Ok(Self::Test(rest.to_owned())),
            "rtsp" | "rtsps" => network_uri(text).map(Self::Rtsp),
            "http" | "https" => network_uri(text).map(Self::Http),
            "v4l2" => Ok(Self::V4l2(rest.into())),
            other => Err(UriError::UnknownScheme(other.to_owned())),
        }
    }

    /// Returns true for a camera, and for a web address that does not end with the file extension of a recording.
    pub fn is_live(&self) -> bool {
        match self {
            Self::Rtsp(_) | Self::V4l2(_) => true,
            Self::Http(address) => {
                let path = address.split(['?', '#']).next().unwrap_or_default();
                let extension = path.rsplit('.').next().unwrap_or_default();
                let extension = extension.to_ascii_lowercase();
                // An animated image on a web server is not a stream either.
                !VIDEO_EXTENSIONS.contains(&extension.as_str()) && extension != "gif"
            }
            Self::File(_) | Self::Folder(_) | Self::Test(_) => false,
        }
    }

    /// Returns true if the connection is encrypted: `rtsps://` and `https://`.
    pub fn has_tls(&self) -> bool {
        let (Self::Rtsp(uri) | Self::Http(uri)) = self else {
            return false;
        };
        let scheme = uri.split("://").next().unwrap_or_default();
        ["rtsps", "https"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
    }

    /// Returns the `folder://` URI of a file, folder or pattern. The path may contain any bytes.
    ///
    /// ```
    /// use atom_pipelines::Uri;
    /// assert_eq!(Uri::folder_uri("/a b/ü.mp4".as_ref()), "folder:///a%20b/%C3%BC.mp4");
    /// ```
    pub fn folder_uri(path: &Path) -> String {
        let path = percent_encode(path.as_os_str().as_bytes(), RESERVED);
        format!("folder://{path}")
    }

    /// Returns the URI of a source as it is given on the command line. One that is not UTF-8 is percent-encoded.
    ///
    /// ```
    /// use atom_pipelines::Uri;
    /// assert_eq!(Uri::of_argument("a b.mp4".as_ref()), "a b.mp4");
    /// ```
    pub fn of_argument(argument: &OsStr) -> String {
        let bytes = argument.as_bytes();
        match argument.to_str() {
            Some(text) => text.to_owned(),
            None if bytes.windows(3).any(|part| part == b"://") => {
                percent_encode(bytes, CONTROLS).to_string()
            }
            None => {
                let path = std::path::absolute(argument).unwrap_or_else(|_| argument.into());
                format!(
                    "file://{}",
                    percent_encode(path.as_os_str().as_bytes(), RESERVED)
                )
            }
        }
    }

    /// Returns the local file, folder or device that this URI names.
    pub fn path(&self) -> Option<&PathBuf> {
        match self {
            Self::File(path) | Self::Folder(path) | Self::V4l2(path) => Some(path),
            Self::Test(_) | Self::Rtsp(_) | Self::Http(_) => None,
        }
    }
}

/// Checks the host and port of a URI on the network, which stays text.
fn network_uri(text: &str) -> Result<String, UriError> {
    let (bare, _) = split_login(text);
    let rest = bare.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    check_authority(authority)?;
    Ok(text.to_owned())
}

/// Splits `scheme://user:password@rest` into the URI without the login, and the user and password, percent-decoded.
///
/// Also finds logins that a strict parser rejects, so that no password is ever printed: a password may hold an `@`, and
/// even a `/`.
pub fn split_login(uri: &str) -> (String, Option<(String, String)>) {
    let no_login = || (uri.to_owned(), None);
    let Some((scheme, rest)) = uri.split_once("://") else {
        return no_login();
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
    let numeric_port = port.bytes().all(|byte| byte.is_ascii_digit()) || authority.ends_with(']');
    let login = match authority.rsplit_once('@') {
        Some((login, _)) => Some(login),
        None if numeric_port => None,
        // The supposed port is the beginning of a password with a `/` that should have been written as %2F.
        None => rest.rsplit_once('@').map(|(login, _)| login),
    };
    let Some(login) = login else {
        return no_login();
    };
    let bare = format!("{scheme}://{}", &rest[login.len() + 1..]);
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    let decoded = |text| percent_decode_str(text).decode_utf8_lossy().into_owned();
    (bare, Some((decoded(user), decoded(password))))
}

/// Returns a URI that is safe to print: without its login, and without its query, where some cameras expect one.
pub fn redacted(uri: &str) -> String {
    let (bare, _) = split_login(uri);
    let scheme = bare.split("://").next().unwrap_or_default();
    // By the scheme alone: a URI that cannot be parsed is printed, too.
    let network = ["rtsp", "rtsps", "http", "https"];
    let on_network = network
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known));
    match bare.split_once('?') {
        Some((before_query, _)) if on_network => format!("{before_query}?..."),
        _ => bare,
    }
}

/// Returns true if both URIs are the same text, or paths of the same file.
pub(crate) fn same_source(left: &str, right: &str) -> bool {
    match (Uri::parse(left), Uri::parse(right)) {
        (Ok(Uri::File(left)), Ok(Uri::File(right))) => resolved(left) == resolved(right),
        _ => left == right,
    }
}

/// Returns the path with symbolic links resolved, as far as it exists.
pub(crate) fn resolved(path: PathBuf) -> PathBuf {
    if let Ok(resolved) = path.canonicalize() {
        return resolved;
    }
    let path = std::path::absolute(&path).unwrap_or(path);
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => resolved(folder.to_owned()).join(name),
        _ => path,
    }
}

/// Percent-decodes a path; invalid escapes are kept as they are.
fn decoded_path(path: &str) -> PathBuf {
    OsString::from_vec(percent_decode_str(path).collect()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_every_form_of_a_uri() {
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
    fn an_argument_that_is_not_utf8_names_the_same_file() {
        let path = Path::new(OsStr::from_bytes(b"/x/\xff y.mp4"));
        let uri = Uri::of_argument(path.as_os_str());
        assert_eq!(Uri::parse(&uri), Ok(Uri::File(path.into())));
        let folder = OsStr::from_bytes(b"folder:///x/\xff%20y");
        let expected = Uri::Folder(OsStr::from_bytes(b"/x/\xff y").into());
        assert_eq!(Uri::parse(&Uri::of_argument(folder)), Ok(expected));
    }

    #[test]
    fn a_login_is_split_from_its_uri() {
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        let (bare, found) = split_login("rtsp://me:p@ss%3aw@h:554/x@y?z=1");
        assert_eq!(bare, "rtsp://h:554/x@y?z=1");
        assert_eq!(found, login("me", "p@ss:w"));
        assert_eq!(split_login("rtsp://me@h/x").1, login("me", ""));
        let (bare, found) = split_login("rtsp://me:pa/s?s@h:554/x");
        assert_eq!(
            (bare.as_str(), found),
            ("rtsp://h:554/x", login("me", "pa/s?s"))
        );
        assert_eq!(redacted("http://me:pass@h/x?pwd=pass"), "http://h/x?...");
        assert_eq!(redacted("test://ball?fps=5"), "test://ball?fps=5");
        for plain in [
            "rtsp://h/x@y",
            "rtsp://h:8554/x@y",
            "http://[::1]/a@b",
            "a@b.mp4",
            "test://ball",
        ] {
            assert_eq!(split_login(plain), (plain.to_owned(), None));
        }
    }

    #[test]
    fn rejects_text_that_names_no_source() {
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
    fn a_network_address_needs_a_host_and_a_valid_port() {
        let bare_ipv6 = Uri::parse("rtsp://me:pass@::1:8554/x").unwrap_err();
        let text = bare_ipv6.to_string();
        assert!(
            text.contains("brackets") && text.contains("[::1]:8554"),
            "{text}"
        );
        assert!(!text.contains("pass"), "{text}");
        for wrong in ["rtsp:///x", "http://:80/x", "rtsp://cam:99999/x?pwd=p4ss"] {
            let error = Uri::parse(wrong).unwrap_err().to_string();
            assert!(
                error.contains("HOST:PORT") && !error.contains("p4ss"),
                "{error}"
            );
            assert!(!redacted(wrong).contains("p4ss"));
        }
        for right in [
            "rtsp://[::1]:8554/x",
            "http://cam:/x",
            "rtsps://me:p/w@cam:322/x",
        ] {
            assert!(Uri::parse(right).is_ok(), "{right}");
        }
    }

    #[test]
    fn two_paths_of_one_file_are_the_same_source() {
        assert!(same_source("/x/a.mp4", "file:///x/a.mp4"));
        assert!(same_source("a.mp4", "./a.mp4"));
        assert!(!same_source("test://ball", "test://bars"));
    }
}
