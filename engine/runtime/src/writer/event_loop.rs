//! The writer's thread: takes events in order and passes results on to the observer, the sinks and the indexes.
//!
//! Dropping a result returns its segment's credit: a slow disk slows the sources, it loses nothing.

use std::sync::{
    atomic::Ordering::SeqCst,
    mpsc::{Receiver, Sender, channel},
};

use atom_index::{QueryEvent, Store, StoreError};
use atom_models::Reason;
use atom_operators::{
    caption::Caption,
    event::SourceEnd,
    failure::{Failure, Stage},
    media_time::MediaTime,
    reason::Answer,
    seal::{ResultEvent, SealedEvents},
    segment::Segment,
    summary::summarize::Summary,
};
use tracing::{debug, warn};

use super::{
    observer_and_sinks::{Outputs, SpanText},
    writer_totals::WriterTotals,
    written_indexes::{Indexes, SealedTick},
};
use crate::{
    index_writer::{lost_gap, undecodable_gap},
    metrics::Branch,
    observer::Progress,
    output_event::{OutputEvent, SourceEvent},
    retention_task::RetentionTask,
    run_context::RunContext,
    run_report::SourceReport,
    run_status::{FolderRecording, SealProgress, SourceStatus},
    sink::{AnsweredQuestion, RecordKind},
};

/// The writer of a run.
pub(crate) struct Writer {
    pub(crate) outputs: Outputs,
    pub(crate) indexes: Indexes,
    pub(crate) context: RunContext,
    /// Wakes the standing queries after each seal; dropped when nothing more will be sealed.
    pub(crate) wake_queries: Option<Sender<()>>,
    pub(crate) totals: WriterTotals,
}

impl Writer {
    /// Returns a receiver of a wake-up after each seal, for the standing queries.
    pub(crate) fn wake_ups(&mut self) -> Receiver<()> {
        let (sender, receiver) = channel();
        self.wake_queries = Some(sender);
        receiver
    }

    /// Writes all events, then finishes the sinks.
    pub(crate) fn run(mut self, events: impl IntoIterator<Item = OutputEvent>) -> WriterTotals {
        self.apply_retention(RetentionTask::run);
        for event in events {
            self.handle(event);
        }
        self.outputs.finish_sinks(&mut self.totals);
        self.outputs
            .notify(&mut self.totals, |observer| observer.finish());
        self.totals
    }

    fn handle(&mut self, event: OutputEvent) {
        match event {
            OutputEvent::Draft(caption) => {
                self.publish_caption(&caption, RecordKind::Draft);
                self.note_latency(Branch::Draft, &caption.segment);
            }
            OutputEvent::Sealed(sealed) => {
                self.seal(sealed);
                self.apply_retention(RetentionTask::run);
            }
            OutputEvent::Idle => self.apply_retention(RetentionTask::run),
            OutputEvent::Hangup => self
                .outputs
                .each_sink(&mut self.totals, |open| open.sink.refresh()),
            OutputEvent::Reply(reply) => self
                .outputs
                .notify(&mut self.totals, |observer| observer.reply(&reply)),
            OutputEvent::Query(event) => self.query_event(&event),
            OutputEvent::AllSealed => {
                self.apply_retention(RetentionTask::finish);
                // The standing queries look once more, and see the removed segments.
                self.wake_queries = None;
            }
            OutputEvent::Source(event) => {
                self.totals.note_event(&event);
                self.source_event(&event);
            }
        }
    }

    fn seal(&mut self, sealed: SealedEvents) {
        let source = self.context.status.source_of_result(sealed.source);
        let mut tick = SealedTick::default();
        for event in sealed.events {
            self.handle_result(&source, event, &mut tick);
        }
        let progress = self.totals.progress(&source);
        let through = sealed.complete_through.unwrap_or_default();
        progress.complete_through = through.max(progress.complete_through);
        progress.ended |= tick.end.is_some_and(|end| end.complete);
        tick.progress = *progress;
        self.indexes.store(&mut self.totals, &source, &tick);
        for row in &tick.rows {
            self.note_latency(Branch::Index, &row.segment);
        }
        if let Some(wake) = &self.wake_queries {
            // The receiver lives until this sender is dropped.
            let _ = wake.send(());
        }
        self.note_progress(&source, tick.progress.complete_through);
        if let (Some(end), Some(recording)) = (tick.end, &source.recording) {
            self.finish_recording(&source, recording, (end, tick.progress));
        }
    }

    /// Publishes a result of a sealed tick, or adds it to the part of the tick that goes into the indexes.
    fn handle_result(&mut self, source: &SourceStatus, event: ResultEvent, tick: &mut SealedTick) {
        match event {
            ResultEvent::Caption(caption) => self.caption(&caption),
            ResultEvent::Answer(answer) => self.answer(&answer),
            ResultEvent::Summary(summary) => self.summary(&summary),
            ResultEvent::Row(row) => tick.rows.push(row),
            ResultEvent::Failure(failure) => {
                let gap = lost_gap(&failure);
                tick.gaps.extend(gap.map(|gap| (None, gap)));
                self.failure(&failure);
            }
            ResultEvent::Closed {
                node,
                start,
                end,
                has_frames,
                ..
            } => {
                self.context.metrics.segment(source.label());
                self.totals.progress(source).segments += 1;
                if !has_frames {
                    let gap = undecodable_gap(start, end);
                    tick.gaps.push((Some(node), gap));
                }
            }
            ResultEvent::End(end) => tick.end = Some(end),
        }
    }

