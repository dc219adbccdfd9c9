//! Parses the command line. Its errors, help texts and version are printed by the program, as everything else is.

use std::{env, ffi::OsString, process};

use atom_operators::printable::printable;
use clap::{Parser, error::ErrorKind};
use thiserror::Error;

use crate::{
    commands::Arguments,
    output::{print_layout, write_messages_as_json},
    versions::Versions,
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
    if error.kind() == ErrorKind::DisplayVersion && wants_all_versions(&arguments) {
        print_layout(&all_versions(error.render().to_string().trim_end()))?;
        process::exit(0);
    }
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

/// Returns true if the arguments, among which is `--version`, hold `--verbose` too; clap stops at the former.
fn wants_all_versions(arguments: &[OsString]) -> bool {
    let mut arguments = arguments.iter().skip(1).filter_map(|a| a.to_str());
    arguments.any(|argument| match argument.strip_prefix('-') {
        Some("-verbose") => true,
        Some(flags) => flags.contains('v') && flags.chars().all(|flag| "vV".contains(flag)),
        None => false,
    })
}

/// Returns the line of the version, followed by a line for each version of what the program is built from and uses.
fn all_versions(first_line: &str) -> String {
    let rows = Versions::collect().rows();
    let lines = rows
        .iter()
        .map(|(name, value)| format!("\n{name}: {value}"));
    first_line.to_owned() + &lines.collect::<String>()
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
    fn all_versions_are_wanted_with_verbose_in_any_place() {
        for verbose in [
            "--verbose -V",
            "-V -v",
            "-vV",
            "-Vvv",
            "--version --verbose",
        ] {
            let words: Vec<_> = ["atom"].into_iter().chain(verbose.split(' ')).collect();
            assert!(wants_all_versions(&arguments(&words)), "{verbose}");
        }
        for plain in [&["atom", "-V"][..], &["atom", "--version", "v", "-"]] {
            assert!(!wants_all_versions(&arguments(plain)), "{plain:?}");
        }
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
