//! Says what is played next: the recordings of the plan, then those found in its folders, as they are found.
//!
//! Before a recording of a folder is played, its place in the stores is settled: whether it is known under this name or
//! another, was replaced, has grown, or needs no work at all. A scout looks into the folders; what it hands out is *busy*
//! until it was played, so that no file is played twice at a time.
//! Invariant: rows of a recording are moved or removed only while nothing of it is in the graph.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use atom_operators::data::SourceId;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use jiff::tz::TimeZone;
use tracing::{debug, warn};

use crate::{
    assemble::News,
    audience::Notice,
    error::RuntimeError,
    open::{self, Begin, Start},
    players::{Job, Way},
    run::Run,
    shelf::{OpenStore, Patience},
    vitals::{FoundFile, SourceVitals},
};
use atom_index::{Claim, Found, text_of};
use atom_media::{
    Location,
    file::growing::{ContainerKind, ContentDigest},
    file::recording_start::recording_start,
    folder::{self, FileEntry, FileState, ReadyFile, RecordingSet, ScanContext, SettleTracker},
};

/// How often folders are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// Looking takes no more than this share of the time: a folder on a slow disk is looked at less often.
const SHARE: u32 = 20;
/// What is gone and cannot be removed from the index now is tried again after so long.
const LATER: Duration = Duration::from_secs(30);
/// How long a wait is before it is seen whether the run has to end.
const WAIT: Duration = Duration::from_millis(50);

/// What is played next.
pub(crate) enum Turn {
    /// A source of the plan.
    Planned(usize),
    /// A recording of a folder.
    Found(FoundTurn),
}

/// A recording of a folder whose turn it is.
pub(crate) struct FoundTurn {
    planned: usize,
    /// How the index names it.
    name: String,
    ready: ReadyFile,
    state: FileState,
}

impl Turn {
    /// What is played, for people.
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Planned(_) => "a source of the plan",
            Self::Found(found) => &found.name,
        }
    }

    pub(crate) fn is_found(&self) -> bool {
        matches!(self, Self::Found(_))
    }
}

/// What the players of a run are to play.
pub(crate) struct Feed<'r> {
    run: &'r Run<'r>,
    locations: Vec<Option<Location>>,
    starts: Vec<Option<Start>>,
    turns: Receiver<Turn>,
    stores: Mutex<Vec<OpenStore>>,
    busy: Mutex<BTreeSet<PathBuf>>,
    /// Recordings that were handed out and have no place in the stores yet.
    unsettled: AtomicUsize,
    /// Recordings that were begun in this run: only the first time all of it is made anew, where that is wanted.
    begun: Mutex<BTreeSet<PathBuf>>,
    count: AtomicU32,
}

impl<'r> Feed<'r> {
    /// The feed of a run, and the scout of its folders, if it has any. `stores` are connections of their own.
    pub(crate) fn new(
        run: &'r Run<'r>,
        locations: Vec<Option<Location>>,
        begins: &[Begin],
        libraries: Vec<(usize, RecordingSet)>,
        stores: Vec<OpenStore>,
    ) -> (Self, Option<Scout>) {
        let (sender, turns) = unbounded();
        let recordings = begins.iter().zip(&run.plan.sources).enumerate();
        for (at, (begin, planned)) in recordings {
            if begin.start.is_some() && !planned.is_live() {
                // The other end is right here.
                let _ = sender.send(Turn::Planned(at));
            }
        }
        let scout = (!libraries.is_empty()).then(|| Scout::new(run, libraries, &stores, sender));
        let feed = Self {
            run,
            locations,
            starts: begins.iter().map(|begin| begin.start).collect(),
            turns,
            stores: Mutex::new(stores),
            busy: Mutex::default(),
            unsettled: AtomicUsize::new(0),
            begun: Mutex::default(),
            count: AtomicU32::new(0),
        };
        (feed, scout)
    }

