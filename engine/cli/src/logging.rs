//! Log lines on stderr, as text or as JSON.
//!
//! Invariant: a value in a log line cannot forge a line or move the cursor, in a terminal as in a file.

use std::{
    fmt,
    io::{self, Write},
};

use atom_operators::printable::printable;
use clap::ValueEnum;
use tracing::field::Field;
use tracing_subscriber::{
    EnvFilter,
    field::MakeExt,
    fmt::{
        MakeWriter,
        format::{FmtSpan, Writer, debug_fn},
    },
};

use crate::output::{
    eprint_error, eprint_log_line, messages_are_json, stderr_is_terminal, write_messages_as_json,
};

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines of text.
    #[default]
    Text,
    /// One JSON object per line, with the time and all fields.
    Json,
}

/// Sends log lines to stderr. With [`LogFormat::Json`], all other messages on stderr become JSON too.
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
            .with_ansi(stderr_is_terminal())
            .fmt_fields(debug_fn(write_field).delimited(" "))
            .init(),
        LogFormat::Json => {
            write_messages_as_json();
            subscriber.json().init();
        }
    }
    report_panics();
}

/// Writes a field of a text log line: the message alone, other fields with their names.
fn write_field(writer: &mut Writer<'_>, field: &Field, value: &dyn fmt::Debug) -> fmt::Result {
    let text = format!("{value:?}");
    match field.name() {
        "message" => write!(writer, "{}", printable(&text)),
        name => write!(
            writer,
            "{}={}",
            name.trim_start_matches("r#"),
            printable(&text)
        ),
    }
}

/// Logs panics of model threads at DEBUG, since each is caught, counted and reported as a failure anyway. Other panics are
/// errors in the format of all messages, or with `RUST_BACKTRACE` as Rust prints them.
fn report_panics() {
    let default_hook = std::panic::take_hook();
    let backtrace = std::env::var_os("RUST_BACKTRACE").is_some();
    std::panic::set_hook(Box::new(move |panic| match std::thread::current().name() {
        Some("vision" | "memory" | "decoder" | "text") => {
            tracing::debug!("a model panicked: {panic}")
        }
        _ if backtrace && !messages_are_json() => default_hook(panic),
        name => {
            let name = name.unwrap_or("without a name");
            eprint_error(&format!("thread {name} {panic}"));
        }
    }));
}

/// Stderr, with the progress bar hidden while a line is written.
#[derive(Clone, Copy)]
struct LogWriter;

impl Write for LogWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        eprint_log_line(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for LogWriter {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        Self
    }
}
