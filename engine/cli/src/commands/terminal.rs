//! What the program shows and hears: results on stdout, progress and warnings on stderr, Ctrl-C.

use atom_operators::cancel::CancellationToken;
use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::{LazyLock, atomic::Ordering::SeqCst},
};

use anyhow::Context;
use atom_index::QueryEvent;
use atom_models::error::chain;
use atom_operators::{
    archive::{Incomplete, Why},
    data::MediaTime,
};
use atom_runtime::{
    audience::{Audience, Notice, Progress},
    run::Outcome,
    sink::{Kind, Record, Sink, SinkError},
};
use clap::ValueEnum;
use indicatif::{ProgressBar, ProgressStyle};
use jiff::{SignedDuration, Timestamp, tz::TimeZone};
use tracing_subscriber::{
    EnvFilter,
    fmt::{MakeWriter, format::FmtSpan},
};

use super::watch;

/// The one progress bar; everything else that is printed goes around it.
static BAR: LazyLock<ProgressBar> = LazyLock::new(ProgressBar::hidden);

/// Writes a line of a result to stdout.
///
/// # Errors
/// If stdout cannot be written to, above all because its reader is gone.
pub fn result(line: &str) -> io::Result<()> {
    BAR.suspend(|| writeln!(io::stdout().lock(), "{line}"))
}

/// Writes a line for the person in front of it to stderr.
pub fn tell(line: &str) {
    // Nobody is left to be told that stderr is gone.
    BAR.suspend(|| drop(writeln!(io::stderr().lock(), "{line}")));
}

/// Whether an error only says that nobody reads our output any more: for a program in a pipe that is success.
pub fn closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
            || cause
                .downcast_ref::<SinkError>()
                .is_some_and(SinkError::closed_pipe)
    })
}

/// How log lines are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line, with time and all fields.
    Json,
}

/// Sends log lines to stderr: warnings, where it listens and what becomes of live sources, with `-v` the whole life cycle, with `-vv` every
/// segment with all that happens to it; `ATOM_LOG` overrides.
pub fn start_logging(verbose: u8, format: LogFormat) {
    let level = [
        "warn,atom_media::live=info,atom_server=info",
        "info",
        "debug",
    ][usize::from(verbose.min(2))];
    let filter = EnvFilter::try_from_env("ATOM_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},ort=error")));
    let logging = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(AroundTheBar);
    match format {
        LogFormat::Text => logging
            .with_target(false)
            .without_time()
            .with_ansi(io::stderr().is_terminal())
            .init(),
        LogFormat::Json => logging.json().init(),
    }
    // A panic of a model is caught, counted and told as a failure; its trace is for those who ask for it.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
        Some("vision" | "memory" | "decoder" | "text") => {
            tracing::debug!("a model panicked: {panic}")
        }
        _ => usual(panic),
    }));
}

#[derive(Clone, Copy)]
struct AroundTheBar;

