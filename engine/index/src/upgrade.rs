//! From one pack to the next without a moment in which nothing is found.
//!
//! What a newer pack or version makes of a source stands beside what the older one made, each with its own sealed time; which of
//! the two is read is decided by `packs`. The older rows stay until someone says that they are not needed any more, or goes
//! back to them: neither is ever done unasked.
//! Invariant: each of these takes one transaction; who searches meanwhile sees all of it or nothing.

use rusqlite::{Connection, Result, params};
use serde::Serialize;

use super::packs::id_of;
use super::read::states;
use super::{SourceState, Store, StoreError, write::Undone};

/// All tables that say under which pack something stands.
const MADE: [&str; 4] = ["sources", "gaps", "segments", "summaries"];

/// What was removed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    /// Ids of the packs that had made it.
    pub packs: Vec<String>,
    /// Of so many sources.
    pub sources: u64,
}

impl Removed {
    fn note(&mut self, pack: &str) {
        let id = id_of(pack);
        if !self.packs.iter().any(|known| known == id) {
            self.packs.push(id.to_owned());
        }
        self.sources += 1;
    }
}

impl Store {
    /// Names of the sources of which another pack made rows and the pack of this id has not made all yet. Live sources are none of
    /// them: what made their rows cannot be seen again; nor are those of which nothing is kept any longer.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn outdated(&self, id: &str) -> std::result::Result<Vec<String>, StoreError> {
        let states = self.sources()?;
        let by_it = |state: &SourceState| id_of(&state.pack) == id;
        let outdated = each_source(&states).filter(|packs| {
            let done = packs.iter().any(|state| by_it(state) && state.ended);
            !done && !packs.iter().all(by_it)
        });
        let mut names = Vec::new();
        for packs in outdated {
            if !self.is_expired(&packs[0].source)? {
                names.push(packs[0].source.clone());
            }
        }
        Ok(names)
    }

    /// Removes what was made by packs older than the current one of each source: from then on there is no way back.
    ///
    /// # Errors
    /// When the store cannot be written; nothing changes then.
    pub fn drop_older(&mut self) -> std::result::Result<Removed, StoreError> {
        self.change("remove older rows from", |change| {
            let mut removed = Removed::default();
            for packs in each_source(&states(change)?) {
                let older = packs.iter().take_while(|state| !state.current);
                for state in older {
                    drop_pack(change, &state.source, &state.pack)?;
                    removed.note(&state.pack);
                }
            }
            Ok(removed)
        })
    }

    /// Removes what the newest pack made wherever there is something older, which is current again then.
    ///
    /// # Errors
    /// When there is nothing older, or the store cannot be written; nothing changes then.
    pub fn roll_back(&mut self) -> std::result::Result<Removed, StoreError> {
        let path = self.path.clone();
        self.change("go back to older rows in", |change| {
            let states = states(change)?;
            let newest = newest_above_older(change)?;
            let newest = newest.ok_or(Undone::Refused(StoreError::NothingOlder { path }))?;
            let mut removed = Removed::default();
            for packs in each_source(&states) {
                let newer = packs
                    .iter()
                    .skip_while(|state| id_of(&state.pack) == newest);
                for state in newer.filter(|state| id_of(&state.pack) == newest) {
                    drop_pack(change, &state.source, &state.pack)?;
                    removed.note(&state.pack);
                }
            }
            Ok(removed)
        })
    }
}

/// The packs of each source that is not live, the oldest first.
fn each_source(states: &[SourceState]) -> impl Iterator<Item = &[SourceState]> {
    let sources = states.chunk_by(|a, b| a.source == b.source);
    sources.filter(|packs| !packs[0].live)
}

/// The id of the pack that was begun last over something that another one had made.
fn newest_above_older(connection: &Connection) -> Result<Option<String>> {
    let mut pairs = connection.prepare(
        "SELECT newer.pack, older.pack FROM sources newer JOIN sources older USING (source)
         WHERE older.begun < newer.begun AND NOT newer.live ORDER BY newer.begun DESC",
    )?;
    let mut pairs = pairs.query([])?;
    while let Some(pair) = pairs.next()? {
        let (newer, older) = (pair.get_ref(0)?.as_str()?, pair.get_ref(1)?.as_str()?);
        if id_of(newer) != id_of(older) {
            return Ok(Some(id_of(newer).to_owned()));
        }
    }
    Ok(None)
}

/// Removes what a pack made of a source with other settings.
pub(super) fn drop_other_settings(change: &Connection, source: &str, pack: &str) -> Result<()> {
    let mut packs = change.prepare("SELECT pack FROM sources WHERE source = ?1 AND pack <> ?2")?;
    let packs: Vec<String> = packs
        .query_map([source, pack], |row| row.get(0))?
        .collect::<Result<_>>()?;
    let same = packs.iter().filter(|other| id_of(other) == id_of(pack));
    same.into_iter()
        .try_for_each(|other| drop_pack(change, source, other))
}

