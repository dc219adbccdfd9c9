//! The bearer token that protects the server.

use std::fmt;

use axum::{extract::Request, http::header};
use subtle::ConstantTimeEq;

/// Fewest characters of a token for an address that other machines can reach: at a thousand guesses a second, 16 random
/// hexadecimal digits last for a hundred million years, and a short word for minutes.
pub(crate) const MIN_CHARACTERS: usize = 16;

/// A secret that every request must send as `Authorization: Bearer TOKEN`. Its debug output hides it.
#[derive(Clone)]
pub struct BearerToken(String);

impl BearerToken {
    /// Creates a token, without the white space around it. Returns `None` if nothing is left.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// Returns the number of characters.
    pub(crate) fn characters(&self) -> usize {
        self.0.chars().count()
    }

    /// Returns true if a request carries this token. The comparison takes the same time for every wrong token of the
    /// right length.
    pub(crate) fn admits(&self, request: &Request) -> bool {
        let sent = request.headers().get(header::AUTHORIZATION);
        let sent = sent.and_then(|value| value.as_bytes().strip_prefix(b"Bearer "));
        sent.is_some_and(|sent| sent.ct_eq(self.0.as_bytes()).into())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_token_is_refused_and_only_the_exact_token_is_admitted() {
        assert!(BearerToken::new(" \n").is_none());
        let token = BearerToken::new("abc\n").unwrap();
        let request = |text: &str| {
            let request = Request::builder().header(header::AUTHORIZATION, text);
            request.body(axum::body::Body::empty()).unwrap()
        };
        assert!(token.admits(&request("Bearer abc")));
        for wrong in ["Bearer ab", "Bearer abcd", "abc", "Basic abc"] {
            assert!(!token.admits(&request(wrong)), "{wrong}");
        }
    }
}