    fn caption(&mut self, caption: &Caption) {
        self.totals.captions += 1;
        let kind = match caption.from_draft {
            true => RecordKind::FromDraft,
            false => RecordKind::Caption,
        };
        if caption.from_draft {
            self.totals.count_failure(Stage::Caption, Reason::Late);
        }
        self.publish_caption(caption, kind);
        self.note_latency(Branch::Caption, &caption.segment);
    }

    fn publish_caption(&mut self, caption: &Caption, kind: RecordKind) {
        let text = SpanText::of_segment(caption.node, &caption.segment, &caption.text);
        self.outputs
            .publish(&mut self.totals, &text, &|_| kind.clone());
    }

    fn answer(&mut self, answer: &Answer) {
        self.totals.answers += 1;
        let text = SpanText::of_segment(answer.node, &answer.segment, &answer.text);
        let kind = |node: &str| answer_kind(answer, node);
        self.outputs.publish(&mut self.totals, &text, &kind);
        self.note_latency(Branch::Reason, &answer.segment);
    }

    fn summary(&mut self, summary: &Summary) {
        let window = &summary.window;
        let text = SpanText {
            node: summary.node,
            source: window.source,
            start: window.start,
            end: window.end,
            text: &summary.text,
        };
        let span = window.span;
        let kind = |node: &str| RecordKind::Summary {
            node: node.to_owned(),
            span,
        };
        self.outputs.publish(&mut self.totals, &text, &kind);
    }

    fn failure(&mut self, failure: &Failure) {
        self.totals
            .count_failure(failure.stage, failure.fault.reason);
        let source = self.context.status.source_of_result(failure.source);
        // The loss of a camera was logged when it happened.
        if failure.fault.reason != Reason::Lost {
            let (source, stage) = (&source.name, failure.stage.name());
            warn!(%source, at = %failure.at, stage, fault = %failure.fault, "processing failed");
        }
    }

    /// Notes the end of a folder's recording and drops its state.
    fn finish_recording(
        &mut self,
        source: &SourceStatus,
        recording: &FolderRecording,
        (end, progress): (SourceEnd, SealProgress),
    ) {
        let report = SourceReport::new(&self.context.status, source, progress);
        let finished = &mut self.totals.finished;
        match recording.watched {
            true => finished
                .entry(recording.folder.clone())
                .or_default()
                .add(&report),
            false => drop(finished.insert(source.name.clone(), report.clone())),
        }
        self.context.metrics.frames(source.label(), &report);
        let ended = end.complete || recording.growing;
        self.totals.note_end(source, ended, progress);
        self.context.status.remove(source.id);
        self.context.status.folders.finish(recording.bytes);
        self.source_event(&SourceEvent::Finished {
            name: source.name.clone(),
            report,
            ended: end.complete,
            growing: recording.growing,
        });
    }

    fn note_progress(&mut self, source: &SourceStatus, through: MediaTime) {
        let through_ms = through.millis();
        self.outputs.each_sink(&mut self.totals, |open| {
            match source.name_in(&open.source_names) {
                Some(name) => open.sink.complete(name, through_ms),
                None => Ok(()),
            }
        });
        let name = &source.name;
        debug!(source = %name, complete_through = %through, "sealed");
        if source.recording.is_none() {
            self.context
                .metrics
                .complete(name, through_ms as f64 / 1000.0);
        }
        let progress = Progress {
            source: name,
            complete_through_ms: through_ms,
            live: source.live,
            length_ms: source.length_ms.load(SeqCst),
            bytes: source.recording.as_ref().map_or(0, |file| file.bytes),
            folders: &self.context.status.folders,
        };
        self.outputs
            .notify(&mut self.totals, |observer| observer.progress(&progress));
    }

    fn query_event(&mut self, event: &QueryEvent) {
        self.context.metrics.query_event(event.event);
        self.outputs
            .notify(&mut self.totals, |observer| observer.query_event(event));
        self.outputs
            .each_sink(&mut self.totals, |open| open.sink.query_event(event));
    }

    fn source_event(&mut self, event: &SourceEvent) {
        self.outputs
            .notify(&mut self.totals, |observer| observer.source_event(event));
    }

    /// Notes the latency of a result about a segment.
    fn note_latency(&mut self, branch: Branch, segment: &Segment) {
        let latency = segment.closed_at.elapsed();
        self.context.metrics.latency(branch, latency);
        self.outputs.observer.latency(branch.name(), latency);
        let _in_segment = segment.span.enter();
        debug!(branch = branch.name(), "result written");
    }

    fn apply_retention(
        &mut self,
        remove: impl Fn(&mut RetentionTask, &mut Store) -> Result<Option<usize>, StoreError>,
    ) {
        self.indexes.apply_retention(&mut self.totals, remove);
    }
}

fn answer_kind(answer: &Answer, node: &str) -> RecordKind {
    let span = |(start, end): &(MediaTime, MediaTime)| (start.millis(), end.millis());
    RecordKind::Answer(AnsweredQuestion {
        node: node.to_owned(),
        ask: answer.ask.to_string(),
        probability: answer.probability,
        rests_on: answer.rests_on.iter().map(span).collect(),
    })
}
