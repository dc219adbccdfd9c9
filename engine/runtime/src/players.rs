//! The threads that play sources: one for each live source, a few for all recordings.
//!
//! A live source never ends by itself and must not wait for others, so it has a lane of its own; recordings take turns on
//! theirs. Whatever becomes of a source, it is ended in the graph.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{Scope, ScopedJoinHandle},
};

use atom_operators::{flow::Flow, intake::Record};
use crossbeam::channel::{Receiver, Sender};
use tracing::warn;

use crate::{
    assemble::News,
    error::RuntimeError,
    feed::{Feed, Turn},
};
use atom_media::{
    FrameSender, Location, PlaybackRequest, PlaybackSummary, follow_live,
    live::connection_status::ConnectionState, play_recording,
};
use atom_models::error_chain;

/// So many recordings are played at a time.
pub(crate) const AT_ONCE: usize = 4;
/// So many recordings that could not be played are named at the end; the others were told when it happened.
const MOST_TOLD: usize = 100;

/// The source's side of a lane.
pub(crate) struct Way {
    /// Takes records.
    pub(crate) sender: Sender<Record>,
    /// Of a live source, the other end: what nobody has taken yet. Nobody else may keep it, or who sends would never see that
    /// the graph is gone.
    pub(crate) waiting: Option<Receiver<Record>>,
    /// What is in flight on it.
    pub(crate) flow: Arc<Flow>,
}

/// The source's side of all lanes.
pub(crate) struct Ways {
    /// Those of live sources of the plan.
    pub(crate) live: Vec<(usize, Way)>,
    /// Those on which recordings take turns.
    pub(crate) shared: Vec<Way>,
}

/// A source that is to be played, and its side of the way into the graph.
pub(crate) type Job = (PlaybackRequest, FrameSender);

/// What could not be played.
#[derive(Default)]
pub(crate) struct Players {
    /// By what it was.
    broken: Mutex<BTreeMap<String, String>>,
}

impl Players {
    /// Starts a thread for each live source of the plan, and one for each of the other ways.
    pub(crate) fn start<'s, 'f: 's>(
        &'s self,
        threads: &'s Scope<'s, '_>,
        feed: &'s Feed<'f>,
        ways: Ways,
        news: &Sender<News>,
    ) -> Vec<ScopedJoinHandle<'s, ()>> {
        let alone = ways.live.into_iter().map(|(source, way)| {
            threads.spawn(move || {
                let mut way = way;
                let job = feed.planned(source, &mut way);
                job.into_iter().for_each(|job| self.play(job, false));
                hang_up(way);
            })
        });
        let mut players: Vec<_> = alone.collect();
        players.extend(ways.shared.into_iter().map(|way| {
            let news = news.clone();
            threads.spawn(move || {
                let mut way = way;
                while let Some(turn) = feed.next() {
                    let take = AssertUnwindSafe(|| self.take(&turn, feed, &mut way, &news));
                    if catch_unwind(take).is_err() {
                        self.tell(turn.name(), &panicked(), turn.is_found());
                    }
                    feed.over(&turn);
                }
                hang_up(way);
            })
        }));
        players
    }

    /// What could not be played.
    pub(crate) fn broken(self) -> Vec<String> {
        let broken = self.broken.into_inner();
        let broken = broken.unwrap_or_else(PoisonError::into_inner);
        broken.into_values().collect()
    }

    fn take(&self, turn: &Turn, feed: &Feed, way: &mut Way, news: &Sender<News>) {
        let job = match turn {
            Turn::Planned(source) => Ok(feed.planned(*source, way)),
            Turn::Found(found) => feed.found(found, way, news),
        };
        match job {
            Ok(Some(job)) => self.play(job, turn.is_found()),
            Ok(None) => {}
            Err(error) => self.tell(turn.name(), &error, turn.is_found()),
        }
    }

    fn play(&self, (wanted, outlet): Job, found: bool) {
        let what = wanted.location.shown();
        let file = match &wanted.location {
            Location::File(path) => Some(path.clone()),
            _ => None,
        };
        let play = AssertUnwindSafe(|| {
            wanted.location.check()?;
            Ok(match wanted.live {
                _ if outlet.cancelled() => PlaybackSummary::default(),
                Some(how) => follow_live(wanted, how, &outlet)?,
                None => play_recording(wanted, &outlet)?,
            })
        });
        let played = catch_unwind(play).unwrap_or_else(|_| Err(panicked()));
        let gone = || found && file.is_some_and(|file| !file.exists());
        let ended = match played {
            Ok(ended) => {
                self.lock().remove(&what);
                ended
            }
            Err(error) => {
                // What somebody took away is no failure.
                if !gone() {
                    self.tell(&what, &error, found);
                }
                PlaybackSummary::default()
            }
        };
        outlet.connection.set(ConnectionState::Over, None);
        outlet.end(ended);
    }

    /// A recording of a folder is told at once: the run may go on for days.
    fn tell(&self, what: &str, error: &RuntimeError, found: bool) {
        let said = error_chain(error);
        if found {
            warn!("{said}");
        }
        let mut broken = self.lock();
        if broken.len() < MOST_TOLD {
            broken.insert(what.to_owned(), said);
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn panicked() -> RuntimeError {
    RuntimeError::Graph {
        reason: "a source panicked".into(),
    }
}

/// Nothing comes on a lane any more, which the graph has to see.
fn hang_up(way: Way) {
    let Way { sender, flow, .. } = way;
    drop(sender);
    flow.wake();
}
