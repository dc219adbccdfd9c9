//! Prints the results, source events and progress of a run as they come.

use std::io;

use atom_index::QueryEvent;
use atom_models::error_chain;
use atom_operators::{counted::counted, media_time::MediaTime};
use atom_runtime::{
    Observer, Progress, SourceEvent,
    sink::{Record, RecordKind, Sink, SinkError},
};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};

use super::{
    clear_progress, eprint_error, event_line,
    print_line::{write_json, write_layout, write_line},
    progress_bar::RunProgress,
    suspend_progress_bar, time_range,
};

/// The form in which results are printed.
pub enum ResultFormat {
    /// A line of text with times.
    Text,
    /// One JSON object per line.
    Json,
    /// The format of a sink that writes to stdout.
    Sink(Box<dyn Sink>),
    /// Nothing.
    Silent,
    /// Source events and events of standing queries only, as lines of text.
    SourceEvents,
}

/// Prints the results of a run and shows its progress.
pub struct RunPrinter {
    format: ResultFormat,
    progress: RunProgress,
}

impl RunPrinter {
    /// Creates a printer for this format.
    pub fn new(format: ResultFormat) -> Self {
        Self {
            format,
            progress: RunProgress::default(),
        }
    }
}

impl Observer for RunPrinter {
    fn result(&mut self, record: &Record) -> io::Result<()> {
        match &mut self.format {
            ResultFormat::Text => write_line(&record_line(record)),
            ResultFormat::Json => write_json(record),
            ResultFormat::Sink(sink) => {
                suspend_progress_bar(|| sink.write(record)).map_err(stdout_error)
            }
            ResultFormat::Silent | ResultFormat::SourceEvents => Ok(()),
        }
    }

    fn source_event(&mut self, event: &SourceEvent) -> io::Result<()> {
        match event {
            SourceEvent::Finished { name, .. } => self.progress.end_source(name),
            SourceEvent::Failed { error, .. } => eprint_error(error),
            _ => {}
        }
        match (&self.format, source_event_line(event)) {
            (ResultFormat::SourceEvents, Some(line)) => write_line(&line),
            (_, Some(line)) => {
                tracing::info!("{line}");
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    fn draft(&mut self, record: &Record) -> io::Result<()> {
        if matches!(self.format, ResultFormat::Text | ResultFormat::Sink(_)) {
            self.progress.show_draft(&record_line(record));
        }
        Ok(())
    }

    fn query_event(&mut self, event: &QueryEvent) -> io::Result<()> {
        match &mut self.format {
            ResultFormat::Text | ResultFormat::SourceEvents => write_line(&event_line(event)),
            ResultFormat::Json => write_layout(&event.json()),
            ResultFormat::Sink(sink) => {
                suspend_progress_bar(|| sink.query_event(event)).map_err(stdout_error)
            }
            ResultFormat::Silent => Ok(()),
        }
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        self.progress.show(progress);
        match &mut self.format {
            ResultFormat::Sink(sink) => suspend_progress_bar(|| {
                sink.complete(progress.source, progress.complete_through_ms)
            })
            .map_err(stdout_error),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        clear_progress();
        match &mut self.format {
            ResultFormat::Sink(sink) => sink.finish(true).map_err(stdout_error),
            _ => Ok(()),
        }
    }
}

/// Converts an error of a sink over stdout into the error of stdout.
fn stdout_error(error: SinkError) -> io::Error {
    match error.is_closed_pipe() {
        true => io::ErrorKind::BrokenPipe.into(),
        false => io::Error::other(error_chain(&error)),
    }
}

fn record_line(record: &Record) -> String {
    let text = match &record.kind {
        RecordKind::Caption | RecordKind::Draft | RecordKind::FromDraft => record.text.clone(),
        RecordKind::Summary { .. } => format!("summary: {}", record.text),
        RecordKind::Answer(question) => match question.probability {
            Some(probability) => format!(
                "{} {} ({:.0} %)",
                question.ask,
                record.text,
                probability * 100.0
            ),
            None => format!("{} {}", question.ask, record.text),
        },
    };
    let times = record.start_time.map_or_else(
        || time_range(record.start_ms, Some(record.end_ms)),
        |start| wall_time_and_delay(record, start),
    );
    format!("{times}  {}  {text}", record.source)
}

/// Formats when a record of a live source starts by the wall clock, and the delay since it ended.
fn wall_time_and_delay(record: &Record, start: Timestamp) -> String {
    let at = |ms: u64| start + SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
    let wall = at(record.start_ms).to_zoned(TimeZone::system());
    let delay = Timestamp::now().duration_since(at(record.end_ms));
    format!(
        "{}  +{:.1} s",
        wall.strftime("%H:%M:%S"),
        delay.as_secs_f64().max(0.0)
    )
}

/// Formats a source event. Returns `None` for those that are reported as an error or a warning instead.
fn source_event_line(event: &SourceEvent) -> Option<String> {
    Some(match event {
        SourceEvent::AlreadyIndexed(name) => format!("{name}: already indexed"),
        SourceEvent::Renamed { from, to } => format!("{to}: renamed from {from}"),
        SourceEvent::Replaced(name) => format!("{name}: replaced by another recording"),
        SourceEvent::Removed(name) => format!("{name}: deleted, and removed from the index"),
        SourceEvent::Grown(_)
        | SourceEvent::Failed { .. }
        | SourceEvent::Finished {
            ended: false,
            growing: false,
            ..
        } => return None,
        SourceEvent::Finished {
            name,
            report,
            growing,
            ..
        } => {
            let through = MediaTime::from_millis(report.complete_through_ms);
            let grows = if *growing { ", still growing" } else { "" };
            let segments = counted(report.segments, "segment");
            format!("{name}: {segments}, complete through {through}{grows}")
        }
    })
}
