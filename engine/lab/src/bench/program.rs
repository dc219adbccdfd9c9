//! A program that does some tasks: this one, started anew, so that what it loads and holds is its own.
//!
//! Invariant: it is ended when it is dropped, by its own id.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use super::{tasks::Task, work::Worked};

/// What it is to do.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// The program: `atom`.
    pub program: &'a Path,
    /// The pack.
    pub pack: &'a str,
    /// The videos.
    pub videos: &'a [PathBuf],
    /// Where results go.
    pub folder: &'a Path,
    /// Its tasks.
    pub tasks: &'static [Task],
    /// Whether it loads everything and then waits to be told to begin.
    pub kept: bool,
    /// One thing after the other.
    pub one_by_one: bool,
}

/// Why a program did not do its tasks.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// Which.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// It failed; it has said why.
    #[error("the program that does {tasks} failed ({status})")]
    Failed {
        /// Its tasks.
        tasks: String,
        /// How it ended.
        status: String,
    },
    /// It said something else than what was expected.
    #[error("the program that does {tasks} said {said:?}, expected {expected}")]
    Said {
        /// Its tasks.
        tasks: String,
        /// What it said.
        said: String,
        /// What was expected.
        expected: &'static str,
    },
}

/// A program that did its tasks.
#[derive(Clone, Debug, Default)]
pub struct Ran {
    /// Its tasks.
    pub tasks: &'static [Task],
    /// Whether it was loaded before its time counted.
    pub kept: bool,
    /// When it was started, or told to begin.
    pub begun_us: u64,
    /// How long it took from then on.
    pub wall: Duration,
    /// What it told.
    pub worked: Worked,
}

impl Ran {
    /// Processor time, of one that is kept without loading.
    pub fn cpu_seconds(&self) -> f64 {
        let before = if self.kept {
            self.worked.cpu_seconds_until_ready
        } else {
            0.0
        };
        self.worked.cpu_seconds - before
    }

    /// Seconds until its first caption, if it had one.
    pub fn first_caption(&self) -> Option<f64> {
        let at = self.worked.first_caption_us?;
        Some(at.saturating_sub(self.begun_us) as f64 / 1e6)
    }
}

/// A program at work. It is ended when it is dropped.
pub struct Program {
    tasks: &'static [Task],
    kept: bool,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    begun: Instant,
    begun_us: u64,
}

impl Program {
    /// Starts it; one that is kept has loaded everything then and waits.
    ///
    /// # Errors
    /// If it cannot be started or loaded.
    pub fn start(order: &Order<'_>) -> Result<Self, ProgramError> {
        let failed = |source| ProgramError::Start {
            program: order.program.display().to_string(),
            source,
        };
        let mut command = Command::new(order.program);
        command.args(["bench", "work", "--pack", order.pack, "--folder"]);
        command.arg(order.folder);
        command.args(order.one_by_one.then_some("--one-by-one"));
        command.args(order.kept.then_some("--wait"));
        command.args(["--tasks", &names(order.tasks), "--"]);
        command.args(order.videos);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let (begun, begun_us) = now();
        let mut child = command.spawn().map_err(failed)?;
        let pipes = (child.stdin.take(), child.stdout.take());
        let (Some(input), Some(output)) = pipes else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let mut program = Self {
            tasks: order.tasks,
            kept: order.kept,
            child,
            input,
            output: BufReader::new(output),
            begun,
            begun_us,
        };
        if order.kept {
            program.expect_ready()?;
        }
        Ok(program)
    }

    fn expect_ready(&mut self) -> Result<(), ProgramError> {
        let mut said = String::new();
        let read = self.output.read_line(&mut said);
        match read.map(|_| said.trim()) {
            Ok(READY) => Ok(()),
            Ok("") | Err(_) => Err(self.failed()),
            Ok(other) => Err(ProgramError::Said {
                tasks: names(self.tasks),
                said: other.to_owned(),
                expected: READY,
            }),
        }
    }

    /// Tells it to begin: from now on its time counts.
    ///
    /// # Errors
    /// If it is gone.
    pub fn go(&mut self) -> Result<(), ProgramError> {
        (self.begun, self.begun_us) = now();
        let told = self
            .input
            .write_all(b"go\n")
            .and_then(|()| self.input.flush());
        told.map_err(|_| self.failed())
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// If it fails, or says what nobody expects.
    pub fn finish(mut self) -> Result<Ran, ProgramError> {
        let mut said = String::new();
        // What one that is kept does after it has told its result, it would not do if it were kept on.
        let read = match self.kept {
            true => self.output.read_line(&mut said),
            false => self.output.read_to_string(&mut said),
        };
        let kept_wall = self.begun.elapsed();
        let ended = self.child.wait();
        let wall = if self.kept {
            kept_wall
        } else {
            self.begun.elapsed()
        };
        let well = ended.is_ok_and(|status| status.success());
        if read.is_err() || !well {
            return Err(self.failed());
        }
        let worked = serde_json::from_str(&said).map_err(|_| ProgramError::Said {
            tasks: names(self.tasks),
            said: said.chars().take(200).collect(),
            expected: "its result as JSON",
        })?;
        Ok(Ran {
            tasks: self.tasks,
            kept: self.kept,
            begun_us: self.begun_us,
            wall,
            worked,
        })
    }

    fn failed(&mut self) -> ProgramError {
        let _ = self.child.kill();
        let status = self.child.wait();
        ProgramError::Failed {
            tasks: names(self.tasks),
            status: status.map_or_else(|error| error.to_string(), |status| status.to_string()),
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // One that has ended cannot be ended again.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program that is kept says when it is loaded.
pub const READY: &str = "ready";

/// Their names, with commas between.
pub fn names(tasks: &[Task]) -> String {
    let names: Vec<_> = tasks.iter().map(|task| task.name()).collect();
    names.join(",")
}

fn now() -> (Instant, u64) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    (Instant::now(), since.unwrap_or_default().as_micros() as u64)
}
