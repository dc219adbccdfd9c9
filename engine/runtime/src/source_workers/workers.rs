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

use super::{
    file_failure::{error_in_file, stop_in_file},
    playback_builder::{Playback, PlaybackBuilder},
};
use crate::{
    error::RuntimeError,
    input_channels::{SourceChannel, SourceChannels},
    output_event::{EventSender, OutputEvent, SourceEvent},
    source_queue::{Job, SourceQueue},
};

/// The number of planned sources with errors that are listed at most.
const MAX_ERRORS: usize = 100;

/// The error of a thread whose source panicked.
const PANICKED: RuntimeError = RuntimeError::Panicked { part: "a source" };

/// The threads that play sources.
pub(crate) struct SourceWorkers<'r> {
    queue: &'r SourceQueue,
    builder: PlaybackBuilder<'r>,
    /// Errors of planned sources, by source; those of folder recordings are events, since the run may continue for days.
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
                    self.play(playback, None);
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
                        self.note_error(job.name(), PANICKED, folder_events(&job, &events));
                    }
                    self.queue.finish(&job);
                }
                channel.close();
            })
        });
        handles.extend(shared);
        handles
    }

    /// Returns the errors of planned sources that could not be played, by source.
    pub(crate) fn into_errors(self) -> BTreeMap<String, RuntimeError> {
        self.errors.into_inner()
    }

    fn work(&self, job: &Job, channel: &mut SourceChannel, events: &EventSender) {
        let playback = match job {
            Job::Planned(source) => Ok(self.builder.planned(*source, channel)),
            Job::Folder(job) => self.builder.recording(job, channel, events),
        };
        let events = folder_events(job, events);
        match playback {
            Ok(Some(playback)) => self.play(playback, events),
            Ok(None) => {}
            Err(error) => self.note_error(job.name(), error, events),
        }
    }

    /// Plays a source; for a recording of a folder, a failure goes to `events`.
    fn play(&self, playback: Playback, events: Option<&EventSender>) {
        let Playback {
            source,
            request,
            sender,
        } = playback;
        let location = request.location.clone();
        let played = catch_unwind(AssertUnwindSafe(|| play(request, &sender)));
        let (summary, reason) = match played.unwrap_or(Err(PANICKED)) {
            Ok(summary) => {
                let reason = stop_in_file(&location, &summary);
                (summary, reason)
            }
            // A file of a folder that was removed meanwhile is not an error.
            Err(_) if events.is_some() && was_removed(&location) => Default::default(),
            Err(error) => {
                let reason = error_in_file(&location, &error);
                self.note_error(&source.name, error, events);
                (PlaybackSummary::default(), reason)
            }
        };
        if let Some(reason) = reason {
            // Each playback has a status of its own.
            let _ = source.failure.set(reason);
        }
        sender.connection.set(ConnectionState::Over, None);
        sender.end(summary);
    }

    /// Notes an error. That of a folder's recording is reported at once.
    fn note_error(&self, source: &str, error: RuntimeError, events: Option<&EventSender>) {
        if let Some(events) = events {
            let (name, error) = (source.to_owned(), error_chain(&error));
            events.send(OutputEvent::Source(SourceEvent::Failed { name, error }));
            return;
        }
        let mut errors = self.errors.lock();
        if errors.len() < MAX_ERRORS {
            errors.insert(source.to_owned(), error);
        }
    }
}

/// Returns the sender of events for a recording of a folder.
fn folder_events<'e>(job: &Job, events: &'e EventSender) -> Option<&'e EventSender> {
    job.is_from_folder().then_some(events)
}

fn was_removed(location: &Location) -> bool {
    matches!(location, Location::File(path) if !path.exists())
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
