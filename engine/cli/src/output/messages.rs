//! Messages to the user on stderr: the only place of the program that writes there, beside the progress bar.
//!
//! With `--log-format json` each message is a JSON object like the log lines around it, to the last line of the program.
//! Invariant: no character of a message can move the cursor, forge a line or reorder one.

use std::io::{self, Write};

use atom_operators::printable::{printable, printable_json};
use jiff::Timestamp;
use serde::Serialize;

use super::{message_format::messages_are_json, progress_bar::suspend_progress_bar};

/// The importance of a message.
#[derive(Clone, Copy)]
enum Severity {
    Note,
    Warning,
    Error,
}

/// A message as a log line, with the keys and the order of the subscriber's log lines.
#[derive(Serialize)]
struct MessageLine<'t> {
    timestamp: String,
    level: &'static str,
    fields: MessageFields<'t>,
    target: &'static str,
}

#[derive(Serialize)]
struct MessageFields<'t> {
    message: &'t str,
}

/// Writes a line for the user to stderr. Line breaks and other control characters in it are shown as escapes.
pub fn eprint_line(line: &str) {
    message(Severity::Note, &printable(line));
}

/// Writes a warning to stderr, as [`eprint_line`] does.
pub fn eprint_warning(warning: &str) {
    message(Severity::Warning, &printable(warning));
}

/// Writes an error to stderr, as [`eprint_line`] does.
pub fn eprint_error(error: &str) {
    message(Severity::Error, &printable(error));
}

/// Writes a warning of several lines, whose foreign text is printable already.
pub fn eprint_warning_lines(warning: &str) {
    message(Severity::Warning, &printable_lines(warning));
}

/// Writes an error of several lines, whose foreign text is printable already.
pub fn eprint_error_lines(error: &str) {
    message(Severity::Error, &printable_lines(error));
}

/// Writes a usage error of the command line, whose foreign text is printable already.
pub fn eprint_usage(text: &str) {
    match text.strip_prefix("error: ") {
        Some(error) => eprint_error_lines(error),
        // A command without its arguments is answered with its help.
        None => message(Severity::Note, &printable_lines(text)),
    }
}

/// Writes a log line, which ends with a line break, in the form in which the subscriber made it.
pub fn eprint_log_line(line: &str) {
    let (text, end) = line
        .strip_suffix('\n')
        .map_or((line, ""), |text| (text, "\n"));
    let text = match text.starts_with('{') && messages_are_json() {
        true => printable_json(text),
        // Only the subscriber's own colours are left in it.
        false => text.into(),
    };
    write(&format!("{text}{end}"));
}

fn printable_lines(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(printable).collect();
    lines.join("\n")
}

fn message(severity: Severity, text: &str) {
    let (level, prefix) = match severity {
        Severity::Note => ("INFO", ""),
        Severity::Warning => ("WARN", "warning: "),
        Severity::Error => ("ERROR", "error: "),
    };
    if !messages_are_json() {
        return write(&format!("{prefix}{text}\n"));
    }
    let line = MessageLine {
        timestamp: Timestamp::now().to_string(),
        level,
        fields: MessageFields { message: text },
        target: "atom",
    };
    let json = serde_json::to_string(&line).expect("texts can be JSON");
    write(&format!("{json}\n"));
}

fn write(text: &str) {
    // There is nowhere left to report that stderr is gone.
    suspend_progress_bar(|| drop(io::stderr().lock().write_all(text.as_bytes())));
}