fn drop_pack(change: &Connection, source: &str, pack: &str) -> Result<()> {
    for table in MADE {
        change.execute(
            &format!("DELETE FROM {table} WHERE source = ?1 AND pack = ?2"),
            params![source, pack],
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Seal;
    use super::super::testing::{found, row, store};
    use super::*;

    const OLD: &str = "p-1-a";
    const NEW: &str = "p-2-a";

    /// A recording of a second, worked through by a pack.
    fn index(store: &mut Store, source: &str, pack: &str, caption: &str) {
        store.begin(source, pack).unwrap();
        let rows = [row(0, caption)];
        store.seal(source, pack, Seal::of(&rows, 1000)).unwrap();
        store.finish(source, pack, 1000).unwrap();
    }

    /// Two recordings of the old pack, of which the new one has made one, and another one of the new pack.
    fn halfway() -> (Store, tempfile::TempDir) {
        let (mut store, folder) = store();
        index(&mut store, "done", OLD, "ball");
        index(&mut store, "waits", OLD, "ball");
        index(&mut store, "fresh", NEW, "ball");
        index(&mut store, "done", NEW, "cube");
        (store, folder)
    }

    fn packs(store: &Store) -> Vec<(String, String, bool)> {
        let states = store.sources().unwrap().into_iter();
        states
            .map(|state| (state.source, state.pack, state.current))
            .collect()
    }

    fn expected(states: &[(&str, &str, bool)]) -> Vec<(String, String, bool)> {
        let owned = |(source, pack, current): &(&str, &str, bool)| {
            ((*source).to_owned(), (*pack).to_owned(), *current)
        };
        states.iter().map(owned).collect()
    }

    #[test]
    fn outdated_is_what_only_another_pack_has_worked_through() {
        let (mut store, _folder) = halfway();
        assert_eq!(store.outdated("p-2").unwrap(), ["waits"]);
        store.begin("waits", NEW).unwrap();
        assert_eq!(
            store.outdated("p-2").unwrap(),
            ["waits"],
            "begun is not done"
        );
        assert_eq!(store.outdated("p-1").unwrap(), ["fresh"]);
        index(&mut store, "waits", NEW, "cube");
        assert!(store.outdated("p-2").unwrap().is_empty());
        store.begin("camera", OLD).unwrap();
        store.reopen("camera").unwrap();
        assert!(store.outdated("p-2").unwrap().is_empty());
    }

    #[test]
    fn going_back_makes_the_older_rows_current_and_removes_the_newer_ones() {
        let (mut store, _folder) = halfway();
        assert_eq!(found(&store, "cube"), [0]);
        let removed = store.roll_back().unwrap();
        assert_eq!(
            (&removed.packs[..], removed.sources),
            (&["p-2".to_owned()][..], 1)
        );
        let left = [
            ("done", OLD, true),
            ("fresh", NEW, true),
            ("waits", OLD, true),
        ];
        assert_eq!(packs(&store), expected(&left));
        assert!(found(&store, "cube").is_empty());
        assert_eq!(found(&store, "ball").len(), 3);
        assert_eq!(store.check().unwrap(), []);
        let said = store.roll_back().unwrap_err().to_string();
        assert!(said.contains("no rows of an older pack"), "{said}");
        index(&mut store, "done", NEW, "cube");
        assert_eq!(
            found(&store, "cube"),
            [0],
            "what was removed can be made anew"
        );
    }

    #[test]
    fn going_back_while_it_is_under_way_removes_what_there_is_of_it() {
        let (mut store, _folder) = halfway();
        store.begin("waits", NEW).unwrap();
        let rows = [row(0, "cube")];
        store.seal("waits", NEW, Seal::of(&rows, 500)).unwrap();
        assert_eq!(store.roll_back().unwrap().sources, 2);
        let late = store.seal("waits", NEW, Seal::of(&rows, 600));
        assert!(matches!(late, Err(StoreError::NotBegun { .. })));
    }

    #[test]
    fn older_rows_go_only_where_newer_ones_are_read() {
        let (mut store, _folder) = halfway();
        store.begin("waits", NEW).unwrap();
        let removed = store.drop_older().unwrap();
        assert_eq!(
            (&removed.packs[..], removed.sources),
            (&["p-1".to_owned()][..], 1)
        );
        let left = [
            ("done", NEW, true),
            ("fresh", NEW, true),
            ("waits", OLD, true),
            ("waits", NEW, false),
        ];
        assert_eq!(packs(&store), expected(&left));
        assert_eq!(store.check().unwrap(), []);
        assert_eq!(store.drop_older().unwrap(), Removed::default());
    }

    #[test]
    fn other_settings_of_one_pack_replace_each_other_and_leave_the_older_pack() {
        let (mut store, _folder) = halfway();
        index(&mut store, "done", "p-2-b", "cone");
        let states = packs(&store);
        assert_eq!(
            states[..2],
            expected(&[("done", OLD, false), ("done", "p-2-b", true)])
        );
    }

    #[test]
    fn a_live_source_is_left_alone() {
        let (mut store, _folder) = store();
        for pack in [OLD, NEW] {
            store.begin("camera", pack).unwrap();
            store.reopen("camera").unwrap();
        }
        assert!(store.roll_back().is_err());
        assert_eq!(store.drop_older().unwrap(), Removed::default());
        assert_eq!(store.sources().unwrap().len(), 2);
    }
}
