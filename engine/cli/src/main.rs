//! The program `atom`: parses the command line, runs a command, maps its outcome to an exit code.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::process::ExitCode;

use clap::Parser;

mod commands;
mod heat;

fn main() -> ExitCode {
    let arguments = commands::Arguments::parse();
    commands::terminal::start_logging(arguments.verbose, arguments.log_format);
    match arguments.command.run() {
        Ok(code) => code,
        Err(error) if commands::terminal::closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            commands::terminal::tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
