//! The build of a pack's files by its Python script, in a virtual environment of its own.

use std::{
    fs,
    io::{self, BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    ModelError,
    packs::{file_operations::copy, install_observer::InstallObserver, manifest::Build},
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
    pub(super) fn create_environment(
        &self,
        observer: &mut dyn InstallObserver,
    ) -> Result<PathBuf, ModelError> {
        let python = self.python();
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(self.environment);
        self.run(
            venv,
            "creating a virtual environment (is python3-venv installed?)",
            observer,
        )?;
        let mut pip = Command::new(&python);
        pip.args(["-m", "pip", "install", "--quiet"])
            .args(["--disable-pip-version-check", "-r"])
            .arg(self.wanted_requirements());
        self.run(pip, "installing its requirements", observer)?;
        copy(&self.wanted_requirements(), &self.installed_requirements())?;
        Ok(python)
    }

    /// Runs the script, which makes files of `parts` in `out`.
    pub(super) fn run_script(
        &self,
        python: &Path,
        parts: &Path,
        out: &Path,
        observer: &mut dyn InstallObserver,
    ) -> Result<(), ModelError> {
        let mut script = Command::new(python);
        // The source may be a folder of the system, which an installation leaves as it is.
        script
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .arg(self.source.join(&self.build.script))
            .arg("--parts")
            .arg(parts)
            .arg("--out")
            .arg(out);
        self.run(script, "running its build script", observer)
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

    /// Runs a command and passes on each line of its output.
    fn run(
        &self,
        mut command: Command,
        step: &'static str,
        observer: &mut dyn InstallObserver,
    ) -> Result<(), ModelError> {
        let failed = |source| ModelError::BuildCommand {
            pack: self.pack.to_owned(),
            step,
            source,
        };
        let (reader, writer) = io::pipe().map_err(failed)?;
        command
            .stdin(Stdio::null())
            .stdout(writer.try_clone().map_err(failed)?)
            .stderr(writer);
        let mut child = command.spawn().map_err(failed)?;
        // The output ends when nobody can write to the pipe any more.
        drop(command);
        for line in BufReader::new(reader).split(b'\n') {
            let line = line.map_err(failed)?;
            observer.output(String::from_utf8_lossy(&line).trim_end());
        }
        let status = child.wait().map_err(failed)?;
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
