//! A process that runs some tasks: this program, started again, so that it loads and holds modules of its own.
//!
//! Invariant: dropping it ends the process, by its own id.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{
    task_run::TaskReport,
    tasks::{Task, task_names},
};
use crate::LabError;

/// The line that a preloaded process prints when everything is loaded.
pub const READY: &str = "ready";

/// The task run of a process.
#[derive(Clone, Copy, Debug)]
pub struct ProcessOptions<'a> {
    /// The program `atom`.
    pub program: &'a Path,
    /// The pack.
    pub pack: &'a str,
    /// The videos.
    pub videos: &'a [PathBuf],
    /// The folder of the results.
    pub folder: &'a Path,
    /// The tasks.
    pub tasks: &'static [Task],
    /// True if it loads everything and then waits for [`TaskProcess::begin`].
    pub preloaded: bool,
    /// True if it works on one frame or segment after the other.
    pub sequential: bool,
}

/// The outcome of a process that did its tasks.
#[derive(Clone, Debug, Default)]
pub struct ProcessOutcome {
    /// The tasks.
    pub tasks: &'static [Task],
    /// True if it was loaded before its time counted.
    pub preloaded: bool,
    /// The moment when it was started, or when it began if it was preloaded.
    pub start_us: u64,
    /// The time from then on.
    pub wall: Duration,
    /// Its report.
    pub report: TaskReport,
}

impl ProcessOutcome {
    /// Returns the processor time; loading does not count if it was preloaded.
    pub fn cpu_seconds(&self) -> f64 {
        match self.preloaded {
            true => self.report.cpu_seconds - self.report.cpu_seconds_until_ready,
            false => self.report.cpu_seconds,
        }
    }

    /// Returns the seconds until the first caption, if there was one.
    pub fn first_caption_seconds(&self) -> Option<f64> {
        let at = self.report.first_caption_us?;
        Some(at.saturating_sub(self.start_us) as f64 / 1e6)
    }
}

/// A process that does some tasks.
pub struct TaskProcess {
    tasks: &'static [Task],
    preloaded: bool,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    start: Instant,
    start_us: u64,
}

impl TaskProcess {
    /// Starts a process. A preloaded one has loaded everything when this returns, and waits.
    ///
    /// # Errors
    /// If it cannot be started or loaded.
    pub fn start(options: &ProcessOptions<'_>) -> Result<Self, LabError> {
        let failed = |source| LabError::StartProcess {
            program: options.program.display().to_string(),
            source,
        };
        let (start, start_us) = now();
        let mut child = command(options).spawn().map_err(failed)?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = pipes else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let mut process = Self {
            tasks: options.tasks,
            preloaded: options.preloaded,
            child,
            input,
            output: BufReader::new(output),
            start,
            start_us,
        };
        if options.preloaded {
            process.expect_ready()?;
        }
        Ok(process)
    }

    fn expect_ready(&mut self) -> Result<(), LabError> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line);
        match read.map(|_| line.trim()) {
            Ok(READY) => Ok(()),
            Ok("") | Err(_) => Err(self.failed()),
            Ok(other) => Err(LabError::ProcessOutput {
                tasks: task_names(self.tasks),
                output: other.to_owned(),
                expected: READY,
            }),
        }
    }

    /// Lets a preloaded process begin; from now on its time counts.
    ///
    /// # Errors
    /// If the process has ended.
    pub fn begin(&mut self) -> Result<(), LabError> {
        (self.start, self.start_us) = now();
        let sent = self
            .input
            .write_all(b"go\n")
            .and_then(|()| self.input.flush());
        sent.map_err(|_| self.failed())
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    /// If it fails, or prints something other than its report.
    pub fn finish(mut self) -> Result<ProcessOutcome, LabError> {
        let mut output = String::new();
        // A preloaded process would stay loaded in practice, so the time after its report does not count.
        let read = match self.preloaded {
            true => self.output.read_line(&mut output),
            false => self.output.read_to_string(&mut output),
        };
        let wall_to_report = self.start.elapsed();
        let ended = self.child.wait();
        let wall = match self.preloaded {
            true => wall_to_report,
            false => self.start.elapsed(),
        };
        let succeeded = ended.is_ok_and(|status| status.success());
        if read.is_err() || !succeeded {
            return Err(self.failed());
        }
        let report = serde_json::from_str(&output).map_err(|_| LabError::ProcessOutput {
            tasks: task_names(self.tasks),
            output: output.chars().take(200).collect(),
            expected: "its result as JSON",
        })?;
        Ok(ProcessOutcome {
            tasks: self.tasks,
            preloaded: self.preloaded,
            start_us: self.start_us,
            wall,
            report,
        })
    }

    fn failed(&mut self) -> LabError {
        let _ = self.child.kill();
        LabError::ProcessFailed {
            tasks: task_names(self.tasks),
            status: self.child.wait().ok(),
        }
    }
}

impl Drop for TaskProcess {
    fn drop(&mut self) {
        // Both fail harmlessly if the process has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(options: &ProcessOptions<'_>) -> Command {
    let mut command = Command::new(options.program);
    command.args(["bench", "work", "--pack", options.pack, "--folder"]);
    command.arg(options.folder);
    command.args(options.sequential.then_some("--one-by-one"));
    command.args(options.preloaded.then_some("--wait"));
    command.args(["--tasks", &task_names(options.tasks), "--"]);
    command.args(options.videos);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn now() -> (Instant, u64) {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let unix_us = since_1970.unwrap_or_default().as_micros() as u64;
    (Instant::now(), unix_us)
}
