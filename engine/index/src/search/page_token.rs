//! The token by which a search continues: the newest row that the first page knew, and how many hits came before.
//!
//! Rows added since are left out, so they shift nothing; of a row that was replaced since, the new one counts. A token
//! carries a checksum of its query, so that it cannot continue another one unnoticed.

use super::query::Query;
use crate::error::StoreError;

/// The beginning of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PageToken {
    /// The newest row that takes part.
    pub(super) newest: i64,
    /// Hits of earlier pages.
    pub(super) offset: usize,
}

impl PageToken {
    /// Parses the token of a query; `None` for the first page.
    pub(super) fn of(query: &Query) -> Result<Option<Self>, StoreError> {
        let Some(token) = &query.page else {
            return Ok(None);
        };
        let invalid = |reason| StoreError::Page {
            token: token.chars().take(100).collect(),
            reason,
        };
        let parts: Vec<&str> = token.split('-').collect();
        let [newest, offset, check] = parts[..] else {
            return Err(invalid("it does not consist of three parts"));
        };
        let page = Self {
            newest: i64::from_str_radix(newest, 36).map_err(|_| invalid("it is damaged"))?,
            offset: usize::from_str_radix(offset, 36).map_err(|_| invalid("it is damaged"))?,
        };
        match check == checksum(query) && page.newest >= 0 {
            true => Ok(Some(page)),
            false => Err(invalid("it belongs to another query, or is damaged")),
        }
    }

    /// Formats this page of a query.
    pub(super) fn format(self, query: &Query) -> String {
        let offset = u64::try_from(self.offset).unwrap_or(u64::MAX);
        let newest = u64::try_from(self.newest).unwrap_or(0);
        format!(
            "{}-{}-{}",
            base_36(newest),
            base_36(offset),
            checksum(query)
        )
    }
}

fn base_36(mut number: u64) -> String {
    let mut digits = Vec::new();
    loop {
        digits.extend(char::from_digit((number % 36) as u32, 36));
        number /= 36;
        if number == 0 {
            return digits.into_iter().rev().collect();
        }
    }
}

/// Hashes a query without its page (FNV-1a). The limit is part of it: it may decide how deep the rankings go.
fn checksum(query: &Query) -> String {
    let text = format!("{:?}\n{:?}\n{}", query.text, query.filter, query.limit);
    let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    base_36(hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::query;

    #[test]
    fn a_token_parses_to_its_page_and_only_for_its_query() {
        let page = PageToken {
            newest: 123_456_789,
            offset: 40,
        };
        let mut asked = query("ball");
        asked.page = Some(page.format(&asked));
        assert_eq!(PageToken::of(&asked).unwrap(), Some(page));
        asked.text = "cube".to_owned();
        assert!(PageToken::of(&asked).is_err());
        for broken in [
            "", "x", "--", "a-b", "!-1-2", "-1-0-0", "1-0-zzz", "a-b-c-d",
        ] {
            asked.page = Some(broken.to_owned());
            let message = PageToken::of(&asked).unwrap_err().to_string();
            assert!(
                message.contains("is not a page of this search"),
                "{message}"
            );
        }
    }
}
