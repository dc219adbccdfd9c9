//! What is evaluated: a folder with files, and `captions.json` with what people say they show.
//!
//! The list is checked as a whole before anything else happens, and everything that is wrong with it is told at once.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    path::{Component, Path, PathBuf},
};

use serde_json::Value;

use super::{EvalError, words::words};

/// The name of the list in its folder.
pub const LIST: &str = "captions.json";

/// A file with what people say of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its name as the list writes it.
    pub file: String,
    /// Where it lies.
    pub path: PathBuf,
    /// What people say, at least one sentence, each with at least one word.
    pub captions: Vec<String>,
}

/// All that is evaluated.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cases {
    /// The files in the order of the list, at least one, none twice.
    pub cases: Vec<Case>,
    /// Files of the folder that the list does not name, sorted.
    pub unnamed: Vec<PathBuf>,
}

impl Cases {
    /// Reads the list of a folder and looks for its files.
    ///
    /// # Errors
    /// If there is no list, or anything is wrong with it.
    pub fn read(folder: &Path) -> Result<Self, EvalError> {
        let wrong = |reason: String| EvalError::Folder {
            path: folder.to_owned(),
            reason,
        };
        match fs::metadata(folder) {
            Ok(found) if found.is_dir() => {}
            Ok(_) => return Err(wrong("it is no folder".into())),
            Err(e) => return Err(wrong(in_words(&e))),
        }
        let path = folder.join(LIST);
        let cases = entries(&path)?;
        let cases = Checking::default()
            .all(folder, &cases)
            .map_err(|problems| {
                let path = path.clone();
                EvalError::Entries { path, problems }
            })?;
        let mut unnamed = Vec::new();
        walk(folder, &mut unnamed).map_err(|e| wrong(e.to_string()))?;
        let named: BTreeSet<_> = cases.iter().map(|case| &case.path).collect();
        unnamed.retain(|found| *found != path && !named.contains(found));
        unnamed.sort();
        Ok(Self { cases, unnamed })
    }
}

/// What the list holds, if it is one.
fn entries(path: &Path) -> Result<Vec<Value>, EvalError> {
    let wrong = |reason: String| EvalError::List {
        path: path.to_owned(),
        reason,
    };
    let text = fs::read(path).map_err(|e| wrong(in_words(&e)))?;
    match serde_json::from_slice(&text) {
        Ok(Value::Array(entries)) if entries.is_empty() => Err(wrong("it names no file".into())),
        Ok(Value::Array(entries)) => Ok(entries),
        Ok(other) => Err(wrong(format!("it holds {}, not a list", kind(&other)))),
        Err(e) => Err(wrong(format!("it is no JSON: {e}"))),
    }
}

fn in_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        _ => error.to_string(),
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The checks of a list, with what they found so far.
#[derive(Default)]
struct Checking {
    problems: Vec<String>,
    /// The entry of each file.
    entries: BTreeMap<PathBuf, usize>,
}

impl Checking {
    fn all(mut self, folder: &Path, entries: &[Value]) -> Result<Vec<Case>, Vec<String>> {
        let numbered = (1..).zip(entries);
        let cases: Vec<_> = numbered
            .filter_map(|(number, entry)| self.one(folder, number, entry))
            .collect();
        match self.problems.is_empty() {
            true => Ok(cases),
            false => Err(self.problems),
        }
    }

    fn one(&mut self, folder: &Path, number: usize, entry: &Value) -> Option<Case> {
        let Value::Object(entry) = entry else {
            self.problems.push(format!(
                "entry {number} is {}, expected an object with \"file\" and \"captions\"",
                kind(entry)
            ));
            return None;
        };
        let file = match entry.get("file") {
            Some(Value::String(file)) => Some(file.as_str()),
            Some(other) => {
                let found = kind(other);
                self.wrong(
                    number,
                    None,
                    &format!("\"file\" is {found}, expected a text"),
                );
                None
            }
            None => {
                self.wrong(
                    number,
                    None,
                    "it has no \"file\"; name one, relative to the folder",
                );
                None
            }
        };
        let path = file.and_then(|file| self.file(folder, number, file));
        let captions = self.captions(number, file, entry.get("captions"));
        Some(Case {
            file: file?.to_owned(),
            path: path?,
            captions: captions?,
        })
    }

    /// Where the file lies, if it is one inside the folder and not named before.
    fn file(&mut self, folder: &Path, number: usize, file: &str) -> Option<PathBuf> {
        let mut inside = PathBuf::new();
        for part in Path::new(file).components() {
            match part {
                Component::Normal(part) => inside.push(part),
                Component::CurDir => {}
                _ => {
                    let why = "it leads out of the folder; name a file inside it, without `..`";
                    self.wrong(number, Some(file), why);
                    return None;
                }
            }
        }
        if let Some(before) = self.entries.get(&inside) {
            let why = format!(
                "entry {before} has the same file; put all captions of a file into one entry"
            );
            self.wrong(number, Some(file), &why);
            return None;
        }
        let path = folder.join(&inside);
        self.entries.insert(inside, number);
        let why = match fs::metadata(&path) {
            Ok(found) if found.is_dir() => "it is a folder, expected a picture or a video".into(),
            Ok(found) if !found.is_file() => "it is no regular file".into(),
            Ok(found) if found.len() == 0 => "it is empty; copy it again, or take it out".into(),
            Ok(_) => return Some(path),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                "there is no such file in the folder; copy it there, or take it out".into()
            }
            Err(e) => format!("it cannot be read: {e}"),
        };
        self.wrong(number, Some(file), &why);
        None
    }

    fn captions(
        &mut self,
        number: usize,
        file: Option<&str>,
        found: Option<&Value>,
    ) -> Option<Vec<String>> {
        let why = match found {
            Some(Value::Array(captions)) if !captions.is_empty() => {
                return self.sentences(number, file, captions);
            }
            Some(Value::Array(_)) | None => {
                "it has no captions; write at least one, or take it out".to_owned()
            }
            Some(other) => format!("\"captions\" is {}, expected a list of texts", kind(other)),
        };
        self.wrong(number, file, &why);
        None
    }

    fn sentences(
        &mut self,
        number: usize,
        file: Option<&str>,
        captions: &[Value],
    ) -> Option<Vec<String>> {
        let before = self.problems.len();
        let mut sentences = Vec::new();
        for (at, caption) in (1..).zip(captions) {
            let why = match caption {
                Value::String(text) if !words(text).is_empty() => {
                    sentences.push(text.clone());
                    continue;
                }
                Value::String(text) if text.trim().is_empty() => {
                    format!("caption {at} is empty; write it, or take it out")
                }
                Value::String(text) => format!(
                    "caption {at}, {text:?}, holds none of a-z and 0-9, of which the measures make words"
                ),
                other => format!("caption {at} is {}, expected a text", kind(other)),
            };
            self.wrong(number, file, &why);
        }
        (self.problems.len() == before).then_some(sentences)
    }

    fn wrong(&mut self, number: usize, file: Option<&str>, why: &str) {
        let file = file.map_or_else(String::new, |file| format!(" ({file:?})"));
        self.problems.push(format!("entry {number}{file}: {why}"));
    }
}

/// All files below a folder.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        // A link to a folder could lead back here.
        if path.is_dir() && !path.is_symlink() {
            walk(&path, found)?;
        } else if path.is_file() {
            found.push(path);
        }
    }
    Ok(())
}
