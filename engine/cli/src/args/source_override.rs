//! `--source NAME=URI`: overrides the URI of a source of a pipeline file.

/// Parses `NAME=URI`.
///
/// # Errors
/// If there is no equals sign, or nothing on one of its sides; the error shows an example.
pub fn source_override(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, uri)) if !name.is_empty() && !uri.is_empty() => {
            Ok((name.to_owned(), uri.to_owned()))
        }
        _ => Err("expected NAME=URI, for example video=holiday.mp4".to_owned()),
    }
}
