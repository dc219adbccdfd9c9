//! `atom models`: installs, lists and verifies packs of models.

use std::process::ExitCode;

use atom_models::{
    InstallObserver, Manifest, install_pack, installed_packs, pack_sources, verify_pack,
};
use atom_operators::printable::printable;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use crate::{
    embedded_packs::EMBEDDED_PACKS,
    output::{
        TableColumn, borderless_table, eprint_line, print_layout, print_line, progress_can_be_drawn,
    },
};

/// Install, list and verify model packs.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom models install mini                 install the default pack
  atom models list
  atom models verify                       verify all installed packs")]
pub struct Models {
    #[command(subcommand)]
    action: ModelsAction,
}

#[derive(Subcommand)]
enum ModelsAction {
    /// List installed packs with their size.
    #[command(after_help = "Example:\n  atom models list")]
    List,
    /// Download, build and verify packs and those that they require; files that are already correct are kept.
    #[command(after_help = "Example:\n  atom models install mini")]
    Install {
        /// Names of packs, or folders that contain a pack.toml.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Compare the files of installed packs with their manifests.
    #[command(after_help = "\
Examples:
  atom models verify                       all installed packs
  atom models verify mini")]
    Verify {
        /// Names of packs; without one, all installed packs are verified.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

impl Models {
    /// Runs the subcommand.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            ModelsAction::List => list()?,
            ModelsAction::Install { names } => {
                for source in pack_sources(&names, EMBEDDED_PACKS)? {
                    let done = install_pack(&source, &mut StepProgress::default())?;
                    let how = if done.fresh {
                        "installed"
                    } else {
                        "is already installed"
                    };
                    print_line(&format!("{} {how} in {}", done.id, done.folder.display()))?;
                }
            }
            ModelsAction::Verify { names } => verify(names)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list() -> anyhow::Result<()> {
    let packs = installed_packs()?;
    if packs.is_empty() {
        eprint_line("no packs are installed; run `atom models install mini`");
        return Ok(());
    }
    let row = |manifest: Manifest| {
        let size = format!("{} MB", manifest.bytes() / 1_000_000);
        [manifest.id(), size, manifest.about]
    };
    let rows = packs.into_iter().map(|(manifest, _)| row(manifest));
    let columns = [
        TableColumn::left(24, 1),
        TableColumn::right(9, 2),
        TableColumn::left(0, 0),
    ];
    print_layout(&borderless_table(columns, rows.collect()))
}

fn verify(names: Vec<String>) -> anyhow::Result<()> {
    let names = match names.is_empty() {
        true => installed_packs()?
            .into_iter()
            .map(|(manifest, _)| manifest.id())
            .collect(),
        false => names,
    };
    for name in names {
        let manifest: Manifest = verify_pack(&name, &mut StepProgress::default())?;
        print_line(&format!(
            "{}: {}",
            manifest.id(),
            correct_files(manifest.files.len())
        ))?;
    }
    Ok(())
}

fn correct_files(count: usize) -> String {
    match count {
        1 => "its file is correct".to_owned(),
        count => format!("all {count} files are correct"),
    }
}

/// Shows each step of an installation as a progress bar on a terminal, and as a line when it has ended.
#[derive(Default)]
struct StepProgress {
    step: String,
    bar: Option<ProgressBar>,
}

impl InstallObserver for StepProgress {
    fn begin(&mut self, step: &str, bytes: u64) {
        step.clone_into(&mut self.step);
        if !progress_can_be_drawn() {
            return;
        }
        let template = match bytes {
            0 => "{spinner} {msg}",
            _ => "{msg:40} {bar:30} {bytes}/{total_bytes} {eta}",
        };
        let style =
            ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
        self.bar = Some(
            ProgressBar::new(bytes)
                .with_style(style)
                .with_message(printable(&self.step).into_owned()),
        );
    }

    fn advance(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    fn output(&mut self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprint_line(line)),
            None => eprint_line(line),
        }
    }

    fn end(&mut self, outcome: &str) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        eprint_line(&format!("{}: {outcome}", self.step));
    }
}
