//! The dataset of an evaluation: a folder with files, and `captions.json` with their reference captions.
//!
//! The list is checked as a whole before anything else happens, and all its problems are reported at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path, PathBuf},
};

use serde_json::Value;

use super::ngrams::words;
use crate::LabError;

/// The name of the list in its folder.
pub const CAPTION_LIST: &str = "captions.json";

/// A file and its reference captions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetFile {
    /// Its name as the list writes it.
    pub name: String,
    /// Its path.
    pub path: PathBuf,
    /// The captions, at least one, each with at least one word.
    pub captions: Vec<String>,
}

/// All files of an evaluation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dataset {
    /// The files in the order of the list, at least one, none twice.
    pub files: Vec<DatasetFile>,
    /// Files of the folder that the list does not name, sorted.
    pub unlisted: Vec<PathBuf>,
}

impl Dataset {
    /// Reads the list of a folder and looks for its files.
    ///
    /// # Errors
    /// If there is no list, or it has problems.
    pub fn read(folder: &Path) -> Result<Self, LabError> {
        check_folder(folder)?;
        let path = folder.join(CAPTION_LIST);
        let entries = read_entries(&path)?;
        let files = ListChecker::default()
            .check_all(folder, &entries)
            .map_err(|problems| LabError::Entries {
                path: path.clone(),
                problems,
            })?;
        let mut unlisted = Vec::new();
        collect_files(folder, &mut unlisted).map_err(|source| read_folder(folder, source))?;
        let listed: BTreeSet<_> = files.iter().map(|file| &file.path).collect();
        unlisted.retain(|found| *found != path && !listed.contains(found));
        unlisted.sort();
        Ok(Self { files, unlisted })
    }
}

fn check_folder(folder: &Path) -> Result<(), LabError> {
    let refused = |reason| LabError::Folder {
        path: folder.to_owned(),
        reason,
    };
    match fs::metadata(folder) {
        Ok(found) if found.is_dir() => Ok(()),
        Ok(_) => Err(refused("it is not a folder")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(refused("it does not exist")),
        Err(source) => Err(read_folder(folder, source)),
    }
}

fn read_folder(folder: &Path, source: io::Error) -> LabError {
    LabError::ReadFolder {
        path: folder.to_owned(),
        source,
    }
}

/// Reads the entries of a list, at least one.
fn read_entries(path: &Path) -> Result<Vec<Value>, LabError> {
    let owned = || path.to_owned();
    let wrong = |reason: String| LabError::CaptionList {
        path: owned(),
        reason,
    };
    let text = fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => wrong("it does not exist".to_owned()),
        _ => LabError::ReadCaptionList {
            path: owned(),
            source,
        },
    })?;
    let list = serde_json::from_slice(&text).map_err(|source| LabError::ParseCaptionList {
        path: owned(),
        source,
    })?;
    match list {
        Value::Array(entries) if entries.is_empty() => Err(wrong("it lists no files".to_owned())),
        Value::Array(entries) => Ok(entries),
        other => Err(wrong(format!("it holds {}, not a list", kind(&other)))),
    }
}

/// Names the type of a JSON value.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// Checks the entries of a list, and collects their problems.
#[derive(Default)]
struct ListChecker {
    problems: Vec<String>,
    /// The number of the entry that names each file, by path in the folder.
    entry_of: BTreeMap<PathBuf, usize>,
}

impl ListChecker {
    fn check_all(
        mut self,
        folder: &Path,
        entries: &[Value],
    ) -> Result<Vec<DatasetFile>, Vec<String>> {
        let files: Vec<_> = (1..)
            .zip(entries)
            .filter_map(|(number, entry)| self.check_entry(folder, number, entry))
            .collect();
        match self.problems.is_empty() {
            true => Ok(files),
            false => Err(self.problems),
        }
    }

