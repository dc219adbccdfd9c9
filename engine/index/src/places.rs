//! Which file each source is, and what happened to a file since it was indexed.
//!
//! A recording is known by its content: one that was moved keeps its rows under its new name, one that was replaced loses
//! them, one that has grown goes on. All of that is decided and done in one transaction, so that no crash leaves rows under
//! two names or under none.

use std::{
    ffi::OsString,
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::{Path, PathBuf},
};

use rusqlite::{OptionalExtension, Transaction, params};

use super::{Store, StoreError, clock::set_start, write::Undone};

/// All tables in which a source is named.
const NAMED: [&str; 6] = [
    "files",
    "sources",
    "segments",
    "summaries",
    "start_times",
    "gaps",
];

/// A line of time of its own that a source had, for standing queries, goes with its name.
const LINE_GOES: &str = "DELETE FROM watermarks WHERE timeline = ?1";

/// Recordings of the same content, and what was known of the same file.
const ALIKE: &str = "
    SELECT source, path, content, touched FROM files WHERE content = ?1
    UNION SELECT source, path, content, touched FROM files WHERE path = ?2";

/// A recording as it was found.
pub struct Found<'a> {
    /// The name that it would have.
    pub name: &'a str,
    /// Where it is.
    pub path: &'a Path,
    /// What stands for its content.
    pub content: &'a str,
    /// What changes when it is written to; the content of a file that shows the same need not be looked at.
    pub touched: &'a str,
    /// When it began, in milliseconds since 1970 (UTC), if that is known.
    pub start_utc_ms: Option<i64>,
    /// Whether an older content is the beginning of this one.
    pub grown_from: &'a dyn Fn(&str) -> bool,
    /// Whether there is still a file where one was.
    pub stays: &'a dyn Fn(&Path) -> bool,
    /// Whether a file still holds this content.
    pub holds: &'a dyn Fn(&Path, &str) -> bool,
}

/// What a recording that was found is to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// Its name is that of another file, which is still there: nothing was changed.
    Taken,
    /// It was never seen.
    New,
    /// It is as it was.
    Known,
    /// There is more of it than before: its rows stay, and it is not at its end.
    Grown,
    /// It is another recording under an old name: the old one's rows are gone.
    Replaced,
    /// It had this name before: its rows have moved.
    Moved(String),
}

/// Where a source is, as the store knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The source.
    pub source: String,
    /// Its file.
    pub path: PathBuf,
    /// What stands for its content.
    pub content: String,
    /// What it showed of when it was written to last.
    pub touched: String,
}

impl Store {
    /// Gives a source's name to a recording, and brings its rows in line with what became of it.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn claim(&mut self, found: &Found) -> Result<Claim, StoreError> {
        self.change("name a source in", |change| {
            let claim = match holder(change, found.name)? {
                Some(holder) => of_holder(change, found, &holder)?,
                None => of_nobody(change, found)?,
            };
            if claim != Claim::Taken {
                change.execute(
                    "INSERT OR REPLACE INTO files VALUES (?1, ?2, ?3, ?4)",
                    params![
                        found.name,
                        text_of(found.path),
                        found.content,
                        found.touched
                    ],
                )?;
                if let Some(start_utc_ms) = found.start_utc_ms {
                    set_start(change, found.name, start_utc_ms)?;
                }
            }
            Ok(claim)
        })
    }

    /// The files of all sources that have one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn places(&self) -> Result<Vec<Place>, StoreError> {
        let read = || -> rusqlite::Result<_> {
            let mut places = self
                .connection
                .prepare("SELECT source, path, content, touched FROM files ORDER BY source")?;
            places.query_map([], place)?.collect()
        };
        read().map_err(StoreError::at(&self.path, "read"))
    }

    /// The file of a source, if it has one.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn place(&self, source: &str) -> Result<Option<Place>, StoreError> {
        let read = holder(&self.connection, source);
        read.map_err(StoreError::at(&self.path, "read"))
    }

    /// Removes a source with all that is known of it. Whether there was one.
    ///
    /// # Errors
    /// When the store cannot be written; nothing changes then.
    pub fn forget(&mut self, source: &str) -> Result<bool, StoreError> {
        self.change("remove a source from", |change| {
            Ok(forget(change, source)? > 0)
        })
    }

    /// Removes all sources that a file was, with all that is known of them; gives their names.
    ///
    /// # Errors
    /// When the store cannot be written; nothing changes then.
    pub fn forget_file(&mut self, path: &Path) -> Result<Vec<String>, StoreError> {
        self.change("remove a source from", |change| {
            let mut of_file = change.prepare("SELECT source FROM files WHERE path = ?1")?;
            let sources: Vec<String> = of_file
                .query_map([text_of(path)], |row| row.get(0))?
                .collect::<Result<_, _>>()?;
            for source in &sources {
                forget(change, source)?;
            }
            Ok(sources)
        })
    }
}

