//! Ctrl-C: the first one drains the run, the second one ends the program.

use anyhow::Context;
use atom_operators::cancel::CancellationToken;

use crate::output::eprint_line;

/// Returns a token that the first Ctrl-C cancels; the second Ctrl-C ends the program with exit code 1.
///
/// # Errors
/// If a handler is installed already.
pub fn cancel_on_ctrl_c() -> anyhow::Result<CancellationToken> {
    let token = CancellationToken::new();
    let handle = token.clone();
    ctrlc::set_handler(move || {
        if handle.is_cancelled() {
            std::process::exit(1);
        }
        handle.cancel();
        eprint_line("stopping: what is under way is finished; once more to stop at once");
    })
    .context("cannot listen for Ctrl-C")?;
    Ok(token)
}
