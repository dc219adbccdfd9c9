//! The threads that play sources: one for each live source, a few for all recordings.
//!
//! Invariant: every source that starts is ended in the graph, even after an error or a panic.

use std::{
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    thread::{Scope, ScopedJoinHandle},
};

use atom_media::{
    FrameSender, Location, PlaybackRequest, PlaybackSummary, follow_live,
    live::connection_status::ConnectionState, play_recording,
};
use atom_models::error_chain;
use parking_lot::Mutex;
use tracing::warn;

use super::playback_builder::{Playback, PlaybackBuilder};
use crate::{
    error::RuntimeError,
    input_channels::{SourceChannel, SourceChannels},
    output_event::EventSender,
    source_queue::{Job, SourceQueue},
};

/// The number of sources with errors that are listed at most; errors of folder recordings are logged when they happen too.
const MAX_ERRORS: usize = 100;

/// The error of a thread whose source panicked.
const PANICKED: RuntimeError = RuntimeError::Panicked { part: "a source" };

/// The threads that play sources.
pub(crate) struct SourceWorkers<'r> {
    queue: &'r SourceQueue,
    builder: PlaybackBuilder<'r>,
    /// Errors by source.
    errors: Mutex<BTreeMap<String, RuntimeError>>,
}

impl<'r> SourceWorkers<'r> {
    /// Returns workers that have not started.
    pub(crate) fn new(queue: &'r SourceQueue, builder: PlaybackBuilder<'r>) -> Self {
        Self {
            queue,
            builder,
            errors: Mutex::default(),
        }
    }

    /// Starts a thread for each live source of the plan, and one for each shared channel.
    pub(crate) fn start<'s>(
        &'s self,
        threads: &'s Scope<'s, '_>,
        channels: SourceChannels,
        events: &EventSender,
    ) -> Vec<ScopedJoinHandle<'s, ()>> {
        let live = channels.live.into_iter().map(|(source, mut channel)| {
            threads.spawn(move || {
                if let Some(playback) = self.builder.planned(source, &mut channel) {
                    self.play(playback, false);
                }
                channel.close();
            })
        });
        let mut handles: Vec<_> = live.collect();
        let shared = channels.shared.into_iter().map(|mut channel| {
            let events = events.clone();
            threads.spawn(move || {
                while let Some(job) = self.queue.next() {
                    let work = AssertUnwindSafe(|| self.work(&job, &mut channel, &events));
                    if catch_unwind(work).is_err() {
                        self.note_error(job.name(), PANICKED, job.is_from_folder());
                    }
                    self.queue.finish(&job);
                }
                channel.close();
            })
        });
        handles.extend(shared);
        handles
    }

    /// Returns the errors of sources that could not be played.
    pub(crate) fn into_errors(self) -> Vec<RuntimeError> {
        self.errors.into_inner().into_values().collect()
    }

    fn work(&self, job: &Job, channel: &mut SourceChannel, events: &EventSender) {
        let playback = match job {
            Job::Planned(source) => Ok(self.builder.planned(*source, channel)),
            Job::Folder(job) => self.builder.recording(job, channel, events),
        };
        match playback {
            Ok(Some(playback)) => self.play(playback, job.is_from_folder()),
            Ok(None) => {}
            Err(error) => self.note_error(job.name(), error, job.is_from_folder()),
        }
    }

    fn play(&self, Playback { request, sender }: Playback, from_folder: bool) {
        let name = request.location.redacted();
        let file = match &request.location {
            Location::File(path) => Some(path.clone()),
            _ => None,
        };
        let played = catch_unwind(AssertUnwindSafe(|| play(request, &sender)));
        let ended = match played.unwrap_or(Err(PANICKED)) {
            Ok(ended) => {
                self.errors.lock().remove(&name);
                ended
            }
            Err(error) => {
                // A file of a folder that was removed meanwhile is not an error.
                let removed = from_folder && file.is_some_and(|file| !file.exists());
                if !removed {
                    self.note_error(&name, error, from_folder);
                }
                PlaybackSummary::default()
            }
        };
        sender.connection.set(ConnectionState::Over, None);
        sender.end(ended);
    }

    /// Notes an error. That of a folder's recording is logged at once, since the run may go on for days.
    fn note_error(&self, source: &str, error: RuntimeError, from_folder: bool) {
        if from_folder {
            warn!("{}", error_chain(&error));
        }
        let mut errors = self.errors.lock();
        if errors.len() < MAX_ERRORS {
            errors.insert(source.to_owned(), error);
        }
    }
}

/// Plays a source to its end, or until the run stops.
fn play(request: PlaybackRequest, sender: &FrameSender) -> Result<PlaybackSummary, RuntimeError> {
    request.location.check()?;
    Ok(match request.live {
        _ if sender.cancelled() => PlaybackSummary::default(),
        Some(settings) => follow_live(request, settings, sender)?,
        None => play_recording(request, sender)?,
    })
}
