//! Signals: the first Ctrl-C (or SIGTERM) drains the run, the second one ends the program; SIGHUP reopens output files.
//!
//! Invariant: a program that ends at once runs no destructors while its threads use the models. `std::process::exit`
//! would run the destructors of the ONNX Runtime library while modules run, and their errors would be logged, or even
//! stored, as if the models had failed.

use std::{
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use anyhow::Context;
use atom_operators::{cancel::CancellationToken, hangup::HangupCount};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
    low_level,
};

use crate::output::eprint_line;

/// Time within which further signals belong to the same request: `timeout` and others send a signal to a process and then to
/// its group, so that it comes twice.
const SAME_REQUEST: Duration = Duration::from_millis(200);

/// The exit code of a program that was stopped at once.
const STOPPED: i32 = 1;

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
    let mut requests = StopRequests::default();
    for signal in signals.forever() {
        if signal == SIGHUP {
            HANGUPS.add();
            tracing::info!("hang-up signal: reopening output files");
            continue;
        }
        match requests.on_signal(Instant::now()) {
            StopAction::Drain => {
                stop.cancel();
                eprint_line(
                    "stopping: finishing work in progress; press Ctrl-C again to stop at once",
                );
            }
            StopAction::Nothing => {}
            StopAction::EndAtOnce => low_level::exit(STOPPED),
        }
    }
}

/// The stop signals so far.
#[derive(Debug, Default)]
struct StopRequests {
    first: Option<Instant>,
}

/// The action that a signal requests.
#[derive(Debug, PartialEq, Eq)]
enum StopAction {
    /// Finish the work in progress.
    Drain,
    /// None: the signal repeats the first request.
    Nothing,
    /// End the program.
    EndAtOnce,
}

impl StopRequests {
    fn on_signal(&mut self, now: Instant) -> StopAction {
        match self.first {
            None => {
                self.first = Some(now);
                StopAction::Drain
            }
            Some(first) if now.duration_since(first) < SAME_REQUEST => StopAction::Nothing,
            Some(_) => StopAction::EndAtOnce,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_comes_twice_at_the_same_moment_is_one_request() {
        let start = Instant::now();
        let mut requests = StopRequests::default();
        let actions = [0, 1, 199, 200, 5000].map(|ms| {
            let now = start + Duration::from_millis(ms);
            requests.on_signal(now)
        });
        use StopAction::{Drain, EndAtOnce, Nothing};
        assert_eq!(actions, [Drain, Nothing, Nothing, EndAtOnce, EndAtOnce]);
    }
}
