//! What is wrong with a pipeline file, where, and what to do about it.
//!
//! Nobody likes to repair a file one error a run: every step collects its problems, and they are shown together.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use thiserror::Error;

/// One thing wrong in one place. Prints as `FILE:LINE: message`, with the hint on a line of its own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// The pipeline file, or the option of the command line that is at fault.
    pub file: PathBuf,
    /// The line, from 1; 0 where the problem is the file as a whole.
    pub line: usize,
    /// What is wrong, with the offending value quoted.
    pub message: String,
    /// What the user can do.
    pub hint: Option<String>,
}

impl Problem {
    /// A problem without a hint.
    pub fn new(file: &Path, line: usize, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            message: message.into(),
            hint: None,
        }
    }

    /// The same problem, saying what can be done.
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.file.display())?;
        if self.line > 0 {
            write!(f, "{}:", self.line)?;
        }
        write!(f, " {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n    hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// All problems of the files of one run, sorted by file and line; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{}", self.0.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Accepts the absence of problems; otherwise returns them all, sorted, each once.
    pub fn none_in(mut problems: Vec<Problem>) -> Result<(), Problems> {
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort();
        problems.dedup();
        Err(Self(problems))
    }

    /// The problems in the order in which they are printed.
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
            late.clone().hint("mend it"),
            problem("a.toml", 2),
            problem("a.toml", 2),
        ];
        assert_eq!(
            Problems::none_in(found).unwrap_err().to_string(),
            "a.toml:2: is wrong\na.toml:10: is wrong\n    hint: mend it\nb.toml:1: is wrong"
        );
    }

    #[test]
    fn leaves_out_the_line_of_a_problem_of_a_whole_file() {
        assert_eq!(
            Problem::new(Path::new("--source"), 0, "no").to_string(),
            "--source: no"
        );
    }
}