fn place(row: &rusqlite::Row) -> rusqlite::Result<Place> {
    Ok(Place {
        source: row.get(0)?,
        path: path_of(&row.get::<_, String>(1)?),
        content: row.get(2)?,
        touched: row.get(3)?,
    })
}

fn holder(connection: &rusqlite::Connection, source: &str) -> rusqlite::Result<Option<Place>> {
    let one = "SELECT source, path, content, touched FROM files WHERE source = ?1";
    connection.query_row(one, [source], place).optional()
}

/// The name is known: is it the same recording?
fn of_holder(change: &Transaction, found: &Found, holder: &Place) -> Result<Claim, Undone> {
    if holder.path != found.path && (found.stays)(&holder.path) {
        return Ok(Claim::Taken);
    }
    if holder.content == found.content {
        return Ok(Claim::Known);
    }
    if (found.grown_from)(&holder.content) {
        change.execute(
            "UPDATE sources SET ended = 0 WHERE source = ?1",
            [found.name],
        )?;
        return Ok(Claim::Grown);
    }
    forget(change, found.name)?;
    Ok(Claim::Replaced)
}

/// Nobody has the name: is the recording known under another one, under which it is no more?
fn of_nobody(change: &Transaction, found: &Found) -> Result<Claim, Undone> {
    let mut alike = change.prepare(ALIKE)?;
    let alike: Vec<Place> = alike
        .query_map(params![found.content, text_of(found.path)], place)?
        .collect::<Result<_, _>>()?;
    let mut moved = None;
    for place in alike {
        if place.content != found.content {
            // The file had another name and held something else.
            forget(change, &place.source)?;
        } else if place.path == found.path || !(found.holds)(&place.path, &place.content) {
            moved = moved.or(Some(place.source));
        }
    }
    let Some(source) = moved else {
        return Ok(Claim::New);
    };
    // What else went by the new name was no recording that is known.
    forget(change, found.name)?;
    for table in NAMED {
        change.execute(
            &format!("UPDATE {table} SET source = ?2 WHERE source = ?1"),
            [source.as_str(), found.name],
        )?;
    }
    change.execute(LINE_GOES, [&source])?;
    Ok(Claim::Moved(source))
}

fn forget(change: &Transaction, source: &str) -> Result<usize, Undone> {
    let mut removed = 0;
    change.execute(LINE_GOES, [source])?;
    for table in NAMED {
        removed += change.execute(&format!("DELETE FROM {table} WHERE source = ?1"), [source])?;
    }
    Ok(removed)
}

/// A path as text, whatever bytes it is made of: those that are no UTF-8 are written `\xE9`, and backslashes are doubled.
pub fn text_of(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02X}"));
        }
    }
    text
}

/// The path that a text of [`text_of`] stands for.
pub fn path_of(text: &str) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (taken, byte) = escaped(rest).unwrap_or((c.len_utf8(), None));
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]),
        }
        rest = &rest[taken..];
    }
    OsString::from_vec(bytes).into()
}

/// An escape at the beginning: how long it is, and the byte that it stands for.
fn escaped(text: &str) -> Option<(usize, Option<u8>)> {
    if text.starts_with("\\\\") {
        return Some((2, Some(b'\\')));
    }
    let hex = text.strip_prefix("\\x")?.get(..2)?;
    Some((4, Some(u8::from_str_radix(hex, 16).ok()?)))
}

#[cfg(test)]
mod tests {
    use super::super::Seal;
    use super::super::testing::{found as search, row, store};
    use super::*;

    /// A recording of this content at a path; files whose names begin with "gone" are no more.
    fn claim(store: &mut Store, name: &str, path: &str, content: &str) -> Claim {
        let found = Found {
            name,
            path: Path::new(path),
            content,
            touched: "",
            start_utc_ms: None,
            grown_from: &|old| content.starts_with(old),
            stays: &|path| !path.starts_with("gone"),
            holds: &|path, _| !path.starts_with("gone"),
        };
        store.claim(&found).unwrap()
    }

    fn index(store: &mut Store, source: &str, caption: &str) {
        store.begin(source, "p").unwrap();
        let rows = [row(0, caption)];
        store.seal(source, "p", Seal::of(&rows, 4000)).unwrap();
        store.finish(source, "p", 4000).unwrap();
    }

    #[test]
    fn a_recording_is_new_and_then_known() {
        let (mut store, _folder) = store();
        assert_eq!(claim(&mut store, "a", "a", "x"), Claim::New);
        index(&mut store, "a", "ball");
        assert_eq!(claim(&mut store, "a", "a", "x"), Claim::Known);
        assert_eq!(search(&store, "ball"), [0]);
    }

