//! The tables of a store, and what brings those of each version to the next one.
//!
//! A store of any earlier version is brought to this one when it is opened, rows and all, in one transaction. What a version
//! had is never edited here; a change of tables adds a step.
//! Invariant: the full text, the thumbnails, the summaries and the list of changes follow the rows by triggers, so that no
//! writer can forget them.

use rusqlite::{Connection, Result, params};

use super::compact;

/// The version this code writes.
pub(super) const VERSION: u32 = 7;

/// `begun` orders the packs of a source by when each was begun anew; `run` counts restarts, and a row remembers the run that
/// wrote it, so that `finish` can tell rows that were not written anew. `segments` has an `id` of its own because a
/// rowid that is not declared may change in VACUUM, and the full text points at it. `places` tells which file has a name. `answers` is JSON with the
/// questions in it; `answer_words` has the answers alone, since every row would match the words of a question asked of
/// all. The vectors stand last because they are the widest. Triggers keep the full text in step, and take away the summaries of
/// stretches that change: no writer can forget.
pub(super) const TABLES: &str = "
CREATE TABLE sources (
    source TEXT NOT NULL,
    pack TEXT NOT NULL,
    begun INTEGER NOT NULL,
    run INTEGER NOT NULL,
    sealed_ms INTEGER NOT NULL,
    ended INTEGER NOT NULL,
    PRIMARY KEY (source, pack)
) STRICT, WITHOUT ROWID;
CREATE TABLE places (
    source TEXT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE VIEW current_sources AS
    SELECT source, pack, sealed_ms FROM (
        SELECT *, row_number() OVER (PARTITION BY source ORDER BY ended DESC, begun DESC) AS place FROM sources
    ) WHERE place = 1;
CREATE TABLE segments (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    pack TEXT NOT NULL,
    run INTEGER NOT NULL,
    caption TEXT,
    tags TEXT NOT NULL,
    answers TEXT NOT NULL,
    answer_words TEXT NOT NULL,
    failed TEXT NOT NULL,
    embedding BLOB NOT NULL,
    UNIQUE (source, start_ms, pack)
) STRICT;
CREATE VIRTUAL TABLE segments_fts USING fts5(
    caption, tags, answer_words, content = 'segments', content_rowid = 'id', tokenize = 'porter unicode61'
);
CREATE TRIGGER segment_added AFTER INSERT ON segments BEGIN
    INSERT INTO segments_fts(rowid, caption, tags, answer_words)
        VALUES (new.id, new.caption, new.tags, new.answer_words);
END;
CREATE TRIGGER segment_changed AFTER UPDATE ON segments BEGIN
    INSERT INTO segments_fts(segments_fts, rowid, caption, tags, answer_words)
        VALUES ('delete', old.id, old.caption, old.tags, old.answer_words);
    INSERT INTO segments_fts(rowid, caption, tags, answer_words)
        VALUES (new.id, new.caption, new.tags, new.answer_words);
END;
CREATE TRIGGER segment_removed AFTER DELETE ON segments BEGIN
    INSERT INTO segments_fts(segments_fts, rowid, caption, tags, answer_words)
        VALUES ('delete', old.id, old.caption, old.tags, old.answer_words);
END;
";

/// Brings the tables of one version to the next.
type Step = fn(&Connection) -> Result<()>;

/// The steps, from version 1 on.
const STEPS: [Step; (VERSION - 1) as usize] = [
    |connection| connection.execute_batch(CONCEPTS),
    |connection| connection.execute_batch(CLOCKS),
    to_compact_vectors,
    |connection| connection.execute_batch(QUERIES),
    |connection| connection.execute_batch(SIDE_BY_SIDE),
    |connection| connection.execute_batch(BEGUN),
];

/// Version 2: what is seen of each concept, and what minutes came to.
const CONCEPTS: &str = "
ALTER TABLE segments ADD COLUMN concepts BLOB NOT NULL DEFAULT x'';
CREATE TABLE summaries (
    source TEXT NOT NULL,
    pack TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (source, pack, start_ms, end_ms)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER summed_up_added AFTER INSERT ON segments BEGIN
    DELETE FROM summaries WHERE source = new.source AND pack = new.pack
        AND start_ms <= new.start_ms AND end_ms > new.start_ms;
END;
CREATE TRIGGER summed_up_changed AFTER UPDATE ON segments BEGIN
    DELETE FROM summaries WHERE source = new.source AND pack = new.pack
        AND start_ms <= new.start_ms AND end_ms > new.start_ms;
END;
CREATE TRIGGER summed_up_removed AFTER DELETE ON segments BEGIN
    DELETE FROM summaries WHERE source = old.source AND pack = old.pack
        AND start_ms <= old.start_ms AND end_ms > old.start_ms;
END;
";

/// Version 3: when the media time of live sources was 0.
const CLOCKS: &str = "
CREATE TABLE clocks (
    source TEXT NOT NULL PRIMARY KEY,
    start_utc_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Version 4. The triggers on changed rows go while every row is written anew: nothing of what they see to changes by that.
const VECTORS_OPEN: &str = "
DROP TRIGGER segment_changed;
DROP TRIGGER summed_up_changed;
";

/// Vectors are compact (see `compact`) and those of captions stand beside those of pictures. Thumbnails have a table of
/// their own, since they are wider than all the rest of a row together. `changes` lists the rows that came, changed or
/// went, the newest so many of them: who keeps rows in memory reads only those. `gaps` are stretches without rows.
const VECTORS: &str = "
ALTER TABLE segments ADD COLUMN caption_embedding BLOB NOT NULL DEFAULT x'';
ALTER TABLE places ADD COLUMN content TEXT NOT NULL DEFAULT '';
ALTER TABLE places ADD COLUMN touched TEXT NOT NULL DEFAULT '';
CREATE INDEX places_by_content ON places (content);
CREATE INDEX places_by_path ON places (path);
CREATE INDEX sources_by_begun ON sources (begun);
CREATE INDEX failed_segments ON segments (source, pack, start_ms) WHERE failed <> '[]';
CREATE TABLE thumbnails (
    segment INTEGER PRIMARY KEY,
    jpeg BLOB NOT NULL
) STRICT;
CREATE TRIGGER thumbnail_removed AFTER DELETE ON segments BEGIN
    DELETE FROM thumbnails WHERE segment = old.id;
END;
CREATE TABLE gaps (
    source TEXT NOT NULL,
    pack TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER,
    run INTEGER NOT NULL,
    why TEXT NOT NULL,
    PRIMARY KEY (source, pack, start_ms)
) STRICT, WITHOUT ROWID;
CREATE TABLE changes (
    n INTEGER PRIMARY KEY,
    segment INTEGER NOT NULL
) STRICT;
CREATE TRIGGER segment_changed AFTER UPDATE ON segments BEGIN
    INSERT INTO segments_fts(segments_fts, rowid, caption, tags, answer_words)
        VALUES ('delete', old.id, old.caption, old.tags, old.answer_words);
    INSERT INTO segments_fts(rowid, caption, tags, answer_words)
        VALUES (new.id, new.caption, new.tags, new.answer_words);
END;
CREATE TRIGGER summed_up_changed AFTER UPDATE ON segments BEGIN
    DELETE FROM summaries WHERE source = new.source AND pack = new.pack
        AND start_ms <= new.start_ms AND end_ms > new.start_ms;
END;
CREATE TRIGGER added_listed AFTER INSERT ON segments BEGIN
    INSERT INTO changes (segment) VALUES (new.id);
END;
CREATE TRIGGER changed_listed AFTER UPDATE ON segments BEGIN
    INSERT INTO changes (segment) VALUES (new.id);
END;
CREATE TRIGGER removed_listed AFTER DELETE ON segments BEGIN
    INSERT INTO changes (segment) VALUES (old.id);
END;
CREATE TRIGGER oldest_change_dropped AFTER INSERT ON changes BEGIN
    DELETE FROM changes WHERE n <= new.n - 16384;
END;
";

/// Version 5: standing queries. `spec` is JSON. `matches` are the segments among the best of a query that have been told,
/// `events` what was told, the newest so many of them. `revision` counts changes of queries; `kept_change` and `kept_revision` say which
/// change of rows and which revision `matches` stands for. `newest` is the newest moment of each line of time, which
/// spans count back from: it never goes back. `query_vectors` are those of texts that queries need.
const QUERIES: &str = "
CREATE TABLE queries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL,
    pipeline TEXT
) STRICT;
CREATE TABLE matches (
    query INTEGER NOT NULL,
    segment INTEGER NOT NULL,
    score INTEGER NOT NULL,
    source TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    PRIMARY KEY (query, segment)
) STRICT, WITHOUT ROWID;
CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    query TEXT NOT NULL,
    event TEXT NOT NULL,
    score INTEGER NOT NULL,
    source TEXT NOT NULL,
    start_ms INTEGER NOT NULL,
    end_ms INTEGER NOT NULL,
    text TEXT,
    at_utc_ms INTEGER NOT NULL
) STRICT;
CREATE TRIGGER oldest_event_dropped AFTER INSERT ON events BEGIN
    DELETE FROM events WHERE id <= new.id - 65536;
END;
CREATE TABLE standing (
    revision INTEGER NOT NULL,
    kept_change INTEGER NOT NULL,
    kept_revision INTEGER NOT NULL
) STRICT;
INSERT INTO standing VALUES (0, 0, 0);
CREATE TABLE newest (
    line TEXT NOT NULL PRIMARY KEY,
    moment_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE query_vectors (
    pack TEXT NOT NULL,
    text TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (pack, text)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER query_added AFTER INSERT ON queries BEGIN
    UPDATE standing SET revision = revision + 1;
END;
CREATE TRIGGER query_changed AFTER UPDATE ON queries BEGIN
    UPDATE standing SET revision = revision + 1;
END;
CREATE TRIGGER query_removed AFTER DELETE ON queries BEGIN
    UPDATE standing SET revision = revision + 1;
    DELETE FROM matches WHERE query = old.id;
END;
";

/// Version 6: packs stand side by side. Of a `live` source the rows of all packs are read, each was made of pictures that cannot be
/// seen again. Of any other source one pack is: the newest that has caught up with all older ones. A pack that has ended has
/// caught up; before that, it must have begun, be at most ten seconds behind, and the older one must not have ended either:
/// what has an end is worth waiting for.
const SIDE_BY_SIDE: &str = "
ALTER TABLE sources ADD COLUMN live INTEGER NOT NULL DEFAULT 0;
UPDATE sources SET live = 1 WHERE NOT ended
    AND source IN (SELECT source FROM clocks) AND source NOT IN (SELECT source FROM places);
CREATE VIEW caught_up AS
    SELECT * FROM sources newer WHERE ended OR NOT EXISTS (
        SELECT 1 FROM sources older WHERE older.source = newer.source AND older.begun < newer.begun
            AND (older.ended OR older.sealed_ms > newer.sealed_ms + 10000
                OR newer.sealed_ms = 0 AND older.sealed_ms > 0)
    );
DROP VIEW current_sources;
CREATE VIEW current_sources AS
    SELECT source, pack, sealed_ms FROM sources s
    WHERE live OR begun = (SELECT max(begun) FROM caught_up c WHERE c.source = s.source);
";

/// Version 7: `begun` is never given twice, so that who follows a store sees that a source went and came again between two looks.
const BEGUN: &str = "
CREATE TABLE runs (begun INTEGER NOT NULL) STRICT;
INSERT INTO runs SELECT coalesce(max(begun), 0) FROM sources;
CREATE TRIGGER source_begun AFTER INSERT ON sources BEGIN
    UPDATE runs SET begun = new.begun;
END;
CREATE TRIGGER source_begun_anew AFTER UPDATE OF begun ON sources WHEN new.begun <> old.begun BEGIN
    UPDATE runs SET begun = new.begun;
END;
";

/// Brings tables of version `found` to this one; call it in a transaction.
pub(super) fn bring_up(connection: &Connection, found: u32) -> Result<()> {
    STEPS
        .iter()
        .skip(found.max(1) as usize - 1)
        .try_for_each(|step| step(connection))
}

fn to_compact_vectors(connection: &Connection) -> Result<()> {
    connection.execute_batch(VECTORS_OPEN)?;
    let mut ids = connection.prepare("SELECT id FROM segments")?;
    let mut read = connection.prepare("SELECT embedding FROM segments WHERE id = ?1")?;
    let mut write = connection.prepare("UPDATE segments SET embedding = ?2 WHERE id = ?1")?;
    let ids: Vec<i64> = ids
        .query_map([], |row| row.get(0))?
        .collect::<Result<_>>()?;
    for id in ids {
        let wide: Vec<f32> = read.query_row([id], |row| {
            let (numbers, _rest) = row.get_ref(0)?.as_blob()?.as_chunks::<4>();
            Ok(numbers.iter().copied().map(f32::from_le_bytes).collect())
        })?;
        write.execute(params![id, compact::blob(&wide)])?;
    }
    connection.execute_batch(VECTORS)
}

#[cfg(test)]
mod tests {
    use tempfile::tempdir;

    use super::super::Store;
    use super::super::schema::APPLICATION;
    use super::super::testing::found;
    use super::*;

    /// A store as version 3 left it: one row with a vector of 32-bit numbers, and a summary over it.
    fn version_3(path: &std::path::Path) -> Connection {
        let old = Connection::open(path).unwrap();
        old.execute_batch(TABLES).unwrap();
        old.execute_batch(CONCEPTS).unwrap();
        old.execute_batch(CLOCKS).unwrap();
        old.execute_batch(
            "INSERT INTO sources VALUES ('door', 'p', 1, 0, 4000, 1);
             INSERT INTO places VALUES ('door', '/door.mp4');
             INSERT INTO clocks VALUES ('door', 7);
             INSERT INTO segments VALUES (1, 'door', 0, 4000, 'p', 0, 'a red ball', '', '[]', '', '[]',
                x'0000003f000080bf', x'ff00');
             INSERT INTO summaries VALUES ('door', 'p', 0, 60000, 'quiet');",
        )
        .unwrap();
        old.pragma_update(None, "application_id", APPLICATION)
            .unwrap();
        old.pragma_update(None, "user_version", 3).unwrap();
        old
    }

    #[test]
    fn a_store_of_version_3_keeps_all_it_has_and_its_vectors_become_compact() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("old.db");
        drop(version_3(&path));
        let store = Store::open_existing(&path).unwrap();
        let row = store.rows(None, None, None).unwrap().remove(0).row;
        assert_eq!(row.concepts, [1.0, 0.0]);
        assert!(row.caption_embedding.is_empty() && row.thumbnail.is_empty());
        assert!((row.embedding[0] - 0.5).abs() < 0.004, "{row:?}");
        assert_eq!(row.embedding[1], -1.0);
        assert_eq!(store.starts().unwrap()["door"], 7);
        let summary = store.summary("door", "p", 0, 60_000).unwrap();
        assert_eq!(summary.as_deref(), Some("quiet"));
        assert_eq!(found(&store, "ball"), [0]);
        assert!(store.incomplete(None, None, None).unwrap().is_empty());
        drop(store);
        let store = Store::open(&path).unwrap();
        assert!(store.places().is_ok());
    }

    #[test]
    fn what_an_older_version_kept_of_a_camera_is_live() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("old.db");
        version_3(&path)
            .execute_batch(
                "INSERT INTO sources VALUES ('camera', 'p', 2, 0, 4000, 0);
                 INSERT INTO clocks VALUES ('camera', 8);",
            )
            .unwrap();
        let states = Store::open_existing(&path).unwrap().sources().unwrap();
        let live: Vec<_> = states.iter().map(|state| state.live).collect();
        assert_eq!(live, [true, false]);
    }

    #[test]
    fn a_step_that_fails_leaves_the_store_as_it_was() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("old.db");
        version_3(&path)
            .execute_batch("CREATE TABLE gaps (x)")
            .unwrap();
        assert!(Store::open_existing(&path).is_err());
        let old = Connection::open(&path).unwrap();
        let left: (u32, i64) = (
            old.pragma_query_value(None, "user_version", |row| row.get(0))
                .unwrap(),
            old.query_row("SELECT length(embedding) FROM segments", [], |row| {
                row.get(0)
            })
            .unwrap(),
        );
        assert_eq!(left, (3, 8));
    }

    #[test]
    fn the_list_of_changes_keeps_the_newest_only() {
        let (store, _folder) = super::super::testing::store();
        store
            .connection
            .execute_batch(
                "WITH RECURSIVE many(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM many WHERE n < 20000)
                 INSERT INTO changes (segment) SELECT n FROM many",
            )
            .unwrap();
        let count = "SELECT count(*), min(n), max(n) FROM changes";
        let kept: (i64, i64, i64) = store
            .connection
            .query_row(count, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .unwrap();
        assert_eq!(kept, (16_384, 3617, 20_000));
    }
}
