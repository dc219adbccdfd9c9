//! The threads that play sources: one for each live source, a few for all recordings.
//!
//! A live source never ends by itself and must not wait for others; recordings wait their turn. Whatever becomes of a source,
//! it is ended in the graph.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Mutex, PoisonError},
    thread::{Scope, ScopedJoinHandle},
};

use crate::{
    error::{EngineError, chain},
    source::{Ended, Outlet, Wanted, live, recording, standing::State},
};

/// So many recordings are played at a time.
const AT_ONCE: usize = 4;

/// A source and its side of the way into the graph.
pub(crate) type Job = (Wanted, Outlet);

/// What is to be played, and what could not be.
#[derive(Default)]
pub(crate) struct Players {
    recordings: Mutex<VecDeque<Job>>,
    broken: Mutex<Vec<String>>,
}

impl Players {
    /// Starts all of them.
    pub(crate) fn start<'s>(
        &'s self,
        threads: &'s Scope<'s, '_>,
        jobs: impl IntoIterator<Item = Job>,
    ) -> Vec<ScopedJoinHandle<'s, ()>> {
        let (live, recordings): (Vec<_>, Vec<_>) = jobs
            .into_iter()
            .partition(|(wanted, _)| wanted.live.is_some());
        let count = recordings.len().min(AT_ONCE);
        *lock(&self.recordings) = recordings.into();
        let alone = live
            .into_iter()
            .map(|job| threads.spawn(move || self.play(job)));
        let mut players: Vec<_> = alone.collect();
        players.extend((0..count).map(|_| threads.spawn(|| self.play_all())));
        players
    }

    /// What could not be played.
    pub(crate) fn broken(self) -> Vec<String> {
        self.broken
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Plays one recording after another until none is left.
    fn play_all(&self) {
        loop {
            let job = lock(&self.recordings).pop_front();
            let Some(job) = job else { return };
            self.play(job);
        }
    }

    fn play(&self, (wanted, outlet): Job) {
        let play = AssertUnwindSafe(|| {
            wanted.location.check()?;
            match wanted.live {
                _ if outlet.stopped() => Ok(Ended::default()),
                Some(how) => live::follow(wanted, how, &outlet),
                None => recording::play(wanted, &outlet),
            }
        });
        let played = catch_unwind(play).unwrap_or_else(|_| {
            Err(EngineError::Graph {
                reason: "a source panicked".into(),
            })
        });
        let ended = played.unwrap_or_else(|error| {
            lock(&self.broken).push(chain(&error));
            Ended::default()
        });
        outlet.standing.set(State::Over, None);
        outlet.end(ended);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
