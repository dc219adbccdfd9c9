//! Matches a discovered file with the catalog, and brings the rows of its source in line.
//!
//! A recording keeps the name that it was first given while its file stays where it is: the same file has other names relative
//! to other folders, and what people and standing queries know is the first one.

use std::path::Path;

use atom_operators::start_time::StartTime;
use rusqlite::{Result, Transaction, params};

use super::catalog_file::{
    CatalogFile, REMOVE_WATERMARK, TABLES_BY_SOURCE, catalog_file, file_of, files_at, remove_source,
};
use super::path_text::path_to_text;
use crate::error::StoreError;
use crate::read::start_times::set_start;
use crate::store::Store;

/// Recordings of the same content, and earlier entries of the same file.
const ALIKE: &str = "
    SELECT source, path, content, touched FROM files WHERE content = ?1
    UNION SELECT source, path, content, touched FROM files WHERE path = ?2";

/// A recording as it was found on disk.
#[derive(Clone, Copy)]
pub struct DiscoveredFile<'a> {
    /// The name it would have as a source, if it is new.
    pub name: &'a str,
    /// Its path.
    pub path: &'a Path,
    /// A fingerprint of its content.
    pub content_digest: &'a str,
    /// A value that changes when the file is written to; while it is equal, the content need not be read again.
    pub change_stamp: &'a str,
    /// Its start time, if known.
    pub start: Option<StartTime>,
    /// Returns true if an older content is the beginning of this one.
    pub grown_from: &'a dyn Fn(&str) -> bool,
    /// Returns true if there is still a file at a path.
    pub exists: &'a dyn Fn(&Path) -> bool,
    /// Returns true if the file at a path still has this content.
    pub has_content: &'a dyn Fn(&Path, &str) -> bool,
}

/// A discovered file in the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconciledFile {
    /// The name of its source: the one it was first given, if it is known.
    pub source: String,
    /// The change of the file since it was last found.
    pub outcome: Reconciliation,
}

/// The outcome of matching a discovered file with the catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconciliation {
    /// The name belongs to another file that still exists: nothing was changed.
    NameInUse,
    /// It is a new recording.
    New,
    /// It has not changed.
    Unchanged,
    /// There is more of it than before: its rows stay, and it has not ended.
    Grown,
    /// It is another recording under an old name: the old rows were removed.
    Replaced,
    /// It had this name before: its rows have moved.
    Moved(String),
}

impl Store {
    /// Gives a source's name to a recording, and brings its rows in line with what happened to the file.
    ///
    /// # Errors
    /// If the store cannot be written; nothing changes then.
    pub fn reconcile(
        &mut self,
        file: &DiscoveredFile,
    ) -> std::result::Result<ReconciledFile, StoreError> {
        self.write("rename a source in", |change| {
            let source = first_name(change, file)?.unwrap_or_else(|| file.name.to_owned());
            let file = DiscoveredFile {
                name: &source,
                ..*file
            };
            let outcome = match file_of(change, &source)? {
                Some(known) => reconcile_known(change, &file, &known)?,
                None => reconcile_unknown(change, &file)?,
            };
            if outcome != Reconciliation::NameInUse {
                enter(change, &file)?;
            }
            Ok(ReconciledFile { source, outcome })
        })
    }
}

/// Returns the name under which the catalog knows this file, if it is still the same recording.
fn first_name(change: &Transaction, file: &DiscoveredFile) -> Result<Option<String>> {
    let same = files_at(change, file.path)?.into_iter().find(|known| {
        known.content_digest == file.content_digest || (file.grown_from)(&known.content_digest)
    });
    Ok(same.map(|known| known.source))
}

/// Enters a file into the catalog, in the place of what is known of its source.
fn enter(change: &Transaction, file: &DiscoveredFile) -> Result<()> {
    let path = path_to_text(file.path);
    change.execute(
        "INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3, ?4)",
        params![file.name, path, file.content_digest, file.change_stamp],
    )?;
    match file.start {
        Some(start) => set_start(change, file.name, start),
        None => Ok(()),
    }
}

