//! Stored vectors of the texts that standing queries need, so that a restart need not embed them again.

use std::collections::HashMap;

use rusqlite::types::Type;
use rusqlite::{Connection, Result, Row, params};

use crate::column_conversion::unknown_value;

/// Reads the stored vectors of one pack's text encoder, by text.
pub(super) fn read_vectors(
    connection: &Connection,
    pack: &str,
) -> Result<HashMap<String, Vec<f32>>> {
    let mut vectors =
        connection.prepare_cached("SELECT text, vector FROM query_vectors WHERE pack = ?1")?;
    let vector = |row: &Row| {
        let (numbers, rest) = row.get_ref(1)?.as_blob()?.as_chunks::<4>();
        if !rest.is_empty() {
            let message = "a vector is not a sequence of 32-bit numbers".to_owned();
            return Err(unknown_value(1, Type::Blob, message));
        }
        let numbers = numbers.iter().copied().map(f32::from_le_bytes);
        Ok((row.get(0)?, numbers.collect()))
    };
    vectors.query_map([pack], vector)?.collect()
}

/// Stores vectors of texts.
pub(super) fn save_vectors(
    connection: &Connection,
    pack: &str,
    new: &[(String, Vec<f32>)],
) -> Result<()> {
    let change = connection.unchecked_transaction()?;
    let mut save =
        change.prepare_cached("INSERT OR REPLACE INTO query_vectors VALUES (?1, ?2, ?3)")?;
    for (text, vector) in new {
        let bytes: Vec<u8> = vector.iter().flat_map(|x| x.to_le_bytes()).collect();
        save.execute(params![pack, text, bytes])?;
    }
    drop(save);
    change.commit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::store;

    #[test]
    fn vectors_are_stored_for_each_pack() {
        let (store, _folder) = store();
        let connection = &store.connection;
        let van = ("van".to_owned(), vec![0.5, -1.0]);
        save_vectors(connection, "a", std::slice::from_ref(&van)).unwrap();
        assert_eq!(read_vectors(connection, "a").unwrap(), HashMap::from([van]));
        assert!(read_vectors(connection, "b").unwrap().is_empty());
    }
}
