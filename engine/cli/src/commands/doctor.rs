//! `atom doctor`: reports what this machine has, what Atom uses of it, and the cure of what is missing.

use std::process::ExitCode;

use clap::Args;

use crate::{
    doctor::{DoctorReport, report_text},
    output::{print_json, print_layout},
};

/// Report what this machine has, and how to install what is missing.
#[derive(Args)]
#[command(after_help = "\
The exit code is 1 if something is missing that \"atom caption\" with the pack mini needs. Notes do not count.

Examples:
  atom doctor
  atom doctor > report.txt          to attach to a bug report
  atom doctor --json | jq .findings")]
pub struct Doctor {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

impl Doctor {
    /// Prints the report.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let report = DoctorReport::collect();
        match self.json {
            true => print_json(&report)?,
            false => print_layout(&report_text(&report))?,
        }
        Ok(match report.ready {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        })
    }
}
