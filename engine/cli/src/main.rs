//! The program `atom`: parses the command line, runs a command, and maps its outcome to an exit code.
//!
//! Each command has a file in `commands`. Beside them are the arguments that commands share (`args`), everything that is
//! printed (`output`), the drawing of statistics (`stats_view`), logging, signals, and the limit of open files.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::process::ExitCode;

use clap::Parser;

mod args;
mod built_in_pipeline;
mod commands;
mod descriptor_limit;
mod index_packs;
mod logging;
mod output;
mod signals;
mod stats_view;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    logging::start(arguments.verbose, arguments.log_format);
    descriptor_limit::raise_descriptor_limit();
    match arguments.command.run() {
        Ok(code) => code,
        Err(error) if output::closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            output::eprint_line(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
