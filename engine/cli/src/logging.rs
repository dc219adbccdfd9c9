//! Log lines on stderr.

use std::io::{self, IsTerminal, Write};

use clap::ValueEnum;
use tracing_subscriber::{
    EnvFilter,
    fmt::{MakeWriter, format::FmtSpan},
};

use crate::output::suspend_progress_bar;

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object a line, with time and all fields.
    Json,
}

/// Sends log lines to stderr.
///
/// By default these are warnings, listening addresses and changes of live sources; with `-v` the whole life cycle; with
/// `-vv` every segment and all that happens to it. The variable `ATOM_LOG` overrides the level.
pub fn start(verbose: u8, format: LogFormat) {
    let level = [
        "warn,atom_media::live=info,atom_media::key_frame_wait=info,atom_server=info",
        "info",
        "debug",
    ][usize::from(verbose.min(2))];
    let filter = EnvFilter::try_from_env("ATOM_LOG")
        .unwrap_or_else(|_| EnvFilter::new(format!("{level},ort=error")));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(LogWriter);
    match format {
        LogFormat::Text => subscriber
            .with_target(false)
            .without_time()
            .with_ansi(io::stderr().is_terminal())
            .init(),
        LogFormat::Json => subscriber.json().init(),
    }
    demote_model_panics();
}

/// Logs panics of model threads at DEBUG: each is caught, counted and reported as a failure anyway.
fn demote_model_panics() {
    let default_hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
        Some("vision" | "memory" | "decoder" | "text") => {
            tracing::debug!("a model panicked: {panic}")
        }
        _ => default_hook(panic),
    }));
}

/// Stderr, with the progress bar hidden while a line is written.
#[derive(Clone, Copy)]
struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        suspend_progress_bar(|| io::stderr().lock().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().lock().flush()
    }
}

impl MakeWriter<'_> for LogWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
