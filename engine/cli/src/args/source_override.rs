//! `--source NAME=URI`: overrides the URI of a source of a pipeline file.

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
};

use atom_pipelines::Uri;
use clap::builder::{OsStringValueParser, TypedValueParser};

/// Returns the parser of `NAME=URI`; a path in it may hold any bytes.
pub fn source_override() -> impl TypedValueParser<Value = (String, String)> {
    OsStringValueParser::new().try_map(|argument| parse(&argument))
}

/// Parses `NAME=URI`.
///
/// # Errors
/// If there is no equals sign, or nothing on one of its sides; the error shows an example.
fn parse(argument: &OsString) -> Result<(String, String), String> {
    let bytes = argument.as_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=');
    let (name, uri) = bytes.split_at(equals.unwrap_or(bytes.len()));
    match (std::str::from_utf8(name), uri) {
        (Ok(name), [b'=', uri @ ..]) if !name.is_empty() && !uri.is_empty() => {
            Ok((name.to_owned(), Uri::of_argument(OsStr::from_bytes(uri))))
        }
        _ => Err("expected NAME=URI, for example video=holiday.mp4".to_owned()),
    }
}
