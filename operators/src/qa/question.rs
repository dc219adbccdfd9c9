//! A person's question about the stored segments.

use std::{
    sync::{Arc, mpsc},
    time::Instant,
};

use atom_models::{Fault, Reason};
use thiserror::Error;

use crate::cancel::CancellationToken;

/// Largest length of a question, in characters.
pub const MAX_CHARS: usize = 500;

/// A question, and the segments that it is about.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Its text, 1 to [`MAX_CHARS`] characters.
    pub text: Arc<str>,
    /// The only source that it is about; all sources if absent.
    pub source: Option<String>,
    /// Media time in milliseconds from which on it asks.
    pub from_ms: Option<u64>,
    /// Media time in milliseconds before which it asks.
    pub to_ms: Option<u64>,
    /// Time after which an answer is useless.
    pub deadline: Option<Instant>,
    /// Receives the answer while it is generated; each message is the whole text so far.
    pub partial_text: Option<mpsc::Sender<String>>,
    /// Cancelled when the client no longer waits for the answer.
    pub cancellation: CancellationToken,
}

/// The reason why a text is not a question.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuestionError {
    /// The text has no letter and no digit.
    #[error("the question {0:?} has no words; ask, for example, \"What is the dog doing?\"")]
    Empty(String),
    /// The text is too long.
    #[error("the question has {0} characters; at most {MAX_CHARS} are allowed")]
    TooLong(usize),
}

impl Question {
    /// Creates a question about everything.
    ///
    /// # Errors
    /// Fails if the text has no words, or too many characters.
    pub fn new(text: &str) -> Result<Self, QuestionError> {
        let text = text.trim();
        let length = text.chars().count();
        if length > MAX_CHARS {
            return Err(QuestionError::TooLong(length));
        }
        if !text.chars().any(char::is_alphanumeric) {
            return Err(QuestionError::Empty(text.to_owned()));
        }
        Ok(Self {
            text: text.into(),
            ..Self::default()
        })
    }

    /// Checks that the answer is still wanted.
    ///
    /// # Errors
    /// Fails if the client has gone, or its deadline has passed.
    pub fn check_wanted(&self) -> Result<(), Fault> {
        if self.cancellation.is_cancelled() {
            let detail = "the client no longer waits for the answer";
            return Err(Fault::new(Reason::Cancelled, detail));
        }
        let over = self
            .deadline
            .and_then(|deadline| Instant::now().checked_duration_since(deadline));
        match over {
            Some(over) => {
                let detail = format!("its deadline passed {} ms ago", over.as_millis());
                Err(Fault::new(Reason::Late, detail))
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_needs_words_and_not_too_many() {
        assert_eq!(
            &*Question::new(" What is it? ").unwrap().text,
            "What is it?"
        );
        for empty in ["", "  ", "?!", "\n"] {
            assert!(
                matches!(Question::new(empty), Err(QuestionError::Empty(_))),
                "{empty:?}"
            );
        }
        let long = "why ".repeat(25_000);
        assert_eq!(
            Question::new(&long).unwrap_err(),
            QuestionError::TooLong(99_999)
        );
        assert!(Question::new(&"x".repeat(MAX_CHARS)).is_ok());
    }
}
