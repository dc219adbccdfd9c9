//! Paths as text, whatever bytes they are made of.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

/// Returns a path as text: bytes that are not UTF-8 are written `\xE9`, and backslashes are doubled.
pub fn path_to_text(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    text
}

/// Returns the text of a path as people write it, given its text as [`path_to_text`] writes it: they differ only by backslashes. A
/// path that is not UTF-8 stays as it is.
pub(crate) fn readable(text: &str) -> String {
    let path = path_from_text(text).into_os_string();
    path.into_string().unwrap_or_else(|_| text.to_owned())
}

/// Returns the path that a text of [`path_to_text`] stands for.
pub(super) fn path_from_text(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (length, byte) = escape(rest).unwrap_or((c.len_utf8(), None));
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]),
        }
        rest = &rest[length..];
    }
    OsString::from_vec(bytes).into()
}

/// Parses an escape at the beginning of a text: its length, and the byte it stands for.
fn escape(text: &str) -> Option<(usize, Option<u8>)> {
    if text.starts_with("\\\\") {
        return Some((2, Some(b'\\')));
    }
    let hex = text.strip_prefix("\\x")?.get(..2)?;
    Some((4, Some(u8::from_str_radix(hex, 16).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_readable_path_is_the_path_itself_unless_it_is_not_utf_8() {
        let readable_of = |bytes: &[u8]| {
            let path = PathBuf::from(OsString::from_vec(bytes.to_vec()));
            readable(&path_to_text(&path))
        };
        assert_eq!(readable_of(b"/v/a\\b 'c'.mp4"), r"/v/a\b 'c'.mp4");
        assert_eq!(readable_of(b"/v/caf\xe9.mp4"), r"/v/caf\xE9.mp4");
    }

    #[test]
    fn every_path_has_a_text_of_its_own() {
        let odd: [&[u8]; 7] = [
            b"\\\xe9",
            b"a b.mp4",
            b"caf\xe9.mp4",
            "\u{1f6aa}\n\".mp4".as_bytes(),
            b"\\xE9",
            b"\xff\xfe\\x",
            b"\\\\x41",
        ];
        let mut texts = Vec::new();
        for bytes in odd {
            let path = PathBuf::from(OsString::from_vec(bytes.to_vec()));
            texts.push(path_to_text(&path));
            assert_eq!(
                path_from_text(&path_to_text(&path)),
                path,
                "{:?}",
                path_to_text(&path)
            );
        }
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), odd.len());
    }
}