    #[test]
    fn a_moved_recording_keeps_its_rows_under_its_new_name() {
        let (mut store, _folder) = store();
        claim(&mut store, "a", "gone/a", "x");
        index(&mut store, "a", "ball");
        let moved = claim(&mut store, "b", "b", "x");
        assert_eq!(moved, Claim::Moved("a".to_owned()));
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
    fn one_file_is_one_source_under_whatever_name_it_is_found() {
        let (mut store, _folder) = store();
        claim(&mut store, "/v/a", "/v/a", "x");
        index(&mut store, "/v/a", "ball");
        let moved = claim(&mut store, "a", "/v/a", "x");
        assert_eq!(moved, Claim::Moved("/v/a".to_owned()));
        assert_eq!(claim(&mut store, "b", "/v/a", "y"), Claim::New);
        assert_eq!(store.places().unwrap().len(), 1);
        assert!(search(&store, "ball").is_empty());
    }

    #[test]
    fn a_start_is_kept_with_the_claim_and_goes_with_the_source() {
        let (mut store, _folder) = store();
        let found = |start_utc_ms| Found {
            name: "a",
            path: Path::new("a"),
            content: "x",
            touched: "",
            start_utc_ms,
            grown_from: &|_| false,
            stays: &|_| true,
            holds: &|_, _| true,
        };
        store.claim(&found(Some(7))).unwrap();
        store.claim(&found(None)).unwrap();
        assert_eq!(store.starts().unwrap()["a"], 7);
        store.forget("a").unwrap();
        assert!(store.starts().unwrap().is_empty());
    }

    #[test]
    fn a_copy_is_a_recording_of_its_own() {
        let (mut store, _folder) = store();
        claim(&mut store, "a", "a", "x");
        assert_eq!(claim(&mut store, "b", "b", "x"), Claim::New);
        assert_eq!(store.places().unwrap().len(), 2);
    }

    #[test]
    fn a_replaced_recording_loses_its_rows_and_a_grown_one_goes_on() {
        let (mut store, _folder) = store();
        claim(&mut store, "a", "a", "x");
        index(&mut store, "a", "ball");
        assert_eq!(claim(&mut store, "a", "a", "xy"), Claim::Grown);
        let known = store.begin("a", "p").unwrap();
        assert_eq!((known.sealed_ms, known.ended), (4000, false));
        assert_eq!(search(&store, "ball"), [0]);
        assert_eq!(claim(&mut store, "a", "a", "z"), Claim::Replaced);
        assert_eq!(store.begin("a", "p").unwrap().sealed_ms, 0);
        assert!(search(&store, "ball").is_empty());
    }

    #[test]
    fn a_name_is_taken_only_while_its_file_stays() {
        let (mut store, _folder) = store();
        claim(&mut store, "a", "one/a", "x");
        assert_eq!(claim(&mut store, "a", "two/a", "y"), Claim::Taken);
        assert_eq!(store.places().unwrap()[0].path, Path::new("one/a"));
        claim(&mut store, "b", "gone/b", "x");
        assert_eq!(claim(&mut store, "b", "two/b", "y"), Claim::Replaced);
    }

    #[test]
    fn a_forgotten_source_is_nowhere() {
        let (mut store, _folder) = store();
        claim(&mut store, "a", "a", "x");
        index(&mut store, "a", "ball");
        assert!(store.forget("a").unwrap() && !store.forget("a").unwrap());
        assert!(search(&store, "ball").is_empty());
        assert!(store.places().unwrap().is_empty() && store.sources().unwrap().is_empty());
    }

    #[test]
    fn a_file_is_forgotten_with_all_that_it_was() {
        let (mut store, _folder) = store();
        claim(&mut store, "a", "one/a", "x");
        claim(&mut store, "b", "two/b", "y");
        index(&mut store, "a", "ball");
        let forgotten = store.forget_file(Path::new("one/a")).unwrap();
        assert_eq!(forgotten, ["a"]);
        assert!(search(&store, "ball").is_empty());
        let left = store.places().unwrap();
        assert_eq!((left.len(), left[0].source.as_str()), (1, "b"));
    }

    #[test]
    fn every_path_has_a_text_of_its_own() {
        let odd: [&[u8]; 7] = [
            b"\\\xe9",
            b"a b.mp4",
            b"caf\xe9.mp4",
            "\u{1f6aa}\n\".mp4".as_bytes(),
            b"\\xE9",
            b"\xff\xfe\\x",
            b"\\\\x41",
        ];
        let mut texts = Vec::new();
        for bytes in odd {
            let path = PathBuf::from(OsString::from_vec(bytes.to_vec()));
            texts.push(text_of(&path));
            assert_eq!(path_of(&text_of(&path)), path, "{:?}", text_of(&path));
        }
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), odd.len());
    }
}
