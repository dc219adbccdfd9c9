//! The program `atom`: parses the command line, runs a command, maps its outcome to an exit code.

use std::process::ExitCode;

use clap::Parser;

mod cli;

fn main() -> ExitCode {
    let arguments = cli::Arguments::parse();
    cli::terminal::start_logging(arguments.verbose, arguments.log_format);
    match arguments.command.run() {
        Ok(code) => code,
        Err(error) if cli::terminal::closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            cli::terminal::tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}
