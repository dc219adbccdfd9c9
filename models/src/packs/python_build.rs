//! The build of a pack's files by its Python script, in a virtual environment of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    ModelError,
    packs::{file_operations::copy, manifest::Build},
};

/// A build of a pack.
pub(super) struct PythonBuild<'b> {
    /// The pack.
    pub(super) pack: &'b str,
    /// The script and its requirements.
    pub(super) build: &'b Build,
    /// The folder of both.
    pub(super) source: &'b Path,
    /// The folder of the virtual environment.
    pub(super) environment: &'b Path,
}

impl PythonBuild<'_> {
    /// Returns the Python of the virtual environment if it has the script's requirements already.
    pub(super) fn ready_python(&self) -> Option<PathBuf> {
        let (have, wanted) = (self.installed_requirements(), self.wanted_requirements());
        let same = fs::read(have).ok()? == fs::read(wanted).ok()?;
        let python = self.python();
        (same && python.is_file()).then_some(python)
    }

    /// Creates the virtual environment with the script's requirements and returns its Python.
    pub(super) fn create_environment(&self) -> Result<PathBuf, ModelError> {
        let python = self.python();
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(self.environment);
        self.run(
            venv,
            "making a virtual environment (python3-venv must be installed)",
        )?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "-r"])
            .arg(self.wanted_requirements());
        self.run(pip, "installing its requirements")?;
        copy(&self.wanted_requirements(), &self.installed_requirements())?;
        Ok(python)
    }

    /// Runs the script, which makes files of `parts` in `out`.
    pub(super) fn run_script(
        &self,
        python: &Path,
        parts: &Path,
        out: &Path,
    ) -> Result<(), ModelError> {
        let mut script = Command::new(python);
        script
            .arg(self.source.join(&self.build.script))
            .arg("--parts")
            .arg(parts)
            .arg("--out")
            .arg(out);
        self.run(script, "running its build script")
    }

    fn python(&self) -> PathBuf {
        self.environment.join("bin/python")
    }

    fn wanted_requirements(&self) -> PathBuf {
        self.source.join(&self.build.requirements)
    }

    fn installed_requirements(&self) -> PathBuf {
        self.environment.join("requirements.txt")
    }

    /// Runs a command with its output on this process's stderr.
    fn run(&self, mut command: Command, step: &'static str) -> Result<(), ModelError> {
        let status = command
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .status()
            .map_err(|source| ModelError::BuildCommand {
                pack: self.pack.to_owned(),
                step,
                source,
            })?;
        if status.success() {
            return Ok(());
        }
        Err(ModelError::BuildStatus {
            pack: self.pack.to_owned(),
            step,
            status,
        })
    }
}
