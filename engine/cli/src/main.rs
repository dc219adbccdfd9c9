//! The program `atom`: parses the command line, runs a command, and maps its outcome to an exit code.
//!
//! Each command has a file in `commands`. Beside them are the arguments that commands share (`args`), everything that is
//! printed (`output`), the drawing of statistics (`stats_view`), the report about an installation (`doctor`, `versions`), manual
//! pages (`man_page`), logging, signals, and the limit of open files.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::process::ExitCode;

use atom_lab::LabError;
use atom_pipelines::Problems;

mod args;
mod built_in_pipeline;
mod command_line;
mod commands;
mod descriptor_limit;
mod doctor;
mod embedded_packs;
mod index_packs;
mod logging;
mod man_page;
mod output;
mod signals;
mod stats_view;
mod versions;

fn main() -> ExitCode {
    let run = command_line::parse().and_then(|arguments| {
        logging::start(arguments.verbose, arguments.log_format);
        descriptor_limit::raise_descriptor_limit();
        arguments.command.run()
    });
    match run {
        Ok(code) => code,
        Err(error) if output::closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => report(&error),
    }
}

/// Prints why a command failed, and returns its exit code.
fn report(error: &anyhow::Error) -> ExitCode {
    if let Some(usage) = error.downcast_ref::<command_line::UsageError>() {
        output::eprint_usage(&usage.to_string());
        return ExitCode::from(2);
    }
    let message = format!("{error:#}");
    let lab_error = error.downcast_ref();
    let lists = matches!(
        lab_error,
        Some(LabError::Entries { .. } | LabError::Leak { .. })
    );
    // These errors list each problem on a line of its own.
    match lists || error.is::<Problems>() {
        true => output::eprint_error_lines(&message),
        false => output::eprint_error(&message),
    }
    ExitCode::FAILURE
}