impl Write for AroundTheBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        BAR.suspend(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

impl MakeWriter<'_> for AroundTheBar {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}

/// A flag that the first Ctrl-C sets; the second ends the program.
pub fn stop_on_signal() -> anyhow::Result<CancellationToken> {
    let stop = CancellationToken::new();
    let flag = stop.clone();
    ctrlc::set_handler(move || {
        if flag.is_cancelled() {
            std::process::exit(1);
        }
        flag.cancel();
        tell("stopping: what is under way is finished; once more to stop at once");
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(stop)
}

/// How results are printed.
pub enum Style {
    /// A line with times for a person.
    Lines,
    /// A JSON object a line.
    Json,
    /// Through a sink over stdout.
    Through(Box<dyn Sink>),
    /// Not at all.
    Silent,
    /// Not at all, but what becomes of recordings.
    Indexed,
}

/// Prints results and shows how far the sources are.
pub struct Printer {
    style: Style,
    bar: Bar,
}

impl Printer {
    /// A printer of this style.
    pub fn new(style: Style) -> Self {
        Self {
            style,
            bar: Bar::default(),
        }
    }
}

/// Says of a sink over stdout what stdout would have said.
fn of_stdout(error: SinkError) -> io::Error {
    match error.closed_pipe() {
        true => io::ErrorKind::BrokenPipe.into(),
        false => io::Error::other(chain(&error)),
    }
}

fn line(record: &Record) -> String {
    let time = MediaTime::from_millis;
    let said = match &record.kind {
        Kind::Caption | Kind::Draft | Kind::FromDraft => record.text.clone(),
        Kind::Summary { .. } => format!("summary: {}", record.text),
        Kind::Answer(question) => match question.probability {
            Some(probability) => format!(
                "{} {} ({:.0} %)",
                question.ask,
                record.text,
                probability * 100.0
            ),
            None => format!("{} {}", question.ask, record.text),
        },
    };
    let when = record.start.map_or_else(
        || format!("{} - {}", time(record.start_ms), time(record.end_ms)),
        |start| of_live(record, start),
    );
    format!("{when}  {}  {said}", record.source)
}

/// What became of a recording, as a line.
fn told(notice: &Notice) -> Option<String> {
    Some(match notice {
        Notice::Known(name) => format!("{name}: already indexed"),
        Notice::Moved { from, to } => format!("{to}: was {from}"),
        Notice::Replaced(name) => format!("{name}: is another recording now"),
        Notice::Gone(name) => format!("{name}: is gone, and no longer in the index"),
        // Why it could not be worked through is told as a warning.
        Notice::Grown(_)
        | Notice::Over {
            whole: false,
            growing: false,
            ..
        } => return None,
        Notice::Over {
            name,
            report,
            growing,
            ..
        } => {
            let through = MediaTime::from_millis(report.complete_through_ms);
            let grows = if *growing { ", and it grows" } else { "" };
            let segments = report.segments;
            format!("{name}: {segments} segments, complete through {through}{grows}")
        }
    })
}

/// When a live source showed something, by the clock on the wall, and how long ago that was over.
fn of_live(record: &Record, start: Timestamp) -> String {
    let at = |ms: u64| start + SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
    let wall = at(record.start_ms).to_zoned(TimeZone::system());
    let delay = Timestamp::now().duration_since(at(record.end_ms));
    format!(
        "{}  +{:.1} s",
        wall.strftime("%H:%M:%S"),
        delay.as_secs_f64().max(0.0)
    )
}

impl Audience for Printer {
    fn result(&mut self, record: &Record) -> io::Result<()> {
        match &mut self.style {
            Style::Lines => result(&line(record)),
            Style::Json => result(&serde_json::to_string(record)?),
            Style::Through(sink) => BAR.suspend(|| sink.write(record)).map_err(of_stdout),
            Style::Silent | Style::Indexed => Ok(()),
        }
    }

    fn notice(&mut self, notice: &Notice) -> io::Result<()> {
        self.bar.count(notice);
        match (&self.style, told(notice)) {
            (Style::Indexed, Some(line)) => result(&line),
            (_, Some(line)) => {
                tracing::info!("{line}");
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    fn draft(&mut self, record: &Record) -> io::Result<()> {
        // A person sees it under the bar until the caption comes.
        if matches!(self.style, Style::Lines | Style::Through(_)) {
            self.bar.remark(&line(record));
        }
        Ok(())
    }

    fn query(&mut self, event: &QueryEvent) -> io::Result<()> {
        match &mut self.style {
            Style::Lines | Style::Indexed => result(&watch::line(event)),
            Style::Json => result(&event.json()),
            Style::Through(sink) => BAR.suspend(|| sink.query(event)).map_err(of_stdout),
            Style::Silent => Ok(()),
        }
    }

    fn progress(&mut self, progress: &Progress) -> io::Result<()> {
        self.bar.show(progress);
        match &mut self.style {
            Style::Through(sink) => BAR
                .suspend(|| sink.complete(progress.source, progress.complete_through_ms))
                .map_err(of_stdout),
            _ => Ok(()),
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        BAR.finish_and_clear();
        match &mut self.style {
            Style::Through(sink) => sink.finish().map_err(of_stdout),
            _ => Ok(()),
        }
    }
}

/// The bar of a run, and under it the last draft while it waits for its caption.
const OF_VIDEO: &str = "{bar:30} {percent:>3} %  {msg}  {eta} left{prefix}";

/// How far all sources are together.
#[derive(Default)]
struct Bar {
    /// How far each is that is under way.
    sources: BTreeMap<String, Part>,
    /// Media time of those that are over.
    over_ms: u64,
}

/// How far a source is.
#[derive(Clone, Copy)]
struct Part {
    through_ms: u64,
    length_ms: u64,
    bytes: u64,
}

impl Part {
    /// So many of its bytes are worked through, if they are spread evenly over its time.
    fn bytes_done(self) -> u64 {
        let share = self.through_ms as f64 / self.length_ms.max(1) as f64;
        (self.bytes as f64 * share) as u64
    }
}

impl Bar {
    /// A recording that is over does not count as work any more.
    fn count(&mut self, notice: &Notice) {
        if let Notice::Over { name, .. } = notice {
            let part = self.sources.remove(name);
            self.over_ms += part.map_or(0, |part| part.through_ms);
        }
    }

    fn show(&mut self, progress: &Progress) {
        if !drawn(OF_VIDEO) {
            return;
        }
        BAR.set_prefix("");
        let through_ms = progress.complete_through_ms;
        let part = Part {
            through_ms,
            length_ms: progress.length_ms.max(through_ms),
            bytes: progress.bytes,
        };
        self.sources.insert(progress.source.to_owned(), part);
        let sum = |of: fn(Part) -> u64| self.sources.values().copied().map(of).sum::<u64>();
        let through = self.over_ms + sum(|part| part.through_ms);
        let video = format!("{} of video done", MediaTime::from_millis(through));
        let queue = progress.queue;
        match queue.found.load(SeqCst) {
            0 => {
                BAR.set_length(sum(|part| part.length_ms));
                BAR.set_position(through);
                BAR.set_message(video);
            }
            // Not even their lengths are known before they are played, but their sizes.
            found => {
                BAR.set_length(queue.bytes_found.load(SeqCst));
                BAR.set_position(queue.bytes_over.load(SeqCst) + sum(Part::bytes_done));
                let over = queue.over.load(SeqCst);
                BAR.set_message(format!("{over} of {found} recordings, {video}"));
            }
        }
    }

    /// Shows a line under the bar until the next progress.
    fn remark(&mut self, line: &str) {
        if drawn(OF_VIDEO) {
            BAR.set_prefix(format!("\n{line} …"));
        }
    }
}

/// Shows what of an answer is there, on a terminal.
pub fn growing(text: &str) {
    if drawn("{msg}") {
        BAR.set_message(format!("{text} …"));
    }
}

/// The answer is there: nothing grows any more.
pub fn grown() {
    BAR.finish_and_clear();
}

/// A text with the words that matched in bold, on a terminal: those of the snippet, which stand in brackets there. What was
/// found elsewhere than in the text stands behind it.
pub fn marked(text: &str, snippet: Option<&str>) -> String {
    let bold = |marked: &str| marked.replace('[', "\x1b[1m").replace(']', "\x1b[0m");
    match snippet {
        Some(snippet) if io::stdout().is_terminal() => {
            let plain = snippet.replace(['[', ']'], "");
            match text.contains(&plain) {
                true => text.replacen(&plain, &bold(snippet), 1),
                false => format!("{text}  ({})", bold(snippet)),
            }
        }
        _ => text.to_owned(),
    }
}

/// So many lines are told about what is complete, and about what is not.
const MOST_LINES: usize = 20;

/// Tells how far sources are complete, and what is not there and why.
pub fn tell_extent(complete_through_ms: &BTreeMap<String, u64>, incomplete: &[Incomplete]) {
    let waits = |source: &str| {
        let mut waiting = incomplete.iter().filter(|one| one.why == Why::Waiting);
        waiting.any(|one| one.source == source)
    };
    for (source, through) in complete_through_ms.iter().take(MOST_LINES) {
        let rest = match waits(source) {
            true => "; the rest is not indexed yet",
            false => "",
        };
        let through = MediaTime::from_millis(*through);
        tell(&format!("complete through {through}  {source}{rest}"));
    }
    tell_more(complete_through_ms.len(), "sources");
    let others: Vec<_> = incomplete
        .iter()
        .filter(|one| one.why != Why::Waiting)
        .collect();
    for one in others.iter().take(MOST_LINES) {
        let times = span(one.from_ms, one.to_ms);
        let why = match one.why {
            Why::Lost => "the source gave no pictures".to_owned(),
            Why::Expired => "it is no longer kept".to_owned(),
            _ if one.stages.is_empty() => "nothing could be made of it".to_owned(),
            _ => format!("failed: {}", one.stages.join(", ")),
        };
        tell(&format!("not complete: {times}  {}  {why}", one.source));
    }
    tell_more(others.len(), "stretches that are not complete");
}

fn tell_more(all: usize, what: &str) {
    if let Some(more @ 1..) = all.checked_sub(MOST_LINES) {
        tell(&format!("and {more} more {what}"));
    }
}

/// A span of media time, which may have no end yet.
pub fn span(start_ms: u64, end_ms: Option<u64>) -> String {
    let start = MediaTime::from_millis(start_ms);
    match end_ms.map(MediaTime::from_millis) {
        Some(end) => format!("{start} - {end}"),
        None => format!("{start} - "),
    }
}

/// How many of some files are done; the bar goes with this value.
pub struct Files {
    of: u64,
}

impl Files {
    /// None of so many files is done.
    pub fn new(of: usize) -> Self {
        Self { of: of as u64 }
    }

    /// Shows how many are done.
    pub fn show(&self, done: usize) {
        if drawn("{bar:30} {percent:>3} %  {pos} of {len} files done  {eta} left") {
            BAR.set_length(self.of);
            BAR.set_position(done as u64);
        }
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        BAR.finish_and_clear();
    }
}

/// Whether the bar is drawn, which it is on a terminal only; the first call makes it.
fn drawn(template: &str) -> bool {
    if !io::stderr().is_terminal() {
        return false;
    }
    if BAR.is_hidden() {
        BAR.set_draw_target(indicatif::ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template(template);
        BAR.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    }
    true
}

/// Tells how a run ended; the exit code.
pub fn conclude(outcome: &Outcome) -> ExitCode {
    for (stage, reasons) in &outcome.report.failures {
        let told: Vec<_> = reasons
            .iter()
            .map(|(reason, count)| format!("{count} x {reason}"))
            .collect();
        tell(&format!(
            "warning: failures in stage {stage}: {}",
            told.join(", ")
        ));
    }
    for error in &outcome.errors {
        tell(&format!("error: {error}"));
    }
    for (source, through) in &outcome.cut {
        let through = MediaTime::from_millis(*through);
        tell(&format!(
            "error: {source} was not worked through to its end, it is complete through {through}"
        ));
    }
    if outcome.errors.is_empty() && outcome.cut.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
