//! Parses the command line. Its errors, help texts and version are printed by the program, as everything else is.

use std::{env, ffi::OsString, process};

use atom_operators::printable::printable;
use clap::Parser;
use thiserror::Error;

use crate::{
    commands::Arguments,
    output::{print_layout, write_messages_as_json},
};

/// An error of the command line, with a usage hint, in several lines.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct UsageError(String);

/// Parses the arguments of the program. Help and version are printed, and end the program.
///
/// # Errors
/// A [`UsageError`] if the arguments are wrong; another one if stdout cannot be written to.
pub fn parse() -> anyhow::Result<Arguments> {
    let arguments: Vec<OsString> = env::args_os().collect();
    let error = match Arguments::try_parse_from(&arguments) {
        Ok(parsed) => return Ok(parsed),
        Err(error) => error,
    };
    if !error.use_stderr() {
        print_layout(error.render().to_string().trim_end())?;
        process::exit(0);
    }
    if wants_json(&arguments) {
        write_messages_as_json();
    }
    let message = printable_error(&arguments).unwrap_or(error);
    Err(UsageError(message.render().to_string().trim_end().to_owned()).into())
}

/// Returns the error of the same arguments with control characters shown as escapes, since a usage error quotes them among
/// lines of its own.
fn printable_error(arguments: &[OsString]) -> Option<clap::Error> {
    let printable = arguments
        .iter()
        .map(|argument| printable(&argument.to_string_lossy()).into_owned());
    let error = Arguments::try_parse_from(printable).err()?;
    error.use_stderr().then_some(error)
}

/// Returns true if the arguments ask for JSON logs; they could not be parsed as a whole.
fn wants_json(arguments: &[OsString]) -> bool {
    let pairs = arguments.windows(2);
    arguments
        .iter()
        .any(|argument| argument == "--log-format=json")
        || pairs
            .into_iter()
            .any(|pair| pair[0] == "--log-format" && pair[1] == "json")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(text: &[&str]) -> Vec<OsString> {
        text.iter().map(OsString::from).collect()
    }

    #[test]
    fn an_argument_cannot_forge_a_line_of_its_own_error() {
        let wrong = arguments(&["atom", "cap\nerror: \u{1b}[2Jforged"]);
        let error = printable_error(&wrong).unwrap().to_string();
        assert!(error.contains("cap\\nerror: \\u{1b}[2Jforged"), "{error}");
    }

    #[test]
    fn json_logs_are_recognised_in_arguments_that_are_wrong() {
        for json in [
            &["atom", "x", "--log-format", "json"][..],
            &["atom", "--log-format=json", "x"],
        ] {
            assert!(wants_json(&arguments(json)), "{json:?}");
        }
        assert!(!wants_json(&arguments(&["atom", "json", "--log-format"])));
    }
}
