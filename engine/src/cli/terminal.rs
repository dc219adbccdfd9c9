//! What the program shows and hears: results on stdout, progress and warnings on stderr, Ctrl-C.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal, Write},
    process::ExitCode,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use anyhow::Context;
use atom::{
    run::Outcome,
    sink::{Record, Sink, SinkError},
    writer::Audience,
};
use atom_operators::data::MediaTime;
use indicatif::{ProgressBar, ProgressStyle};
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

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

/// Sends log lines to stderr: warnings, with `-v` the life cycle, with `-vv` every segment; `ATOM_LOG` overrides.
pub fn start_logging(verbose: u8) {
    let level = ["warn", "info", "debug"][usize::from(verbose.min(2))];
    let filter = EnvFilter::try_from_env("ATOM_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},ort=error")));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(AroundTheBar)
        .with_target(false)
        .without_time()
        .with_ansi(io::stderr().is_terminal())
        .init();
    // A panic of a model is caught, counted and told as a failure; its trace is for those who ask for it.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
        Some("vision" | "decoder") => tracing::debug!("a model panicked: {panic}"),
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
pub fn stop_on_signal() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    ctrlc::set_handler(move || {
        if flag.swap(true, SeqCst) {
            std::process::exit(1);
        }
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
}

/// Prints results and shows how far the sources are.
pub struct Printer {
    style: Style,
    stop: Arc<AtomicBool>,
    bar: Bar,
}

impl Printer {
    /// A printer; `stop` is set when nobody reads stdout any more.
    pub fn new(style: Style, stop: Arc<AtomicBool>) -> Self {
        Self {
            style,
            stop,
            bar: Bar::default(),
        }
    }

    fn print(&mut self, record: &Record) -> anyhow::Result<()> {
        match &mut self.style {
            Style::Lines => result(&line(record))?,
            Style::Json => result(&serde_json::to_string(record)?)?,
            Style::Through(sink) => BAR.suspend(|| sink.write(record))?,
            Style::Silent => {}
        }
        Ok(())
    }

    fn settle(&self, outcome: anyhow::Result<()>) {
        if let Err(error) = outcome {
            if !closed_pipe(&error) && !self.stop.load(SeqCst) {
                tell(&format!("error: {error:#}"));
            }
            self.stop.store(true, SeqCst);
        }
    }
}

fn line(record: &Record) -> String {
    let time = MediaTime::from_millis;
    let (start, end) = (time(record.start_ms), time(record.end_ms));
    let said = match &record.question {
        Some(question) => format!("{} {}", question.ask, record.text),
        None => record.text.clone(),
    };
    format!("{start} - {end}  {}  {said}", record.source)
}

impl Audience for Printer {
    fn result(&mut self, record: &Record) {
        let printed = self.print(record);
        self.settle(printed);
    }

    fn progress(&mut self, source: &str, complete_through_ms: u64, length_ms: u64) {
        if let Style::Through(sink) = &mut self.style {
            let told = BAR.suspend(|| sink.complete(source, complete_through_ms));
            self.settle(told.map_err(Into::into));
        }
        self.bar.show(source, complete_through_ms, length_ms);
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        if let Style::Through(sink) = &mut self.style {
            let finished = sink.finish();
            self.settle(finished.map_err(Into::into));
        }
        BAR.finish_and_clear();
    }
}

/// How far all sources are together.
#[derive(Default)]
struct Bar {
    sources: BTreeMap<String, (u64, u64)>,
}

impl Bar {
    fn show(&mut self, source: &str, through_ms: u64, length_ms: u64) {
        if !io::stderr().is_terminal() {
            return;
        }
        self.sources
            .insert(source.to_owned(), (through_ms, length_ms.max(through_ms)));
        let (through, length) = self
            .sources
            .values()
            .fold((0, 0), |(a, b), (t, l)| (a + t, b + l));
        if BAR.is_hidden() {
            BAR.set_draw_target(indicatif::ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {eta} left");
            BAR.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        }
        BAR.set_length(length);
        BAR.set_position(through);
        BAR.set_message(format!("{} of video done", MediaTime::from_millis(through)));
    }
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
    if outcome.errors.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
