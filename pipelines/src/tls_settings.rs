//! The check of a server's certificate: the keys `tls` and `tls_fingerprint` of a source.
//!
//! Cameras sign their certificates themselves, so the usual check against known authorities refuses them. A fingerprint accepts
//! exactly one certificate, regardless of its signer, host and expiry.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The extent to which a server's certificate is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(inline)]
pub enum TlsCheck {
    /// A known authority signed it, it names this host, and it is valid today.
    #[default]
    Verify,
    /// Nothing: anybody between Atom and the camera can read and replace the video, and read the login.
    Insecure,
}

/// The SHA-256 digest of a certificate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// The accepted form, for messages.
    pub(crate) const EXPECTED: &str =
        "the SHA-256 fingerprint of a certificate: 64 hexadecimal digits, with or without colons";

    /// Parses 64 hexadecimal digits; ignores colons, spaces and case.
    ///
    /// ```
    /// use atom_pipelines::Fingerprint;
    /// let text = "AB:".repeat(31) + "ab";
    /// assert_eq!(Fingerprint::parse(&text), Some(Fingerprint([0xAB; 32])));
    /// assert_eq!(Fingerprint::parse("AB:CD"), None);
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let ignored = |c: &char| *c == ':' || c.is_ascii_whitespace();
        let digits: Option<Vec<u8>> = text
            .chars()
            .filter(|c| !ignored(c))
            .map(|c| c.to_digit(16).map(|digit| digit as u8))
            .collect();
        let digits = digits.filter(|digits| digits.len() == 64)?;
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            *byte = pair[0] << 4 | pair[1];
        }
        Some(Self(bytes))
    }
}

impl fmt::Display for Fingerprint {
    /// Writes upper-case digits with colons, as `openssl x509 -fingerprint -sha256` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, byte) in self.0.iter().enumerate() {
            let colon = if n > 0 { ":" } else { "" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_as_it_is_written() {
        let bytes = std::array::from_fn(|n| n as u8 * 8);
        let fingerprint = Fingerprint(bytes);
        let written = fingerprint.to_string();
        assert!(written.starts_with("00:08:10:"), "{written}");
        let lower = written.replace(':', "").to_lowercase();
        for text in [written.as_str(), &lower] {
            assert_eq!(Fingerprint::parse(text), Some(fingerprint), "{text}");
        }
        // The first is a SHA-1 fingerprint.
        for wrong in [
            "AB:".repeat(20),
            "xy".repeat(32),
            String::new(),
            "é".repeat(64),
        ] {
            assert_eq!(Fingerprint::parse(&wrong), None, "{wrong}");
        }
    }
}
