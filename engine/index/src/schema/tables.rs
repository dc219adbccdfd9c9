//! The tables of a store, created in one transaction with its version.
//!
//! There is one version. A change to the tables raises [`VERSION`], and a file of any other version is refused.
//! Invariant: the full-text index, thumbnails and the list of changes follow the rows by triggers, so no writer
//! can forget them.

/// The version this code reads and writes.
pub(crate) const VERSION: u32 = 2;

/// All tables, views and triggers.
///
/// - `sources`: one row for each source and pack. `run` is the number of the latest start of indexing; it orders the
///   packs of a source, and a row of `segments` carries the run that wrote it, so `finish` can tell which rows are old. Numbers
///   come from `runs` and are never reused, so a reader notices a source that was removed and added again. `failed_stage` and
///   `failed_reason` say why the latest run did not reach the end of the source; the start of a run clears them.
/// - `current_sources`: the packs of each source that searches read. All packs of a live source are current, because its frames
///   cannot be seen again. Of any other source the newest pack that has caught up with all older ones is current. A pack
///   that has ended has caught up; before that it must hold something, be at most ten seconds behind, and the older one must not
///   have ended.
/// - `segments`: `id` is declared because VACUUM may renumber undeclared row ids, and the full-text index points at them.
///   `answers` is JSON and includes the questions; `answer_words` holds the answers alone, since every row would match the words
///   of a question that is asked of all. `objects` is JSON: for each class its name, the most in one frame, the time of that frame and
///   the number of frames with any. Vectors stand last because they are the widest columns.
/// - `thumbnails`: a table of their own, since a picture is wider than the rest of its row.
/// - `gaps`: stretches without rows.
/// - `changes`: ids of rows that were added, changed or removed, the newest 16,384.
/// - `files`: the catalog of recordings. `content` is a fingerprint, `touched` changes whenever the file is written to.
/// - `played_files`: the files that runs play under names of their own, such as a source of a pipeline file. They are no part of the
///   catalog. `source_paths`: the present path of each source that has a file.
/// - `start_times`: when the media time of a source was 0. `origin` says how that is known.
/// - `matches`: segments among the best of a standing query; `events`: how that changed, the newest 65,536.
/// - `query_state`: `revision` counts changes to queries. `applied_change` and `applied_revision` are the change of rows and
///   the revision that `matches` reflects.
/// - `watermarks`: the latest time of each timeline that the windows of standing queries count back from.
/// - `query_vectors`: text embeddings that standing queries need.
pub(crate) const TABLES: &str = "
CREATE TABLE sources (
    source TEXT NOT NULL,
    pack TEXT NOT NULL,
    run INTEGER NOT NULL,
    sealed_ms INTEGER NOT NULL DEFAULT 0,
    ended INTEGER NOT NULL DEFAULT 0,
    live INTEGER NOT NULL DEFAULT 0,
    failed_stage TEXT,
    failed_reason TEXT,
    CHECK ((failed_stage IS NULL) = (failed_reason IS NULL)),
    PRIMARY KEY (source, pack)
) STRICT, WITHOUT ROWID;
CREATE TABLE runs (last INTEGER NOT NULL) STRICT;
INSERT INTO runs VALUES (0);
CREATE TRIGGER run_started AFTER INSERT ON sources BEGIN
    UPDATE runs SET last = new.run;
END;
CREATE TRIGGER run_restarted AFTER UPDATE OF run ON sources WHEN new.run <> old.run BEGIN
    UPDATE runs SET last = new.run;
END;
CREATE VIEW caught_up AS
    SELECT * FROM sources newer WHERE ended OR NOT EXISTS (
        SELECT 1 FROM sources older WHERE older.source = newer.source AND older.run < newer.run
            AND (older.ended OR older.sealed_ms > newer.sealed_ms + 10000
                OR newer.sealed_ms = 0 AND older.sealed_ms > 0)
    );
