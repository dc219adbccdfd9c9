//! Errors of evaluations and benchmarks.

use std::{io, path::PathBuf, process::ExitStatus};

use plotters::drawing::DrawingAreaErrorKind;
use thiserror::Error;

use atom_index::StoreError;
use atom_media::MediaError;
use atom_models::{Fault, ModelError};
use atom_operators::printable::printable;
use atom_pipelines::Problems;
use atom_runtime::RuntimeError;

/// The content of a folder that can be evaluated.
const FOLDER: &str = "expected a folder with captions.json and the files that it names";
/// The content of `captions.json`.
const LIST: &str = "expected a list of files, each with its captions: [{\"file\": \"dog.jpg\", \"captions\": [\"A dog runs.\"]}]";

/// An error of an evaluation or a benchmark.
///
/// Any problem with one file ends an evaluation: a metric over fewer files is another metric.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LabError {
    /// The path to evaluate is not a folder.
    #[error("cannot evaluate {path:?}: {reason}; {FOLDER}")]
    Folder {
        /// The path as given.
        path: PathBuf,
        /// The problem.
        reason: &'static str,
    },
    /// The folder to evaluate cannot be read.
    #[error("cannot read {}; {FOLDER}", path.display())]
    ReadFolder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// `captions.json` is missing, or is not a list of files.
    #[error("cannot read {}: {reason}; {LIST}", path.display())]
    CaptionList {
        /// The list.
        path: PathBuf,
        /// The problem.
        reason: String,
    },
    /// `captions.json` cannot be read.
    #[error("cannot read {}; {LIST}", path.display())]
    ReadCaptionList {
        /// The list.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// `captions.json` is not JSON.
    #[error("cannot read {}: it is not JSON; {LIST}", path.display())]
    ParseCaptionList {
        /// The list.
        path: PathBuf,
        /// The cause.
        #[source]
        source: serde_json::Error,
    },
    /// Entries of `captions.json` do not name a file with its captions.
    #[error("{} has {}:{}", printable(&path.to_string_lossy()), problem_count(problems.len()), listed(problems))]
    Entries {
        /// The list.
        path: PathBuf,
        /// All problems, each with its entry, what was expected and what to do.
        problems: Vec<String>,
    },
    /// A file of sentences cannot be read.
    #[error("cannot read the sentences of {}; expected a text file with one sentence per line", path.display())]
    Sentences {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// Sentences that a model may have memorized are captions of the dataset.
    #[error(
        "{found} of {compared} sentences are captions of this folder, so the evaluation would measure memorization; \
         remove the sentences or the captions:{}",
        listed(first)
    )]
    Leak {
        /// Number of such sentences.
        found: usize,
        /// Number of sentences that were compared.
        compared: usize,
        /// The first such sentences, each with its line.
        first: Vec<String>,
    },
    /// A file of the dataset cannot be played.
    #[error("cannot evaluate {file:?}; replace it, or remove it from captions.json")]
    File {
        /// Its name in the list.
        file: String,
        /// The cause.
        #[source]
        source: Box<MediaError>,
    },
    /// An encoder failed on a file of the dataset.
    #[error("the {module} failed on {file:?}")]
    Encoder {
        /// The encoder.
        module: &'static str,
        /// The name of the file in the list.
        file: String,
        /// The cause.
        #[source]
        source: Box<ModelError>,
    },
    /// The decoder failed on a file of the dataset.
    #[error("the decoder failed on {file:?}")]
    Decoder {
        /// The name of the file in the list.
        file: String,
        /// The cause.
        #[source]
        source: Fault,
    },
    /// The evaluation was stopped before its end.
    #[error(
        "stopped at {file:?} after {done} of {total} files; there is no summary, because scores of some files do not \
         represent all of them"
    )]
    Stopped {
        /// The file that was being evaluated.
        file: String,
        /// Files done before it.
        done: usize,
        /// Files of the dataset.
        total: usize,
    },
    /// The pipeline files of a benchmark have problems: usually, a video is missing.
    #[error(transparent)]
    Pipeline(#[from] Problems),
    /// A run could not start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A pack cannot be opened, a module cannot be loaded, or it fails.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An index cannot be read or written.
    #[error(transparent)]
    Index(#[from] StoreError),
    /// A run of a benchmark reported errors.
    #[error("the run failed: {0}")]
    Run(String),
    /// A file or folder cannot be used.
    #[error("cannot {action}")]
    Io {
        /// The attempt.
        action: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A process that runs tasks cannot be started.
    #[error("cannot start {program}")]
    StartProcess {
        /// The program.
        program: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// A process that runs tasks failed; it has printed the reason on stderr.
    #[error("the process that runs {tasks} failed{}", status.map_or_else(String::new, |status| format!(" ({status})")))]
    ProcessFailed {
        /// Its tasks.
        tasks: String,
        /// Its exit status, if it is known.
        status: Option<ExitStatus>,
    },
    /// A process that runs tasks printed something unexpected.
    #[error("the process that runs {tasks} printed {output:?}, expected {expected}")]
    ProcessOutput {
        /// Its tasks.
        tasks: String,
        /// Its output.
        output: String,
        /// The expected output.
        expected: &'static str,
    },
    /// A chart cannot be drawn.
    #[error("cannot draw the chart")]
    Chart(#[from] DrawingAreaErrorKind<io::Error>),
}

impl LabError {
    /// Creates the error of a temporary folder that cannot be created.
    pub(crate) fn results_folder(source: io::Error) -> Self {
        Self::Io {
            action: "create a folder for results".to_owned(),
            source,
        }
    }
}

/// Lists texts below an error, one per line.
fn listed(texts: &[String]) -> String {
    let lines = texts.iter().map(|text| format!("\n  {}", printable(text)));
    lines.collect()
}

fn problem_count(problems: usize) -> String {
    match problems {
        1 => "a problem".to_owned(),
        n => format!("{n} problems"),
    }
}
