//! `atom man-pages`: writes the manual pages; for packagers.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use atom_operators::counted::counted;
use clap::{Args, Command};

use crate::{man_page::man_page, output::print_line};

/// Write the manual pages into a folder: atom.1, and a page for every command and subcommand.
#[derive(Args)]
pub struct ManPages {
    /// The folder, which is created if it does not exist.
    folder: PathBuf,
}

impl ManPages {
    /// Writes the pages of all commands of the program.
    pub fn run(self, program: Command) -> anyhow::Result<ExitCode> {
        fs::create_dir_all(&self.folder)
            .with_context(|| format!("cannot create {}", self.folder.display()))?;
        let mut root = program.disable_help_subcommand(true);
        root.build();
        let pages = write_pages(&root, &self.folder)?;
        print_line(&format!(
            "{} in {}",
            counted(pages, "manual page"),
            self.folder.display()
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the page of a command and those of its subcommands, and returns their number. Hidden commands have no page.
fn write_pages(command: &Command, folder: &Path) -> anyhow::Result<usize> {
    let page = man_page(command)?;
    let path = folder.join(page.file_name);
    fs::write(&path, page.text).with_context(|| format!("cannot write {}", path.display()))?;
    let mut pages = 1;
    for subcommand in command.get_subcommands().filter(|c| !c.is_hide_set()) {
        pages += write_pages(subcommand, folder)?;
    }
    Ok(pages)
}