    /// The next turn, as soon as there is one; nothing if there will be none.
    pub(crate) fn next(&self) -> Option<Turn> {
        while !self.run.stopped() {
            match self.turns.recv_timeout(WAIT) {
                Ok(turn) => return Some(turn),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }

    /// A turn is over.
    pub(crate) fn over(&self, turn: &Turn) {
        if let Turn::Found(found) = turn {
            lock(&self.busy).remove(&found.ready.path);
        }
    }

    /// What is to be played of a source of the plan.
    pub(crate) fn planned(&self, source: usize, way: &mut Way) -> Option<Job> {
        let vitals = self.run.vitals.source(SourceId::of(source as u32))?;
        let location = self.locations[source].clone()?;
        let start = self.starts[source].unwrap_or_default();
        Some(self.run.job(&vitals, location, &start, way))
    }

    /// What is to be played of a recording that was found; nothing if it is indexed already.
    pub(crate) fn found(
        &self,
        turn: &FoundTurn,
        way: &mut Way,
        news: &Sender<News>,
    ) -> Result<Option<Job>, RuntimeError> {
        let settling = Settling(&self.unsettled);
        let settled = self.settle_patiently(turn, news);
        drop(settling);
        let queue = &self.run.vitals.queue;
        let (name, begin) = match settled {
            Ok(Some(settled)) => settled,
            // What is gone by now is no failure.
            Ok(None) => {
                queue.skip(turn.state.size);
                return Ok(None);
            }
            Err(error) => {
                queue.skip(turn.state.size);
                return if folder::is_missing(&turn.ready.path) {
                    Ok(None)
                } else {
                    Err(error)
                };
            }
        };
        let Some(start) = begin.start else {
            queue.skip(turn.state.size);
            // Without its reader the run ends anyway.
            let _ = news.send(News::Notice(Notice::Known(name)));
            return Ok(None);
        };
        let planned = &self.run.plan.sources[turn.planned];
        let id = SourceId {
            planned: turn.planned as u32,
            recording: 1 + self.count.fetch_add(1, SeqCst),
        };
        let vitals = SourceVitals {
            id,
            name,
            found: Some(FoundFile {
                path: turn.ready.path.clone(),
                bytes: turn.state.size,
                growing: turn.ready.growing,
                folder: planned.name.clone(),
                followed: planned.settings.watch,
            }),
            ..SourceVitals::planned(self.run.plan, turn.planned, &begin, None)
        };
        let vitals = self.run.vitals.add(vitals);
        let location = Location::File(turn.ready.path.clone());
        Ok(Some(self.run.job(&vitals, location, &start, way)))
    }

    /// Settles a recording's place. Who follows a folder waits until the stores can be written.
    fn settle_patiently(
        &self,
        turn: &FoundTurn,
        news: &Sender<News>,
    ) -> Result<Option<(String, Begin)>, RuntimeError> {
        let followed = self.run.plan.sources[turn.planned].settings.watch;
        let mut patience = Patience::default();
        loop {
            match self.settle(turn, news) {
                Err(RuntimeError::Store(error))
                    if followed && error.may_pass() && !self.run.stopped() =>
                {
                    patience.wait(&error);
                }
                settled => return settled,
            }
        }
    }

    /// Settles a recording's place in all stores: its name, and how it begins.
    fn settle(
        &self,
        turn: &FoundTurn,
        news: &Sender<News>,
    ) -> Result<Option<(String, Begin)>, RuntimeError> {
        let path = &turn.ready.path;
        let whole = text_of(path);
        if !self.wait_for(&[&turn.name, &whole]) {
            return Ok(None);
        }
        let touched = touched(&turn.state);
        let known = self.known(turn, &touched);
        let begun = match &known {
            Some(_) => None,
            None => recording_start(path, &TimeZone::system()),
        };
        let content = match known {
            Some(content) => content,
            None => ContentDigest::of_file(path)?.to_string(),
        };
        let found = Found {
            name: "",
            path,
            content: &content,
            touched: &touched,
            start_utc_ms: begun.map(|begun| begun.at.as_millisecond()),
            grown_from: &|old| grown(old, path),
            stays: &|other| other.is_file() || self.in_flight_at(other),
            holds: &|other, content| holds(other, content) || self.in_flight_at(other),
        };
        let mut stores = lock(&self.stores);
        let mut names = BTreeMap::new();
        for open in stores.iter_mut() {
            if !open.sources.contains_key(&turn.planned) {
                continue;
            }
            let (name, claim) = claim(open, [&turn.name, &whole], &found)?;
            if let Some(notice) = Notice::of(&name, claim) {
                let _ = news.send(News::Notice(notice));
            }
            names.insert(open.node, name);
        }
        let name = names.values().next().unwrap_or(&turn.name).clone();
        let resume = self.run.resume || !lock(&self.begun).insert(path.clone());
        let begin = open::begin(
            self.run.plan,
            &mut stores,
            turn.planned,
            Some(&names),
            resume,
        )?;
        Ok(Some((name, begin)))
    }

    /// The content of a file that was not touched since it was indexed: it need not be read again.
    fn known(&self, turn: &FoundTurn, touched: &str) -> Option<String> {
        let stores = lock(&self.stores);
        let mut places = stores
            .iter()
            .filter_map(|open| open.store.place(&turn.name).ok().flatten());
        let same = places.find(|place| place.path == turn.ready.path && place.touched == touched);
        same.map(|place| place.content)
    }

    /// Waits until nothing of sources with these names is in the graph any more. Whether that came before the run had to end.
    fn wait_for(&self, names: &[&str]) -> bool {
        while self.in_flight(|source| names.contains(&source)) {
            if self.run.stopped() {
                return false;
            }
            thread::sleep(WAIT);
        }
        true
    }

    fn in_flight(&self, wanted: impl Fn(&str) -> bool) -> bool {
        let sources = self.run.vitals.sources();
        let found = sources.iter().filter(|source| source.found.is_some());
        found
            .flat_map(|source| source.shelves.values())
            .any(|shelf| wanted(&shelf.source))
    }

    /// Whether a file is still being played, or something of it is in the graph.
    fn in_flight_at(&self, path: &Path) -> bool {
        let sources = self.run.vitals.sources();
        let mut found = sources.iter().filter_map(|source| source.found.as_ref());
        lock(&self.busy).contains(path) || found.any(|found| found.path == path)
    }

    /// Removes what is known of a file that is gone. Whether nothing is left of it.
    fn forget(&self, path: &Path, news: &Sender<News>) -> bool {
        let mut forgotten = true;
        for open in lock(&self.stores).iter_mut() {
            match open.store.forget_file(path) {
                Ok(sources) => {
                    for source in sources {
                        let _ = news.send(News::Notice(Notice::Gone(source)));
                    }
                }
                Err(error) => {
                    forgotten = false;
                    debug!(%error, "what is gone is removed later");
                }
            }
        }
        forgotten
    }
}

/// Counts a recording as settled when it is let go, whatever became of it.
struct Settling<'f>(&'f AtomicUsize);

impl Drop for Settling<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

/// Claims the first of these names that no other file has.
fn claim(
    open: &mut OpenStore,
    names: [&str; 2],
    found: &Found,
) -> Result<(String, Claim), RuntimeError> {
    for name in names {
        let claim = open.store.claim(&Found { name, ..*found })?;
        if claim != Claim::Taken {
            return Ok((name.to_owned(), claim));
        }
    }
    // Nobody but this file has its whole path for a name.
    Ok((names[1].to_owned(), Claim::Taken))
}

/// Whether a file still holds this content.
fn holds(path: &Path, content: &str) -> bool {
    ContentDigest::of_file(path).is_ok_and(|now| now.to_string() == content)
}

/// Whether a file begins with an older content.
fn grown(old: &str, path: &Path) -> bool {
    let old = old.parse::<ContentDigest>().ok();
    old.is_some_and(|old| {
        let first = ContentDigest::of_prefix(path, old.size);
        first.is_ok_and(|first| first == Some(old))
    })
}

/// What changes when a file is written to: its size and the time.
fn touched(state: &FileState) -> String {
    let since = state.modified.duration_since(UNIX_EPOCH);
    format!(
        "{} {}",
        state.size,
        since.map_or(0, |since| since.as_nanos())
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Looks into the folders of a plan and hands out what is ready.
pub(crate) struct Scout {
    folders: Vec<Folder>,
    turns: Sender<Turn>,
    /// Folders that could not be read, told once.
    closed: BTreeSet<PathBuf>,
}

struct Folder {
    planned: usize,
    library: RecordingSet,
    /// What stands before the names of its recordings.
    prefix: String,
    watch: bool,
    keep_gone: bool,
    /// Whether what is made of it goes into an index.
    stored: bool,
    watched: SettleTracker,
}

impl Scout {
    fn new(
        run: &Run,
        libraries: Vec<(usize, RecordingSet)>,
        stores: &[OpenStore],
        turns: Sender<Turn>,
    ) -> Self {
        let folder = |(planned, library): (usize, RecordingSet)| {
            let source = &run.plan.sources[planned];
            let prefix = match source.name.is_empty() {
                true => String::new(),
                false => format!("{}/", source.name),
            };
            Folder {
                planned,
                library,
                prefix,
                watch: source.settings.watch,
                keep_gone: source.settings.keep_gone,
                stored: stores
                    .iter()
                    .any(|open| open.sources.contains_key(&planned)),
                watched: SettleTracker::default(),
            }
        };
        Self {
            folders: libraries.into_iter().map(folder).collect(),
            turns,
            closed: BTreeSet::new(),
        }
    }

    /// Looks once, and again and again where that is asked for, until the run ends. Then what is gone is removed.
    pub(crate) fn run(mut self, feed: &Feed, news: &Sender<News>) {
        self.expect_known(feed);
        self.look(feed, true);
        while self.folders.iter().any(|folder| folder.watch) && !feed.run.stopped() {
            let begun = Instant::now();
            thread::sleep(WAIT);
            self.look(feed, false);
            self.sweep(feed, folder::REMOVAL_GRACE, news);
            let next = begun + LOOK.max(begun.elapsed() * SHARE);
            while Instant::now() < next && !feed.run.stopped() {
                thread::sleep(WAIT);
            }
        }
        while feed.unsettled.load(SeqCst) > 0 && !feed.run.stopped() {
            thread::sleep(WAIT);
        }
        if !feed.run.stopped() {
            self.sweep(feed, Duration::ZERO, news);
        }
    }

    /// Recordings that the stores know and that are not there are as gone as those that go later.
    fn expect_known(&mut self, feed: &Feed) {
        for open in lock(&feed.stores).iter() {
            for place in open.store.places().unwrap_or_default() {
                let folders = self.folders.iter_mut();
                let mut of = folders.filter(|folder| {
                    open.sources.contains_key(&folder.planned)
                        && folder.library.contains(&place.path)
                });
                if let Some(folder) = of.next() {
                    folder.watched.expect_missing(place.path, Instant::now());
                }
            }
        }
    }

    fn look(&mut self, feed: &Feed, first: bool) {
        let mut seen = BTreeSet::new();
        for folder in &mut self.folders {
            if !(first || folder.watch) {
                continue;
            }
            let listing = folder::list(&folder.library);
            for (path, error) in listing.unreadable {
                if self.closed.insert(path.clone()) {
                    warn!("cannot read the folder {}: {error}", path.display());
                }
            }
            let mut files = listing.files;
            // A file that two folders hold belongs to the first.
            files.retain(|entry| seen.insert(entry.path.clone()));
            for turn in folder.ready(files, feed, Instant::now()) {
                feed.run.vitals.queue.add(turn.state.size);
                feed.unsettled.fetch_add(1, SeqCst);
                // The feed holds the other end.
                let _ = self.turns.send(Turn::Found(turn));
            }
        }
    }

    fn sweep(&mut self, feed: &Feed, grace: Duration, news: &Sender<News>) {
        // What is not settled may be what is gone, under its new name.
        if feed.unsettled.load(SeqCst) > 0 {
            return;
        }
        for folder in &mut self.folders {
            for path in folder.watched.take_removed(Instant::now(), grace) {
                if folder.keep_gone {
                    continue;
                }
                let now = !feed.in_flight_at(&path) && folder::was_removed(&path);
                if !(now && feed.forget(&path, news)) {
                    // It may be removed later, or come back.
                    folder.watched.expect_missing(path, Instant::now() + LATER);
                }
            }
        }
    }
}

impl Folder {
    /// How the index names a recording.
    fn name(&self, path: &Path) -> String {
        format!("{}{}", self.prefix, text_of(self.library.index_name(path)))
    }

    fn ready(&mut self, files: Vec<FileEntry>, feed: &Feed, now: Instant) -> Vec<FoundTurn> {
        let states: BTreeMap<PathBuf, FileState> = files
            .iter()
            .map(|entry| (entry.path.clone(), entry.state))
            .collect();
        let asking = ScanContext {
            playing: &|path| lock(&feed.busy).contains(path),
            // Without a store it would be played from its beginning each time.
            playable_while_growing: &|path| {
                self.stored
                    && ContainerKind::sniff(path).is_ok_and(ContainerKind::playable_while_growing)
            },
            wait_until_settled: self.watch,
            wall_time: SystemTime::now(),
        };
        let ready = self.watched.update(files, now, &asking);
        let turn = |ready: ReadyFile| {
            lock(&feed.busy).insert(ready.path.clone());
            Some(FoundTurn {
                planned: self.planned,
                name: self.name(&ready.path),
                state: *states.get(&ready.path)?,
                ready,
            })
        };
        ready.into_iter().filter_map(turn).collect()
    }
}