CREATE VIEW current_sources AS
    SELECT source, pack, sealed_ms FROM sources s
    WHERE live OR run = (SELECT max(run) FROM caught_up c WHERE c.source = s.source);

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
    objects TEXT NOT NULL,
    embedding BLOB NOT NULL,
    concepts BLOB NOT NULL,
    caption_embedding BLOB NOT NULL,
    UNIQUE (source, start_ms, pack)
) STRICT;
CREATE INDEX failed_segments ON segments (source, pack, start_ms) WHERE failed <> '[]';
CREATE VIRTUAL TABLE segments_fts USING fts5(
    caption, tags, answer_words, content = 'segments', content_rowid = 'id', tokenize = 'porter unicode61'
);
CREATE TABLE thumbnails (
    segment INTEGER PRIMARY KEY,
    jpeg BLOB NOT NULL
) STRICT;
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
CREATE TRIGGER oldest_change_dropped AFTER INSERT ON changes BEGIN
    DELETE FROM changes WHERE n <= new.n - 16384;
END;
CREATE TRIGGER segment_added AFTER INSERT ON segments BEGIN
    INSERT INTO segments_fts(rowid, caption, tags, answer_words)
        VALUES (new.id, new.caption, new.tags, new.answer_words);
    INSERT INTO changes (segment) VALUES (new.id);
END;
CREATE TRIGGER segment_changed AFTER UPDATE ON segments BEGIN
    INSERT INTO segments_fts(segments_fts, rowid, caption, tags, answer_words)
        VALUES ('delete', old.id, old.caption, old.tags, old.answer_words);
    INSERT INTO segments_fts(rowid, caption, tags, answer_words)
        VALUES (new.id, new.caption, new.tags, new.answer_words);
    INSERT INTO changes (segment) VALUES (new.id);
END;
CREATE TRIGGER segment_removed AFTER DELETE ON segments BEGIN
    INSERT INTO segments_fts(segments_fts, rowid, caption, tags, answer_words)
        VALUES ('delete', old.id, old.caption, old.tags, old.answer_words);
    DELETE FROM thumbnails WHERE segment = old.id;
    INSERT INTO changes (segment) VALUES (old.id);
END;

CREATE TABLE files (
    source TEXT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL,
    content TEXT NOT NULL,
    touched TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX files_by_content ON files (content);
CREATE INDEX files_by_path ON files (path);
CREATE TABLE played_files (
    source TEXT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE VIEW source_paths AS
    SELECT source, path FROM files
    UNION ALL
    SELECT source, path FROM played_files p WHERE NOT EXISTS (SELECT 1 FROM files f WHERE f.source = p.source);
CREATE TABLE start_times (
    source TEXT NOT NULL PRIMARY KEY,
    start_utc_ms INTEGER NOT NULL,
    origin TEXT NOT NULL
) STRICT, WITHOUT ROWID;

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
CREATE TABLE query_state (
    revision INTEGER NOT NULL,
    applied_change INTEGER NOT NULL,
    applied_revision INTEGER NOT NULL
) STRICT;
INSERT INTO query_state VALUES (0, 0, 0);
CREATE TABLE watermarks (
    timeline TEXT NOT NULL PRIMARY KEY,
    latest_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE query_vectors (
    pack TEXT NOT NULL,
    text TEXT NOT NULL,
    vector BLOB NOT NULL,
    PRIMARY KEY (pack, text)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER query_added AFTER INSERT ON queries BEGIN
    UPDATE query_state SET revision = revision + 1;
END;
CREATE TRIGGER query_changed AFTER UPDATE ON queries BEGIN
    UPDATE query_state SET revision = revision + 1;
END;
CREATE TRIGGER query_removed AFTER DELETE ON queries BEGIN
    UPDATE query_state SET revision = revision + 1;
    DELETE FROM matches WHERE query = old.id;
END;
";

#[cfg(test)]
mod tests {
    #[test]
    fn the_list_of_changes_keeps_the_newest_only() {
        let (store, _folder) = crate::testing::store();
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
