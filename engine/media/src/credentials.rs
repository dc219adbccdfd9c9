//! Logins of cameras, whose passwords are never shown.

use std::{fmt, io, path::Path};

use crate::error::MediaError;

/// A user and the password.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// The user.
    pub user: String,
    /// The password.
    pub password: Secret,
}

/// A text that `Debug` does not show.
#[derive(Clone, PartialEq)]
pub struct Secret(String);

impl Secret {
    /// Returns a secret with this text.
    pub(crate) fn new(text: String) -> Self {
        Self(text)
    }

    /// Returns the text itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Reads a password from the first line of a file.
pub(crate) fn read_password(path: &Path) -> Result<Secret, MediaError> {
    let first_line = |text: String| match text.lines().next() {
        Some(line) if !line.is_empty() => Ok(Secret::new(line.to_owned())),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "the first line is empty; expected the password",
        )),
    };
    std::fs::read_to_string(path)
        .and_then(first_line)
        .map_err(|source| MediaError::Password {
            path: path.to_owned(),
            source,
        })
}
