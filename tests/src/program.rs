//! Runs the program `atom` as a user would: in a folder of its own, with a bound on every wait.
//!
//! A test that waits for ever says nothing, so a program that is late is killed by its handle and shown as it was.

use std::{
    env, fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

/// Longest run of the program in a test.
pub const BOUND: Duration = Duration::from_secs(120);

/// The program, which lies beside the tests' own executables.
///
/// # Panics
/// If it was not built.
pub fn program() -> PathBuf {
    let here = env::current_exe().expect("a test knows where it lies");
    let program = here
        .ancestors()
        .nth(2)
        .expect("tests lie in target/PROFILE/deps")
        .join("atom");
    assert!(
        program.is_file(),
        "there is no program {}: run `make test`",
        program.display()
    );
    program
}

/// The root of the workspace.
pub fn workspace() -> &'static Path {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the workspace holds this crate")
}

/// A folder of its own in which the program runs.
pub struct Place {
    folder: TempDir,
    settings: Vec<(String, PathBuf)>,
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// An empty folder, which goes with this value.
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let data = ("XDG_DATA_HOME".to_owned(), folder.path().join("data"));
        Self {
            folder,
            settings: vec![data],
        }
    }

    /// The same place, with packs looked for in `cache`.
    pub fn with_cache(mut self, cache: &Path) -> Self {
        self.settings.push(("ATOM_CACHE".into(), cache.into()));
        self
    }

    /// The path of something in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file into it.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).expect("the temporary folder can be written");
        path
    }

    /// Copies a file into it.
    pub fn copy(&self, from: &Path, name: &str) -> PathBuf {
        let path = self.path(name);
        fs::copy(from, &path).expect("the temporary folder can be written");
        path
    }

    /// What stands in one of its files.
    #[track_caller]
    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("cannot read {name}: {e}"))
    }

    /// A report that a run wrote into it.
    #[track_caller]
    pub fn report(&self, name: &str) -> Value {
        serde_json::from_str(&self.read(name)).unwrap_or_else(|e| panic!("{name} is no JSON: {e}"))
    }

    /// Runs the program to its end.
    #[track_caller]
    pub fn atom(&self, arguments: &[&str]) -> Said {
        self.start(arguments).wait(BOUND)
    }

    /// Starts the program.
    pub fn start(&self, arguments: &[&str]) -> Running {
        let mut command = self.command();
        command.args(arguments);
        Running::start(command)
    }

    /// The program in this place, without arguments.
    pub fn command(&self) -> Command {
        let mut command = Command::new(program());
        command
            .current_dir(self.folder.path())
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }
}

/// Output that a thread collects while the program runs.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    fn listen(&self, mut to: impl Read + Send + 'static) -> JoinHandle<()> {
        let heard = self.clone();
        thread::spawn(move || {
            let mut part = [0; 4096];
            while let Ok(read @ 1..) = to.read(&mut part) {
                heard.bytes().extend_from_slice(&part[..read]);
            }
        })
    }
}

/// A program that was started; it is killed when this value goes.
pub struct Running {
    child: Child,
    called: String,
    stdout: Heard,
    stderr: Heard,
    listeners: Vec<JoinHandle<()>>,
}

impl Running {
    /// Starts a command with its output heard.
    pub fn start(mut command: Command) -> Self {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {command:?}: {e}"));
        let (stdout, stderr) = (Heard::default(), Heard::default());
        let listeners = vec![
            stdout.listen(child.stdout.take().expect("stdout is piped")),
            stderr.listen(child.stderr.take().expect("stderr is piped")),
        ];
        Self {
            child,
            called: format!("{command:?}"),
            stdout,
            stderr,
            listeners,
        }
    }

    /// What it printed so far.
    pub fn stdout(&self) -> String {
        self.stdout.text()
    }

    /// What it said on stderr so far.
    pub fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// Sends a signal by name, such as `INT`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status();
        assert!(
            sent.is_ok_and(|s| s.success()),
            "cannot signal {}",
            self.called
        );
    }

    /// Ends it at once, as a crash would.
    pub fn kill(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until something holds of its output, for at most the bound.
    #[track_caller]
    pub fn until(&self, what: impl Fn(&str) -> bool) {
        self.wait_for(|running| what(&running.stdout()));
    }

    /// Waits until something holds of what it said on stderr, for at most the bound.
    #[track_caller]
    pub fn until_stderr(&self, what: impl Fn(&str) -> bool) {
        self.wait_for(|running| what(&running.stderr()));
    }

    #[track_caller]
    fn wait_for(&self, what: impl Fn(&Self) -> bool) {
        let begun = Instant::now();
        while !what(self) {
            let late = begun.elapsed() >= BOUND;
            assert!(!late, "{} never said it\n{self}", self.called);
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Asks it to end, as Ctrl-C does, and waits until it has.
    #[track_caller]
    pub fn interrupted(self) -> Said {
        self.signal("INT");
        self.wait(BOUND)
    }

    /// Waits for its end, and kills it when it is late.
    #[track_caller]
    pub fn wait(mut self, bound: Duration) -> Said {
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.ended() {
                break status;
            }
            if begun.elapsed() > bound {
                self.stop();
                panic!("{} did not end within {bound:?}\n{self}", self.called);
            }
            thread::sleep(Duration::from_millis(5));
        };
        for listener in std::mem::take(&mut self.listeners) {
            listener.join().expect("a listener only reads");
        }
        Said {
            called: self.called.clone(),
            code: status.code(),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
        }
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        let ended: io::Result<_> = self.child.try_wait();
        ended.expect("a child of this process can be waited for")
    }
}

impl std::fmt::Display for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
        write!(f, "--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the program said, and how it ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// The command.
    pub called: String,
    /// Its exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Its results.
    pub stdout: String,
    /// All else.
    pub stderr: String,
}

impl Said {
    /// The same, if it ended with 0 and did not panic.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.ended(&[0])
    }

    /// The same, if it failed in words and did not panic, and stderr holds all of `words`.
    #[track_caller]
    pub fn refused(self, words: &[&str]) -> Self {
        let said = self.ended(&[1, 2]);
        said.says(words)
    }

    /// The same, if it ended with 0 and stderr holds all of `words`.
    #[track_caller]
    pub fn warned(self, words: &[&str]) -> Self {
        self.ok().says(words)
    }

    #[track_caller]
    fn ended(self, codes: &[i32]) -> Self {
        let right = self.code.is_some_and(|code| codes.contains(&code));
        assert!(right, "expected an exit code of {codes:?}\n{self}");
        assert!(!self.stderr.contains("panicked"), "it panicked\n{self}");
        self
    }

    #[track_caller]
    fn says(self, words: &[&str]) -> Self {
        for word in words {
            assert!(
                self.stderr.contains(word),
                "stderr does not say {word:?}\n{self}"
            );
        }
        self
    }

    /// Its results as JSON, one a line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        json_lines(&self.stdout)
    }
}

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} ended with {:?}", self.called, self.code)?;
        write!(
            f,
            "--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        )
    }
}

/// Text as JSON, one value a line.
#[track_caller]
pub fn json_lines(text: &str) -> Vec<Value> {
    let read =
        |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line:?} is no JSON: {e}"));
    text.lines().map(read).collect()
}

/// A path as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("test paths are UTF-8")
}
