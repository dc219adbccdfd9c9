//! Signals: the first Ctrl-C (or SIGTERM) drains the run, the second one ends the program; SIGHUP reopens output files.

use std::{process, sync::LazyLock, thread};

use anyhow::Context;
use atom_operators::{cancel::CancellationToken, hangup::HangupCount};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::output::eprint_line;

/// The hang-up signals of this process.
static HANGUPS: LazyLock<HangupCount> = LazyLock::new(HangupCount::default);

/// Returns the number of hang-up signals, which grows once [`cancel_on_ctrl_c`] listens.
pub fn hangups() -> HangupCount {
    HANGUPS.clone()
}

/// Returns a token that the first Ctrl-C cancels; the second Ctrl-C ends the program with exit code 1. From now on, a
/// hang-up signal does not end the program.
///
/// # Errors
/// If the system does not let the program handle signals.
pub fn cancel_on_ctrl_c() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let handle = token.clone();
    let signals = Signals::new([SIGHUP, SIGINT, SIGTERM]).context("cannot handle signals")?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || handle_signals(signals, &handle))
        .context("cannot handle signals")?;
    Ok(token)
}

fn handle_signals(mut signals: Signals, stop: &CancellationToken) {
    for signal in signals.forever() {
        match signal {
            SIGHUP => {
                HANGUPS.add();
                tracing::info!("hang-up signal: output files are reopened");
            }
            _ if stop.is_cancelled() => process::exit(1),
            _ => {
                stop.cancel();
                eprint_line("stopping: what is under way is finished; once more to stop at once");
            }
        }
    }
}
