//! Digests of files: two files of equal digest hold the same recording, and a file has grown if its beginning still has the
//! old digest.
//!
//! A digest covers the size and a hash of three parts, so it costs the same for a recording of a minute and of a day.

use std::{
    fmt, fs,
    io::{self, Read, Seek, SeekFrom},
    path::Path,
    str::FromStr,
};

use sha2::{Digest, Sha256};

use crate::error::MediaError;

/// Bytes hashed at the beginning, in the middle and at the end of a file.
const PART: u64 = 64 << 10;

/// The size of a file and a hash of parts of it. Written as `SIZE-HASH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContentDigest {
    /// In bytes.
    pub size: u64,
    /// 32 hexadecimal digits.
    pub hash: String,
}

impl ContentDigest {
    /// Returns the digest of a whole file.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_file(path: &Path) -> Result<Self, MediaError> {
        let read = || {
            let mut file = fs::File::open(path)?;
            let size = file.metadata()?.len();
            digest(&mut file, size)
        };
        read().map_err(|error| MediaError::unreadable(path, error))
    }

    /// Returns the digest of the first `size` bytes; none if the file is shorter.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn of_prefix(path: &Path, size: u64) -> Result<Option<Self>, MediaError> {
        let read = || {
            let mut file = fs::File::open(path)?;
            match file.metadata()?.len() >= size {
                true => digest(&mut file, size).map(Some),
                false => Ok(None),
            }
        };
        read().map_err(|error| MediaError::unreadable(path, error))
    }
}

/// Hashes the size and three parts of a file within that size; all of it if it is small.
fn digest(file: &mut (impl Read + Seek), size: u64) -> io::Result<ContentDigest> {
    let parts = match size <= 3 * PART {
        true => vec![(0, size)],
        false => vec![(0, PART), ((size - PART) / 2, PART), (size - PART, PART)],
    };
    let mut hash = Sha256::new();
    hash.update(size.to_be_bytes());
    for (from, length) in parts {
        let mut part = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        file.by_ref().take(length).read_to_end(&mut part)?;
        if (part.len() as u64) < length {
            // The file was truncated meanwhile.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        hash.update(&part);
    }
    let hash = hash.finalize();
    let digits = hash[..16].iter().map(|byte| format!("{byte:02x}"));
    Ok(ContentDigest {
        size,
        hash: digits.collect(),
    })
}

impl fmt::Display for ContentDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.size, self.hash)
    }
}

/// An error for text that is not a digest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a file digest; expected the size of the file, a hyphen and 32 hexadecimal digits"
)]
pub struct InvalidDigest(String);

impl FromStr for ContentDigest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let invalid = || InvalidDigest(text.to_owned());
        let (size, hash) = text.split_once('-').ok_or_else(invalid)?;
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if hash.len() != 32 || !hash.bytes().all(digit) {
            return Err(invalid());
        }
        Ok(Self {
            size: size.parse().map_err(|_| invalid())?,
            hash: hash.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), bytes).unwrap();
        file
    }

    fn noise(length: usize) -> Vec<u8> {
        (0..length).map(|n| (n * n / 7 + n) as u8).collect()
    }

    #[test]
    fn tells_a_file_that_grew_from_another_one() {
        for size in [0, 1, 1000, 3 * 65536, 3 * 65536 + 1, 1_000_000] {
            let before = ContentDigest::of_file(file(&noise(size)).path()).unwrap();
            assert_eq!(before.size, size as u64);
            let grown = file(&noise(size + 5000));
            let first = ContentDigest::of_prefix(grown.path(), before.size).unwrap();
            assert_eq!(first, Some(before.clone()));
            assert_ne!(ContentDigest::of_file(grown.path()).unwrap(), before);
            let longer = ContentDigest::of_prefix(grown.path(), size as u64 + 5001).unwrap();
            assert_eq!(longer, None);
        }
    }

    #[test]
    fn sees_changes_at_the_beginning_in_the_middle_and_at_the_end() {
        let bytes = noise(1_000_000);
        let digest = ContentDigest::of_file(file(&bytes).path()).unwrap();
        for changed in [0, 500_000, 999_999] {
            let mut bytes = bytes.clone();
            bytes[changed] ^= 1;
            assert_ne!(ContentDigest::of_file(file(&bytes).path()).unwrap(), digest);
        }
    }

    #[test]
    fn a_digest_is_written_and_read() {
        let digest = ContentDigest::of_file(file(&noise(1000)).path()).unwrap();
        assert_eq!(digest.to_string().parse(), Ok(digest.clone()));
        assert!(digest.to_string().starts_with("1000-"));
        for invalid in ["", "12", "x-0", "-", "12-zz", &format!("{digest}0")] {
            assert!(invalid.parse::<ContentDigest>().is_err(), "{invalid}");
        }
    }

    #[test]
    fn names_the_file_that_cannot_be_read() {
        let error = ContentDigest::of_file(Path::new("/nowhere/a.mp4")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/a.mp4"));
    }
}
