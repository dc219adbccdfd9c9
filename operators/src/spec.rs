//! Checks of a node's settings, shared by all kinds of nodes.

use std::fmt;

use thiserror::Error;

/// A setting outside its range.
#[derive(Clone, Debug, PartialEq, Error)]
#[error("{key} is {found}, expected {expected}")]
pub struct SpecError {
    /// The key in the pipeline file.
    pub key: &'static str,
    /// The value as written.
    pub found: String,
    /// The range that is accepted.
    pub expected: &'static str,
}

/// Accepts `value` if `valid`; otherwise names the key, the value and the accepted range.
pub(crate) fn require(
    valid: bool,
    key: &'static str,
    value: impl fmt::Display,
    expected: &'static str,
) -> Result<(), SpecError> {
    if valid {
        Ok(())
    } else {
        Err(SpecError {
            key,
            found: value.to_string(),
            expected,
        })
    }
}

/// Rejects a limit on new tokens outside 1 to 256; `None` means the pack's own limit.
pub(crate) fn check_max_tokens(max_tokens: Option<usize>) -> Result<(), SpecError> {
    let tokens = max_tokens.unwrap_or(1);
    require(
        (1..=256).contains(&tokens),
        "max_tokens",
        tokens,
        "1 to 256",
    )
}
