//! Prepares sources to be played: their location, their start, and their end of the channel into the graph.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    time::Duration,
};

use atom_media::{FrameSelection, FrameSender, LiveSettings, Location, PlaybackRequest, folder};
use atom_operators::ids::SourceId;

use crate::{
    error::RuntimeError,
    input_channels::SourceChannel,
    intake_context::IntakeContext,
    output_event::{EventSender, OutputEvent, SourceEvent},
    resume_point::{ResumePoint, SourceStart},
    run_status::{FolderRecording, SourceStatus},
    source_plan_facts::samplers,
    source_queue::{FolderJob, Reconciler},
};

/// A source that is ready to be played.
pub(super) struct Playback {
    pub(super) source: Arc<SourceStatus>,
    pub(super) request: PlaybackRequest,
    pub(super) sender: FrameSender,
}

/// Prepares sources to be played.
pub(crate) struct PlaybackBuilder<'r> {
    context: &'r IntakeContext<'r>,
    reconciler: &'r Reconciler<'r>,
    /// Locations of the planned sources.
    locations: Vec<Option<Location>>,
    /// Resume points of the planned sources.
    resume_points: Vec<Option<ResumePoint>>,
    /// The number of folder recordings so far.
    recordings: AtomicU32,
}

impl<'r> PlaybackBuilder<'r> {
    /// Returns a builder for the planned sources and the recordings of their folders.
    pub(crate) fn new(
        context: &'r IntakeContext<'r>,
        reconciler: &'r Reconciler<'r>,
        locations: Vec<Option<Location>>,
        starts: &[SourceStart],
    ) -> Self {
        Self {
            context,
            reconciler,
            locations,
            resume_points: starts.iter().map(|start| start.resume_point).collect(),
            recordings: AtomicU32::new(0),
        }
    }

    /// Prepares a source of the plan.
    pub(super) fn planned(&self, source: usize, channel: &mut SourceChannel) -> Option<Playback> {
        let status = self.context.status.source(SourceId::new(source as u32))?;
        let location = self.locations[source].clone()?;
        let point = self.resume_points[source].unwrap_or_default();
        Some(self.playback(&status, location, &point, channel))
    }

    /// Prepares a recording of a folder; `None` if it is indexed already, or gone.
    pub(super) fn recording(
        &self,
        job: &FolderJob,
        channel: &mut SourceChannel,
        events: &EventSender,
    ) -> Result<Option<Playback>, RuntimeError> {
        let folders = &self.context.status.folders;
        let reconciled = match self.reconciler.reconcile(job, events) {
            Ok(Some(reconciled)) => reconciled,
            Ok(None) => {
                folders.skip(job.state.size);
                return Ok(None);
            }
            Err(error) => {
                folders.skip(job.state.size);
                // A file that was removed meanwhile is not an error.
                return match folder::is_missing(&job.file.path) {
                    true => Ok(None),
                    false => Err(error),
                };
            }
        };
        let Some(point) = reconciled.start.resume_point else {
            folders.skip(job.state.size);
            let event = SourceEvent::AlreadyIndexed(reconciled.name);
            events.send(OutputEvent::Source(event));
            return Ok(None);
        };
        let status = self.recording_status(job, reconciled.name, &reconciled.start);
        let status = self.context.status.add(status);
        let location = Location::File(job.file.path.clone());
        Ok(Some(self.playback(&status, location, &point, channel)))
    }

    fn recording_status(&self, job: &FolderJob, name: String, start: &SourceStart) -> SourceStatus {
        let plan = self.context.plan;
        let id = SourceId {
            planned: job.planned as u32,
            recording: 1 + self.recordings.fetch_add(1, SeqCst),
        };
        let recording = FolderRecording {
            path: job.file.path.clone(),
            bytes: job.state.size,
            growing: job.file.growing,
            folder: plan.sources[job.planned].name.clone(),
            watched: self.context.is_watched(job.planned),
        };
        SourceStatus {
            id,
            name,
            recording: Some(recording),
            ..SourceStatus::new(plan, job.planned, start, None)
        }
    }

    fn playback(
        &self,
        source: &Arc<SourceStatus>,
        location: Location,
        point: &ResumePoint,
        channel: &mut SourceChannel,
    ) -> Playback {
        let live = source
            .live
            .then(|| self.live_settings(source.id.planned as usize, point));
        let request = PlaybackRequest {
            source: source.id,
            location,
            size: self.context.frame_size,
            selection: FrameSelection::Grids(source.grids.clone()),
            from: point.from,
            live,
            growing: source.recording.as_ref().is_some_and(|file| file.growing),
        };
        let counters = self.context.status.counters.clone();
        let sender = FrameSender {
            name: source.name.clone(),
            queued: live.and_then(|_| channel.receiver.take()),
            samplers: source.grids.len() as u64,
            credits: Arc::clone(&channel.credits),
            stop: self.context.stop.clone(),
            length_ms: Arc::clone(&source.length_ms),
            connection: Arc::clone(&source.connection),
            ..FrameSender::for_recording(source.id, channel.sender.clone(), counters)
        };
        Playback {
            source: Arc::clone(source),
            request,
            sender,
        }
    }

    /// Returns the settings by which a live source is followed.
    fn live_settings(&self, source: usize, point: &ResumePoint) -> LiveSettings {
        let plan = self.context.plan;
        let settings = &plan.sources[source].settings;
        let shares = samplers(plan, source).map(|(spec, _)| spec.lowest_fps() / spec.fps);
        LiveSettings {
            stall_timeout: Duration::from_millis(settings.stall_ms),
            retry: (
                Duration::from_millis(settings.retry_from_ms),
                Duration::from_millis(settings.retry_to_ms),
            ),
            min_rate_share: shares.fold(1.0, f64::min),
            sealed: point.stored_through,
            only_source: plan.sources.len() == 1,
        }
    }
}
