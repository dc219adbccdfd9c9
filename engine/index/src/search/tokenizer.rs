//! Splits and stems words as the full-text index does.

use rusqlite::{Connection, Result};

/// An FTS5 table in memory whose tokenizer is that of the full-text index.
pub(crate) struct Tokenizer {
    connection: Connection,
}

impl Tokenizer {
    pub(super) fn new() -> Result<Self> {
        let connection = Connection::open_in_memory()?;
        connection.execute_batch(
            "CREATE VIRTUAL TABLE text USING fts5(word, tokenize = 'porter unicode61');
             CREATE VIRTUAL TABLE words USING fts5vocab(text, instance);",
        )?;
        Ok(Self { connection })
    }

    /// Returns the stemmed words of a text, in order.
    pub(super) fn words(&self, text: &str) -> Result<Vec<String>> {
        self.connection.execute("DELETE FROM text", [])?;
        self.connection
            .execute("INSERT INTO text VALUES (?1)", [text])?;
        let mut words = self
            .connection
            .prepare("SELECT term FROM words ORDER BY offset")?;
        words.query_map([], |row| row.get(0))?.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_stemmed_as_in_the_full_text_index() {
        let tokenizer = Tokenizer::new().unwrap();
        assert_eq!(
            tokenizer.words("\"Bouncing balls\"").unwrap(),
            ["bounc", "ball"]
        );
        assert_eq!(
            tokenizer.words("\"well-known\"").unwrap(),
            ["well", "known"]
        );
        assert!(tokenizer.words("🚪").unwrap().is_empty());
    }
}
