//! `atom completions`: scripts that complete commands and options in a shell.

use std::process::ExitCode;

use clap::{Args, Command};
use clap_complete::{Shell, generate};

use crate::output::print_layout;

/// Print a script that completes commands and options in a shell.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom completions bash > ~/.local/share/bash-completion/completions/atom
  atom completions zsh > ~/.zfunc/_atom                  with ~/.zfunc in fpath
  atom completions fish > ~/.config/fish/completions/atom.fish

The Debian package contains the scripts for bash, zsh and fish.")]
pub struct Completions {
    /// The shell.
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    /// Prints the script for all commands of the program.
    pub fn run(self, program: &Command) -> anyhow::Result<ExitCode> {
        let mut script = Vec::new();
        generate(self.shell, &mut visible(program), "atom", &mut script);
        print_layout(String::from_utf8_lossy(&script).trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns the program without its hidden commands, which the generators do not leave out.
fn visible(program: &Command) -> Command {
    let commands = program.get_subcommands();
    let commands = commands.filter(|command| !command.is_hide_set());
    Command::new("atom")
        .version(env!("CARGO_PKG_VERSION"))
        .disable_version_flag(true)
        .args(program.get_arguments().cloned())
        .subcommands(commands.cloned())
}
