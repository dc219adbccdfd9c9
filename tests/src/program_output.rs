//! The output of a program, and what tests assert about it.
//!
//! A failed assertion shows the command with all of its output.

use serde_json::Value;

/// The output and the exit code of a program.
#[derive(Clone, Debug)]
pub struct ProgramOutput {
    /// The command with its arguments.
    pub command: String,
    /// The exit code; none if a signal ended the program.
    pub code: Option<i32>,
    /// The standard output.
    pub stdout: String,
    /// The standard error.
    pub stderr: String,
}

impl ProgramOutput {
    /// Asserts that the exit code is 0 and that the program did not panic.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.assert_code(&[0])
    }

    /// Asserts that the program failed without a panic, and that its standard error contains all of `words`.
    #[track_caller]
    pub fn fails_with(self, words: &[&str]) -> Self {
        self.assert_code(&[1, 2]).assert_stderr(words)
    }

    /// Asserts that the exit code is 0, and that the standard error contains all of `words`.
    #[track_caller]
    pub fn warns_with(self, words: &[&str]) -> Self {
        self.ok().assert_stderr(words)
    }

    #[track_caller]
    fn assert_code(self, codes: &[i32]) -> Self {
        let expected = self.code.is_some_and(|code| codes.contains(&code));
        assert!(expected, "expected an exit code of {codes:?}\n{self}");
        assert!(!self.stderr.contains("panicked"), "it panicked\n{self}");
        self
    }

    #[track_caller]
    fn assert_stderr(self, words: &[&str]) -> Self {
        for word in words {
            assert!(self.stderr.contains(word), "no {word:?} in stderr\n{self}");
        }
        self
    }

    /// Parses the standard output as JSON, one value per line.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        json_lines(&self.stdout)
    }
}

impl std::fmt::Display for ProgramOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{} ended with {:?}", self.command, self.code)?;
        write!(
            f,
            "--- stdout\n{}\n--- stderr\n{}",
            self.stdout, self.stderr
        )
    }
}

/// Parses text as JSON, one value per line.
#[track_caller]
pub fn json_lines(text: &str) -> Vec<Value> {
    let parse =
        |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{line:?} is no JSON: {e}"));
    text.lines().map(parse).collect()
}
