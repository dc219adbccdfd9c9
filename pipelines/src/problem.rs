//! Problems of pipeline files, each with its file, its line and a hint.
//!
//! Every step collects all problems it finds, and they are shown together, so that a file can be fixed in one go.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use atom_operators::printable::printable;
use thiserror::Error;

/// One problem at one place. Prints as `FILE:LINE: message`, with the hint on a line of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The pipeline file or the command-line option that causes the problem.
    pub file: PathBuf,
    /// The line, counted from 1; 0 if the problem concerns the whole file.
    pub line: usize,
    /// The error message, with the offending value quoted.
    pub message: String,
    /// A suggestion to the user.
    pub hint: Option<String>,
}

impl Problem {
    /// Creates a problem without a hint.
    pub(crate) fn new(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            message: message.into(),
            hint: None,
        }
    }

    /// Adds a hint.
    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", printable(&self.file.to_string_lossy()))?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        write!(f, " {}", printable(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\n    hint: {}", printable(hint)),
            None => Ok(()),
        }
    }
}

/// All problems of the files of one run, sorted by file and line; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", self.0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Returns `Ok` if there are no problems, otherwise an error that holds each problem once, sorted.
    pub(crate) fn ok_if_empty(mut problems: Vec<Problem>) -> Result<(), Problems> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort();
        problems.dedup();
        Err(Self(problems))
    }

    /// Iterates over the problems in the order in which they are printed.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_all_problems_sorted_by_file_and_line_each_once() {
        let problem = |file: &str, line| Problem::new(Path::new(file), line, "is wrong");
        let late = problem("a.toml", 10);
        let found = vec![
            problem("b.toml", 1),
            late.clone().with_hint("mend it"),
            problem("a.toml", 2),
            problem("a.toml", 2),
        ];
        assert_eq!(
            Problems::ok_if_empty(found).unwrap_err().to_string(),
            "a.toml:2: is wrong\na.toml:10: is wrong\n    hint: mend it\nb.toml:1: is wrong"
        );
    }

    #[test]
    fn names_in_a_problem_cannot_forge_another_problem() {
        let problem = Problem::new(Path::new("a\nb.toml"), 1, "\u{1b}[2J").with_hint("x\ny");
        assert_eq!(
            problem.to_string(),
            "a\\nb.toml:1: \\u{1b}[2J\n    hint: x\\ny"
        );
    }

    #[test]
    fn a_problem_of_a_whole_file_is_printed_without_a_line() {
        assert_eq!(
            Problem::new(Path::new("--source"), 0, "no").to_string(),
            "--source: no"
        );
    }
}
