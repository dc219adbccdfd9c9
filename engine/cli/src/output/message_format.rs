//! The format of everything on stderr: text for people, or JSON objects.

use std::{
    io::{self, IsTerminal},
    sync::atomic::{AtomicBool, Ordering::Relaxed},
};

/// True if messages are JSON objects.
static JSON: AtomicBool = AtomicBool::new(false);

/// Writes all messages from now on as JSON objects, one per line, and draws no progress bar.
pub fn write_messages_as_json() {
    JSON.store(true, Relaxed);
}

/// Returns true if messages are JSON objects.
pub fn messages_are_json() -> bool {
    JSON.load(Relaxed)
}

/// Returns true if stderr is a terminal.
pub fn stderr_is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Returns true if a progress bar can be drawn on stderr.
pub fn progress_can_be_drawn() -> bool {
    stderr_is_terminal() && !messages_are_json()
}