    fn check_entry(&mut self, folder: &Path, number: usize, entry: &Value) -> Option<DatasetFile> {
        let Value::Object(entry) = entry else {
            self.problems.push(format!(
                "entry {number} is {}, expected an object with \"file\" and \"captions\"",
                kind(entry)
            ));
            return None;
        };
        let name = match entry.get("file") {
            Some(Value::String(name)) => Ok(name.as_str()),
            Some(other) => Err(format!("\"file\" is {}, expected a string", kind(other))),
            None => Err("it has no \"file\"; name one, relative to the folder".to_owned()),
        };
        let name = name.map_err(|problem| self.report(number, None, &problem));
        let name = name.ok();
        let path = name.and_then(|name| self.check_file(folder, number, name));
        let captions = self.check_captions(number, name, entry.get("captions"));
        Some(DatasetFile {
            name: name?.to_owned(),
            path: path?,
            captions: captions?,
        })
    }

    /// Returns the path of a file that is inside the folder and not named before.
    fn check_file(&mut self, folder: &Path, number: usize, name: &str) -> Option<PathBuf> {
        let mut inside = PathBuf::new();
        for part in Path::new(name).components() {
            match part {
                Component::Normal(part) => inside.push(part),
                Component::CurDir => {}
                _ => {
                    let problem = "it is outside the folder; name a file inside it, without `..`";
                    self.report(number, Some(name), problem);
                    return None;
                }
            }
        }
        if let Some(first) = self.entry_of.get(&inside) {
            let problem = format!(
                "entry {first} has the same file; put all captions of a file into one entry"
            );
            self.report(number, Some(name), &problem);
            return None;
        }
        let path = folder.join(&inside);
        self.entry_of.insert(inside, number);
        match file_problem(&path) {
            None => Some(path),
            Some(problem) => {
                self.report(number, Some(name), &problem);
                None
            }
        }
    }

    fn check_captions(
        &mut self,
        number: usize,
        name: Option<&str>,
        captions: Option<&Value>,
    ) -> Option<Vec<String>> {
        let problem = match captions {
            Some(Value::Array(captions)) if !captions.is_empty() => {
                return self.check_sentences(number, name, captions);
            }
            Some(Value::Array(_)) | None => {
                "it has no captions; write at least one, or remove the entry".to_owned()
            }
            Some(other) => format!(
                "\"captions\" is {}, expected a list of strings",
                kind(other)
            ),
        };
        self.report(number, name, &problem);
        None
    }

    fn check_sentences(
        &mut self,
        number: usize,
        name: Option<&str>,
        captions: &[Value],
    ) -> Option<Vec<String>> {
        let before = self.problems.len();
        let mut sentences = Vec::new();
        for (at, caption) in (1..).zip(captions) {
            let problem = match caption {
                Value::String(text) if !words(text).is_empty() => {
                    sentences.push(text.clone());
                    continue;
                }
                Value::String(text) if text.trim().is_empty() => {
                    format!("caption {at} is empty; write it, or remove it")
                }
                Value::String(text) => format!(
                    "caption {at}, {text:?}, contains no letters a-z and no digits, so it has no words for the metrics"
                ),
                other => format!("caption {at} is {}, expected a string", kind(other)),
            };
            self.report(number, name, &problem);
        }
        (self.problems.len() == before).then_some(sentences)
    }

    fn report(&mut self, number: usize, name: Option<&str>, problem: &str) {
        let name = name.map_or_else(String::new, |name| format!(" ({name:?})"));
        self.problems
            .push(format!("entry {number}{name}: {problem}"));
    }
}

/// Returns the problem of a file that cannot be evaluated.
fn file_problem(path: &Path) -> Option<String> {
    let problem = match fs::metadata(path) {
        Ok(found) if found.is_dir() => "it is a folder, expected a picture or a video",
        Ok(found) if !found.is_file() => "it is not a regular file",
        Ok(found) if found.len() == 0 => "it is empty; copy it again, or remove the entry",
        Ok(_) => return None,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            "there is no such file in the folder; copy it there, or remove the entry"
        }
        Err(error) => return Some(format!("it cannot be read: {error}")),
    };
    Some(problem.to_owned())
}

/// Collects all files below a folder.
fn collect_files(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // A link to a folder could lead back here.
        if path.is_dir() && !path.is_symlink() {
            collect_files(&path, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
