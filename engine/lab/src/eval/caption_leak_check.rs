//! Checks that a pack has not memorized captions of the dataset.
//!
//! A pack may contain memorized sentences. If one of them is a caption of the dataset, the evaluation measures memory
//! instead of vision. Sentences are compared word by word, regardless of case and punctuation.

use std::{collections::BTreeMap, fs, path::Path};

use super::{Dataset, ngrams::words};
use crate::LabError;

/// Number of leaked sentences that an error names.
const MAX_NAMED: usize = 5;

/// Reads the sentences of a text file, one per line.
///
/// # Errors
/// If the file cannot be read.
pub fn read_sentences(path: &Path) -> Result<Vec<String>, LabError> {
    let text = fs::read_to_string(path).map_err(|source| LabError::Sentences {
        path: path.to_owned(),
        source,
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Compares sentences with all captions of the dataset. Returns the number of sentences that have words.
///
/// # Errors
/// If any sentence is a caption; the error names the first ones with their line.
pub fn check_leak(sentences: &[String], dataset: &Dataset) -> Result<usize, LabError> {
    let mut file_of_caption = BTreeMap::new();
    for file in &dataset.files {
        for caption in &file.captions {
            file_of_caption.entry(words(caption)).or_insert(&file.name);
        }
    }
    let (mut compared, mut found, mut first) = (0, 0, Vec::new());
    for (line, sentence) in (1..).zip(sentences) {
        let words = words(sentence);
        compared += usize::from(!words.is_empty());
        let Some(file) = file_of_caption.get(&words) else {
            continue;
        };
        found += 1;
        if found <= MAX_NAMED {
            first.push(format!(
                "line {line}: {sentence:?} is a caption of {file:?}"
            ));
        }
    }
    match found {
        0 => Ok(compared),
        _ => Err(LabError::Leak {
            found,
            compared,
            first,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::DatasetFile;

    fn dataset() -> Dataset {
        let file = |file: &str, caption: &str| DatasetFile {
            name: file.into(),
            path: file.into(),
            captions: vec![caption.into()],
        };
        Dataset {
            files: vec![file("a.jpg", "A dog runs."), file("b.jpg", "Two cats sit")],
            unlisted: Vec::new(),
        }
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn counts_the_sentences_that_have_words() {
        let compared = check_leak(&lines("a dog\n\n...\ntwo cats sit down"), &dataset());
        assert_eq!(compared.unwrap(), 2);
    }

    #[test]
    fn finds_captions_regardless_of_case_and_punctuation() {
        let error = check_leak(&lines("a dog\n two  CATS, sit!\na dog runs"), &dataset());
        let error = error.unwrap_err().to_string();
        for word in ["2 of 3", "line 2:", "\"b.jpg\"", "line 3: \"a dog runs\""] {
            assert!(error.contains(word), "{error}");
        }
    }
}
