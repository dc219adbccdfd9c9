//! Runs the program `atom` as a user would, in a temporary working directory.
//!
//! Every wait has a timeout. A process that exceeds it is killed, and the test fails with the output of the process.

use std::{
    env, fs,
    io::{self, Read},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

pub use crate::program_output::{ProgramOutput, json_lines};

/// The longest time that a test waits for the program.
pub const TIMEOUT: Duration = Duration::from_secs(120);

/// Returns the path of the program, which is built next to the tests.
///
/// # Panics
/// The program is not built.
pub fn program() -> PathBuf {
    let test = env::current_exe().expect("the path of the test is known");
    let program = test
        .ancestors()
        .nth(2)
        .expect("tests are in target/PROFILE/deps")
        .join("atom");
    assert!(
        program.is_file(),
        "there is no program {}: run `make test`",
        program.display()
    );
    program
}

/// Returns the root of the workspace.
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the crate is in the workspace")
}

/// A temporary directory in which the program runs. It is deleted when this value is dropped.
pub struct Workdir {
    folder: TempDir,
    environment: Vec<(String, PathBuf)>,
}

impl Default for Workdir {
    fn default() -> Self {
        Self::new()
    }
}

impl Workdir {
    /// Creates an empty directory.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let data = ("XDG_DATA_HOME".to_owned(), folder.path().join("data"));
        Self {
            folder,
            environment: vec![data],
        }
    }

    /// Makes the program use the packs in `cache`.
    pub fn with_cache(mut self, cache: &Path) -> Self {
        self.environment.push(("ATOM_CACHE".into(), cache.into()));
        self
    }

    /// Returns the path of a file in this directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file and returns its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("the temporary folder can be written");
        path
    }

    /// Copies a file into this directory and returns its path.
    pub fn copy(&self, from: &Path, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::copy(from, &path).expect("the temporary folder can be written");
        path
    }

    /// Reads a file.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("cannot read {name}: {e}"))
    }

    /// Reads the report of a run.
    #[track_caller]
    pub fn report(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap_or_else(|e| panic!("{name} is no JSON: {e}"))
    }

    /// Runs the program and waits for its end.
    #[track_caller]
    pub fn atom(&self, arguments: &[&str]) -> ProgramOutput {
        self.start(arguments).wait(TIMEOUT)
    }

    /// Starts the program.
    pub fn start(&self, arguments: &[&str]) -> Process {
        let mut command = self.command();
        command.args(arguments);
        Process::start(command)
    }

    /// Returns a command that runs the program in this directory, without arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command
            .current_dir(self.folder.path())
            .envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// The output of a stream, collected by a thread while the program runs.
#[derive(Clone, Default)]
struct OutputBuffer(Arc<Mutex<Vec<u8>>>);

impl OutputBuffer {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn collect(&self, mut stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let buffer = self.clone();
        thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(read @ 1..) = stream.read(&mut part) {
                buffer.bytes().extend_from_slice(&part[..read]);
            }
        })
    }
}

/// A running process. It is killed when this value is dropped.
pub struct Process {
    child: Child,
    command: String,
    stdout: OutputBuffer,
    stderr: OutputBuffer,
    collectors: Vec<JoinHandle<()>>,
    /// True if signals go to the process and its children.
    group: bool,
}

impl Process {
    /// Starts a command and collects its output.
    pub fn start(command: Command) -> Self {
        Self::spawn(command, false)
    }

    /// Starts a command in a process group of its own, which receives the signals as a whole.
    pub fn start_group(mut command: Command) -> Self {
        command.process_group(0);
        Self::spawn(command, true)
    }

    fn spawn(mut command: Command, group: bool) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let (stdout, stderr) = (OutputBuffer::default(), OutputBuffer::default());
        let collectors = vec![
            stdout.collect(child.stdout.take().expect("stdout is piped")),
            stderr.collect(child.stderr.take().expect("stderr is piped")),
        ];
        Self {
            child,
            command: format!("{command:?}"),
            stdout,
            stderr,
            collectors,
            group,
        }
    }

    /// Returns the standard output so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// Returns the standard error so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Sends a signal by name, such as `INT`.
    pub fn signal(&self, name: &str) {
        assert!(self.send(name), "cannot signal {}", self.command);
    }

    fn send(&self, name: &str) -> bool {
        let sign = if self.group { "-" } else { "" };
        let id = format!("{sign}{}", self.child.id());
        let sent = Command::new("kill")
            .args([&format!("-{name}"), "--", &id])
            .stderr(Stdio::null())
            .status();
        sent.is_ok_and(|status| status.success())
    }

    /// Returns true if the process has ended.
    pub fn has_ended(&mut self) -> bool {
        self.exit_status().is_some()
    }

    /// Kills the process at once, as in a crash.
    pub fn kill(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        // The process may have ended by itself.
        if self.group {
            self.send("KILL");
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until a condition on the standard output holds.
    #[track_caller]
    pub fn wait_for_stdout(&self, condition: impl Fn(&str) -> bool) {
        self.wait_for(|process| condition(&process.stdout()));
    }

    /// Waits until a condition on the standard error holds.
    #[track_caller]
    pub fn wait_for_stderr(&self, condition: impl Fn(&str) -> bool) {
        self.wait_for(|process| condition(&process.stderr()));
    }

    #[track_caller]
    fn wait_for(&self, condition: impl Fn(&Self) -> bool) {
        let start = Instant::now();
        while !condition(self) {
            let late = start.elapsed() >= TIMEOUT;
            assert!(!late, "{}: timeout\n{self}", self.command);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Interrupts the process, as Ctrl-C does, and waits for its end.
    #[track_caller]
    pub fn interrupt(self) -> ProgramOutput {
        self.signal("INT");
        self.wait(TIMEOUT)
    }

    /// Waits for the end of the process.
    ///
    /// # Panics
    /// The process does not end within the timeout; it is killed then.
    #[track_caller]
    pub fn wait(self, timeout: Duration) -> ProgramOutput {
        self.wait_or_stop(timeout).unwrap_or_else(|e| panic!("{e}"))
    }

    /// Waits for the end of the process.
    ///
    /// # Errors
    /// The process does not end within the timeout; it is killed then.
    pub fn wait_or_stop(mut self, timeout: Duration) -> Result<ProgramOutput, String> {
        let start = Instant::now();
        let status = loop {
            if let Some(status) = self.exit_status() {
                break status;
            }
            if start.elapsed() > timeout {
                self.stop();
                let command = &self.command;
                return Err(format!("{command} did not end within {timeout:?}\n{self}"));
            }
            thread::sleep(Duration::from_millis(5));
        };
        for collector in std::mem::take(&mut self.collectors) {
            collector.join().expect("a collector does not panic");
        }
        Ok(ProgramOutput {
            command: self.command.clone(),
            code: status.code(),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
        })
    }

    fn exit_status(&mut self) -> Option<ExitStatus> {
        let status: io::Result<_> = self.child.try_wait();
        status.expect("a child of this process can be waited for")
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        write!(f, "--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Returns a path as a command-line argument.
pub fn path_str(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}
