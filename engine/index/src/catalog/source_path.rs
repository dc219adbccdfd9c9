//! The present path of a source's file.
//!
//! The catalog has the paths of recordings that were found. A file that a run plays under a name of its own has a path too, but is no
//! part of the catalog: it is never matched with found files, and its rows stay when it is gone.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension, Result, params};

use super::path_text::{path_from_text, path_to_text, readable};
use crate::error::StoreError;
use crate::store::Store;

impl Store {
    /// Returns the present path of a source's file, if it has one.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn path_of(&self, source: &str) -> std::result::Result<Option<PathBuf>, StoreError> {
        let text = self.read(|connection| path_text_of(connection, source))?;
        Ok(text.as_deref().map(path_from_text))
    }

    /// Returns the present path of a source's file in a form for people and JSON, if the source has one: the path itself if it is
    /// UTF-8, else its text by [`path_to_text`].
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn readable_path_of(
        &self,
        source: &str,
    ) -> std::result::Result<Option<String>, StoreError> {
        self.read(|connection| readable_path_of(connection, source))
    }

    /// Notes the absolute path of the file that a run plays under the name of a source, or that it plays none.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub fn set_played_file(
        &mut self,
        source: &str,
        path: Option<&Path>,
    ) -> std::result::Result<(), StoreError> {
        self.write("write to", |change| {
            let changed = match path {
                Some(path) => change.execute(
                    "INSERT OR REPLACE INTO played_files VALUES (?1, ?2)",
                    params![source, path_to_text(path)],
                ),
                None => change.execute("DELETE FROM played_files WHERE source = ?1", [source]),
            };
            Ok(changed.map(drop)?)
        })
    }
}

/// Returns the path of a source's file in a form for people and JSON, if the source has one.
pub(crate) fn readable_path_of(connection: &Connection, source: &str) -> Result<Option<String>> {
    Ok(path_text_of(connection, source)?.as_deref().map(readable))
}

fn path_text_of(connection: &Connection, source: &str) -> Result<Option<String>> {
    let mut path = connection.prepare_cached("SELECT path FROM source_paths WHERE source = ?1")?;
    path.query_row([source], |row| row.get(0)).optional()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{query, remove_source, row, seal, store};

    #[test]
    fn hits_of_a_played_file_tell_its_path_until_the_source_plays_something_else() {
        let (mut store, _folder) = store();
        seal(&mut store, "door", &[row(0, "ball")], 1000);
        let path = |store: &Store| store.search(&query("ball")).unwrap().hits[0].path.clone();
        assert_eq!(path(&store), None);
        store
            .set_played_file("door", Some(Path::new("/v/door.mp4")))
            .unwrap();
        assert_eq!(path(&store).as_deref(), Some("/v/door.mp4"));
        assert!(store.files().unwrap().is_empty());
        store.set_played_file("door", None).unwrap();
        assert_eq!(path(&store), None);
        store
            .set_played_file("door", Some(Path::new("/v/door.mp4")))
            .unwrap();
        assert!(remove_source(&mut store, "door"));
        assert_eq!(store.path_of("door").unwrap(), None);
    }
}
