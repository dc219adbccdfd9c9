//! Sees that no caption of an evaluation was learnt by heart.
//!
//! A pack may remember sentences. If one of them is a reference of the evaluation, the figures measure memory and not
//! sight; so they are compared word by word, whatever their case and punctuation.

use std::{collections::BTreeMap, fs, path::Path};

use super::{Cases, EvalError, words::words};

/// So many sentences are named.
const NAMED: usize = 5;

/// The sentences of a text file, one a line.
///
/// # Errors
/// If it cannot be read.
pub fn sentences(path: &Path) -> Result<Vec<String>, EvalError> {
    let text = fs::read_to_string(path).map_err(|e| EvalError::Sentences {
        path: path.to_owned(),
        reason: e.to_string(),
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Compares sentences with all captions of the evaluation; gives how many were compared, without lines that say nothing.
///
/// # Errors
/// If any of them is a caption of the evaluation; the first are named with their line.
pub fn check(sentences: &[String], cases: &Cases) -> Result<usize, EvalError> {
    let mut known = BTreeMap::new();
    for case in &cases.cases {
        for caption in &case.captions {
            known.entry(words(caption)).or_insert(&case.file);
        }
    }
    let (mut compared, mut found, mut first) = (0, 0, Vec::new());
    for (line, sentence) in sentences.iter().enumerate() {
        let said = words(sentence);
        compared += usize::from(!said.is_empty());
        let Some(file) = known.get(&said) else {
            continue;
        };
        found += 1;
        if found <= NAMED {
            let line = line + 1;
            first.push(format!(
                "line {line}: {sentence:?} is a caption of {file:?}"
            ));
        }
    }
    match found {
        0 => Ok(compared),
        _ => Err(EvalError::Leak {
            found,
            compared,
            first,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::Case;

    fn cases() -> Cases {
        let case = |file: &str, caption: &str| Case {
            file: file.into(),
            path: file.into(),
            captions: vec![caption.into()],
        };
        Cases {
            cases: vec![case("a.jpg", "A dog runs."), case("b.jpg", "Two cats sit")],
            unnamed: Vec::new(),
        }
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn counts_what_was_compared() {
        let compared = check(&lines("a dog\n\n...\ntwo cats sit down"), &cases());
        assert_eq!(compared.unwrap(), 2);
    }

    #[test]
    fn finds_captions_whatever_their_case_and_punctuation() {
        let told = check(&lines("a dog\n two  CATS, sit!\na dog runs"), &cases());
        let told = told.unwrap_err().to_string();
        for word in ["2 of 3", "line 2:", "\"b.jpg\"", "line 3: \"a dog runs\""] {
            assert!(told.contains(word), "{told}");
        }
    }
}