/// Reconciles a file whose name is in the catalog.
fn reconcile_known(
    change: &Transaction,
    file: &DiscoveredFile,
    known: &CatalogFile,
) -> Result<Reconciliation> {
    if known.path != file.path && (file.exists)(&known.path) {
        return Ok(Reconciliation::NameInUse);
    }
    if known.content_digest == file.content_digest {
        return Ok(Reconciliation::Unchanged);
    }
    if (file.grown_from)(&known.content_digest) {
        change.execute(
            "UPDATE sources SET ended = 0, failed_stage = NULL, failed_reason = NULL WHERE source = ?1",
            [file.name],
        )?;
        return Ok(Reconciliation::Grown);
    }
    remove_source(change, file.name)?;
    Ok(Reconciliation::Replaced)
}

/// Reconciles a file whose name is not in the catalog: the recording may have moved here from another name.
fn reconcile_unknown(change: &Transaction, file: &DiscoveredFile) -> Result<Reconciliation> {
    let mut alike = change.prepare(ALIKE)?;
    let alike: Vec<CatalogFile> = alike
        .query_map(
            params![file.content_digest, path_to_text(file.path)],
            catalog_file,
        )?
        .collect::<Result<_>>()?;
    let mut old_name = None;
    for other in alike {
        if other.content_digest != file.content_digest {
            // The file had another name and other content.
            remove_source(change, &other.source)?;
        } else if !(file.has_content)(&other.path, &other.content_digest) {
            old_name = old_name.or(Some(other.source));
        }
    }
    let Some(source) = old_name else {
        return Ok(Reconciliation::New);
    };
    // Anything else of the new name was not a cataloged recording.
    remove_source(change, file.name)?;
    for table in TABLES_BY_SOURCE {
        change.execute(
            &format!("UPDATE {table} SET source = ?2 WHERE source = ?1"),
            [source.as_str(), file.name],
        )?;
    }
    change.execute(REMOVE_WATERMARK, [&source])?;
    Ok(Reconciliation::Moved(source))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::row::Seal;
    use crate::testing::{found as search, remove_source, row, start_at, store};

    /// A recording of this content at a path; files whose paths begin with "gone" do not exist.
    fn reconcile(store: &mut Store, name: &str, path: &str, content: &str) -> Reconciliation {
        let file = DiscoveredFile {
            name,
            path: Path::new(path),
            content_digest: content,
            change_stamp: "",
            start: None,
            grown_from: &|old| content.starts_with(old),
            exists: &|path| !path.starts_with("gone"),
            has_content: &|path, _| !path.starts_with("gone"),
        };
        store.reconcile(&file).unwrap().outcome
    }

    fn index(store: &mut Store, source: &str, caption: &str) {
        store.begin(source, "p").unwrap();
        let rows = [row(0, caption)];
        store.seal(source, "p", Seal::of(&rows, 4000)).unwrap();
        store.finish(source, "p", 4000).unwrap();
    }

    #[test]
    fn a_recording_is_new_and_then_unchanged() {
        let (mut store, _folder) = store();
        assert_eq!(reconcile(&mut store, "a", "a", "x"), Reconciliation::New);
        index(&mut store, "a", "ball");
        assert_eq!(
            reconcile(&mut store, "a", "a", "x"),
            Reconciliation::Unchanged
        );
        assert_eq!(search(&store, "ball"), [0]);
    }

    #[test]
    fn a_moved_recording_keeps_its_rows_under_its_new_name() {
        let (mut store, _folder) = store();
        reconcile(&mut store, "a", "gone/a", "x");
        index(&mut store, "a", "ball");
        let moved = reconcile(&mut store, "b", "b", "x");
        assert_eq!(moved, Reconciliation::Moved("a".to_owned()));
        assert!(store.begin("b", "p").unwrap().ended);
        let states = store.sources().unwrap();
        assert_eq!(
            (states.len(), states[0].source.as_str(), states[0].ended),
            (1, "b", true)
        );
        assert_eq!(search(&store, "ball"), [0]);
        let names: Vec<_> = store.rows(None, None, None).unwrap();
        assert_eq!(names[0].source, "b");
    }

    #[test]
    fn a_file_keeps_its_first_name_when_it_is_found_from_another_folder() {
        let (mut store, _folder) = store();
        reconcile(&mut store, "deep/a", "/v/deep/a", "x");
        index(&mut store, "deep/a", "ball");
        for other in ["a", "/v/deep/a", "v/deep/a"] {
            let outcome = reconcile(&mut store, other, "/v/deep/a", "x");
            assert_eq!(outcome, Reconciliation::Unchanged, "{other}");
        }
        assert_eq!(
            reconcile(&mut store, "a", "/v/deep/a", "xy"),
            Reconciliation::Grown
        );
        let files = store.files().unwrap();
        assert_eq!((files.len(), &*files[0].source), (1, "deep/a"));
        assert_eq!(files[0].content_digest, "xy");
        assert_eq!(search(&store, "ball"), [0]);
    }

    #[test]
    fn another_recording_in_the_place_of_a_file_gets_the_name_it_is_found_under() {
        let (mut store, _folder) = store();
        reconcile(&mut store, "/v/a", "/v/a", "x");
        index(&mut store, "/v/a", "ball");
        assert_eq!(reconcile(&mut store, "b", "/v/a", "y"), Reconciliation::New);
        assert_eq!(store.files().unwrap().len(), 1);
        assert!(search(&store, "ball").is_empty());
    }

    #[test]
    fn a_start_time_is_set_with_the_file_and_removed_with_the_source() {
        let (mut store, _folder) = store();
        let found = |start| DiscoveredFile {
            name: "a",
            path: Path::new("a"),
            content_digest: "x",
            change_stamp: "",
            start,
            grown_from: &|_| false,
            exists: &|_| true,
            has_content: &|_, _| true,
        };
        store.reconcile(&found(Some(start_at(7)))).unwrap();
        store.reconcile(&found(None)).unwrap();
        assert_eq!(store.start_times().unwrap()["a"], start_at(7));
        remove_source(&mut store, "a");
        assert!(store.start_times().unwrap().is_empty());
    }

    #[test]
    fn a_copy_is_a_recording_of_its_own() {
        let (mut store, _folder) = store();
        reconcile(&mut store, "a", "a", "x");
        assert_eq!(reconcile(&mut store, "b", "b", "x"), Reconciliation::New);
        assert_eq!(store.files().unwrap().len(), 2);
    }

    #[test]
    fn a_replaced_recording_loses_its_rows_and_a_grown_one_goes_on() {
        let (mut store, _folder) = store();
        reconcile(&mut store, "a", "a", "x");
        index(&mut store, "a", "ball");
        assert_eq!(reconcile(&mut store, "a", "a", "xy"), Reconciliation::Grown);
        let known = store.begin("a", "p").unwrap();
        assert_eq!((known.sealed_ms, known.ended), (4000, false));
        assert_eq!(search(&store, "ball"), [0]);
        assert_eq!(
            reconcile(&mut store, "a", "a", "z"),
            Reconciliation::Replaced
        );
        assert_eq!(store.begin("a", "p").unwrap().sealed_ms, 0);
        assert!(search(&store, "ball").is_empty());
    }

    #[test]
    fn a_name_is_in_use_only_while_its_file_exists() {
        let (mut store, _folder) = store();
        reconcile(&mut store, "a", "one/a", "x");
        assert_eq!(
            reconcile(&mut store, "a", "two/a", "y"),
            Reconciliation::NameInUse
        );
        assert_eq!(store.files().unwrap()[0].path, Path::new("one/a"));
        reconcile(&mut store, "b", "gone/b", "x");
        assert_eq!(
            reconcile(&mut store, "b", "two/b", "y"),
            Reconciliation::Replaced
        );
    }

    #[test]
    fn a_removed_source_leaves_nothing() {
        let (mut store, _folder) = store();
        reconcile(&mut store, "a", "a", "x");
        index(&mut store, "a", "ball");
        assert!(remove_source(&mut store, "a") && !remove_source(&mut store, "a"));
        assert!(search(&store, "ball").is_empty());
        assert!(store.files().unwrap().is_empty() && store.sources().unwrap().is_empty());
    }

    #[test]
    fn a_file_is_removed_with_all_its_sources() {
        let (mut store, _folder) = store();
        reconcile(&mut store, "a", "one/a", "x");
        reconcile(&mut store, "b", "two/b", "y");
        index(&mut store, "a", "ball");
        let removed = store.remove_file(Path::new("one/a")).unwrap();
        assert_eq!(removed, ["a"]);
        assert!(search(&store, "ball").is_empty());
        let left = store.files().unwrap();
        assert_eq!((left.len(), left[0].source.as_str()), (1, "b"));
    }
}
