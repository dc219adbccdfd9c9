//! `atom models`: brings packs of models here and checks them.

use std::{io::IsTerminal, process::ExitCode};

use atom_models::{
    install::{self, Watcher},
    manifest::Manifest,
};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};

use super::terminal;

/// Install, list and verify packs of models.
#[derive(Args)]
pub struct Models {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// List the packs that are installed.
    List,
    /// Fetch, build and check packs; what is there and right is kept.
    Install {
        /// Names of packs, or folders that hold a pack.toml.
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
    },
    /// Compare the files of packs with their manifests; of all packs if none is named.
    Verify {
        /// Names of packs.
        #[arg(value_name = "NAME")]
        names: Vec<String>,
    },
}

impl Models {
    /// Does what was asked.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        match self.action {
            Action::List => list()?,
            Action::Install { names } => {
                for name in names {
                    let done = install::install(&name, &mut Bars::default())?;
                    let how = if done.fresh {
                        "installed"
                    } else {
                        "was installed already"
                    };
                    terminal::result(&format!("{} {how} in {}", done.id, done.folder.display()))?;
                }
            }
            Action::Verify { names } => verify(names)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list() -> anyhow::Result<()> {
    let packs = install::list()?;
    if packs.is_empty() {
        terminal::tell("no packs are installed; run `atom models install mini`");
    }
    for (manifest, _) in packs {
        let size: u64 = manifest.files.iter().map(|file| file.size).sum();
        terminal::result(&format!(
            "{:<24} {:>6} MB  {}",
            manifest.id(),
            size / 1_000_000,
            manifest.about
        ))?;
    }
    Ok(())
}

fn verify(names: Vec<String>) -> anyhow::Result<()> {
    let names = match names.is_empty() {
        true => install::list()?
            .into_iter()
            .map(|(manifest, _)| manifest.id())
            .collect(),
        false => names,
    };
    for name in names {
        let manifest: Manifest = install::verify(&name, &mut Bars::default())?;
        terminal::result(&format!(
            "{}: all {} files are right",
            manifest.id(),
            manifest.files.len()
        ))?;
    }
    Ok(())
}

/// A bar for each step where a person watches, else a line for each.
#[derive(Default)]
struct Bars {
    step: String,
    bar: Option<ProgressBar>,
}

impl Watcher for Bars {
    fn begin(&mut self, step: &str, bytes: u64) {
        step.clone_into(&mut self.step);
        if !std::io::stderr().is_terminal() {
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
                .with_message(self.step.clone()),
        );
    }

    fn advance(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.inc(bytes);
        }
    }

    fn end(&mut self, outcome: &str) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        terminal::tell(&format!("{}: {outcome}", self.step));
    }
}
