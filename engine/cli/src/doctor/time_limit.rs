//! A time limit for questions to libraries that may hang or panic on a broken machine.

use std::{
    sync::mpsc::{RecvTimeoutError, channel},
    thread,
    time::Duration,
};

/// The longest time that an answer may take. The first start of GStreamer scans all plugins, which takes seconds on a slow disk.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// Returns the answer to a question that is asked on a thread of its own, or the reason why there is none.
///
/// A thread that hangs goes on until the program ends.
pub(super) fn within_time_limit<T: Send + 'static>(
    question: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    within(TIME_LIMIT, question)
}

fn within<T: Send + 'static>(
    limit: Duration,
    question: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let (sender, receiver) = channel();
    let asked = thread::Builder::new()
        .name("doctor".to_owned())
        .spawn(move || {
            // Nobody waits for an answer that comes too late.
            let _ = sender.send(question());
        });
    asked.map_err(|error| format!("no thread could be started: {error}"))?;
    receiver.recv_timeout(limit).map_err(|error| match error {
        RecvTimeoutError::Timeout => format!("no answer within {} s", limit.as_secs()),
        RecvTimeoutError::Disconnected => "it panicked".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_that_hangs_or_panics_has_a_reason_instead_of_an_answer() {
        assert_eq!(within(TIME_LIMIT, || 7), Ok(7));
        let (_open, never) = channel::<()>();
        let hangs = within(Duration::ZERO, move || never.recv().is_ok());
        assert_eq!(hangs.unwrap_err(), "no answer within 0 s");
        let panics = within(TIME_LIMIT, || -> u8 { panic!("on purpose") });
        assert_eq!(panics.unwrap_err(), "it panicked");
    }
}
