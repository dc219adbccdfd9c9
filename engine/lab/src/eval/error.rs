//! What can go wrong with an evaluation.

use std::path::PathBuf;

use thiserror::Error;

use atom_media::MediaError;

/// What `captions.json` has to look like.
const SHAPE: &str = "expected a list of files, each with its captions: [{\"file\": \"dog.jpg\", \"captions\": [\"A dog runs.\"]}]";

/// An error of an evaluation. Whatever goes wrong with one file ends the evaluation: a measure over fewer files is another.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EvalError {
    /// What is to be evaluated is no folder.
    #[error("cannot evaluate {}: {reason}; expected a folder with captions.json and the files that it names", path.display())]
    Folder {
        /// As given.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// There is no list of captions, or it cannot be read.
    #[error("cannot read {}: {reason}; {SHAPE}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A list that does not name files with their captions.
    #[error("{} has {}:\n  {}", path.display(), counted(problems.len()), problems.join("\n  "))]
    Entries {
        /// The list.
        path: PathBuf,
        /// All that is wrong, each with its entry, what was expected and what to do.
        problems: Vec<String>,
    },
    /// A file of sentences that cannot be read.
    #[error("cannot read the sentences of {}: {reason}; expected a text file with one sentence a line", path.display())]
    Sentences {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// Sentences of the test that the model may know by heart.
    #[error("{found} of {compared} sentences are captions of this folder, so the evaluation would measure memory; take them out:\n  {}", first.join("\n  "))]
    Leak {
        /// How many.
        found: usize,
        /// Of how many.
        compared: usize,
        /// The first of them, each with where it stands.
        first: Vec<String>,
    },
    /// A file that cannot be played.
    #[error("{file:?} cannot be evaluated; replace it, or take it out of captions.json")]
    File {
        /// Its name in the list.
        file: String,
        /// Why.
        #[source]
        source: Box<MediaError>,
    },
    /// A module that failed.
    #[error("the {module} failed on {file:?}")]
    Module {
        /// Which.
        module: &'static str,
        /// The name in the list of what it was given.
        file: String,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The evaluation was ended early.
    #[error(
        "stopped at {file:?}, with {done} of {of} files done: that says nothing of all of them"
    )]
    Stopped {
        /// The file that was under way.
        file: String,
        /// So many were done before it.
        done: usize,
        /// Of so many.
        of: usize,
    },
}

fn counted(problems: usize) -> String {
    match problems {
        1 => "a problem".to_owned(),
        n => format!("{n} problems"),
    }
}
