//! The token by which a search goes on: the newest row that the first page knew, and how many hits came before.
//!
//! Rows that came since are left out, so they shift nothing; of a row that was replaced since, the new one counts. A token
//! is bound to its query by a check number, so that it cannot go on with another one unnoticed.

use super::{Query, StoreError};

/// Where a page begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Page {
    /// The newest row that takes part.
    pub(super) newest: i64,
    /// Hits of earlier pages.
    pub(super) offset: usize,
}

impl Page {
    /// Where the page of a query begins, if it is not the first.
    pub(super) fn of(query: &Query) -> Result<Option<Self>, StoreError> {
        let Some(token) = &query.page else {
            return Ok(None);
        };
        let wrong = |reason| StoreError::Page {
            token: token.chars().take(100).collect(),
            reason,
        };
        let parts: Vec<&str> = token.split('-').collect();
        let [newest, offset, check] = parts[..] else {
            return Err(wrong("it does not have three parts"));
        };
        let page = Self {
            newest: i64::from_str_radix(newest, 36).map_err(|_| wrong("it is damaged"))?,
            offset: usize::from_str_radix(offset, 36).map_err(|_| wrong("it is damaged"))?,
        };
        match check == check_of(query) && page.newest >= 0 {
            true => Ok(Some(page)),
            false => Err(wrong("it belongs to another query, or it is damaged")),
        }
    }

    /// The token of this page of a query.
    pub(super) fn token(self, query: &Query) -> String {
        let offset = u64::try_from(self.offset).unwrap_or(u64::MAX);
        let newest = u64::try_from(self.newest).unwrap_or(0);
        format!(
            "{}-{}-{}",
            base_36(newest),
            base_36(offset),
            check_of(query)
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

/// A number that stands for what is asked, without the page (FNV-1a). The size of a page is part of it: it may decide how
/// deep the rankings go.
fn check_of(query: &Query) -> String {
    let asked = format!("{:?}\n{:?}\n{}", query.text, query.filter, query.limit);
    let hash = asked.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    base_36(hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::super::testing::query;
    use super::*;

    #[test]
    fn a_token_comes_back_as_the_page_it_was_made_of_and_only_for_its_query() {
        let page = Page {
            newest: 123_456_789,
            offset: 40,
        };
        let mut asked = query("ball");
        asked.page = Some(page.token(&asked));
        assert_eq!(Page::of(&asked).unwrap(), Some(page));
        asked.text = "cube".to_owned();
        assert!(Page::of(&asked).is_err());
        for broken in [
            "", "x", "--", "a-b", "!-1-2", "-1-0-0", "1-0-zzz", "a-b-c-d",
        ] {
            asked.page = Some(broken.to_owned());
            let said = Page::of(&asked).unwrap_err().to_string();
            assert!(said.contains("is no page of this search"), "{said}");
        }
    }
}
