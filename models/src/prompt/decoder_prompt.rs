//! The decoder's input for one request: a text, its decoding settings, and the constraints on the text that follows.

use std::sync::Arc;

/// The decoder's input for one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prompt {
    text: Arc<str>,
    adapter: bool,
    beams: usize,
    banned_words: Arc<[String]>,
    allowed_words: Arc<[String]>,
    options: Arc<[String]>,
}

impl Prompt {
    /// Returns the prompt as text, with the template's control tokens.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True if the decoder's caption adapter is on. The adapter changes the keys and values of the prompt's tokens.
    pub(crate) fn adapter(&self) -> bool {
        self.adapter
    }

    /// Returns the number of beams; 1 is greedy search.
    pub(crate) fn beams(&self) -> usize {
        self.beams
    }

    /// Returns the words that the generated text must not use.
    pub(crate) fn banned_words(&self) -> &[String] {
        &self.banned_words
    }

    /// Returns the only words that the generated text may use, with their parts; any if empty.
    pub(crate) fn allowed_words(&self) -> &[String] {
        &self.allowed_words
    }

    /// Returns the only texts that may follow; any if empty.
    pub fn options(&self) -> &[String] {
        &self.options
    }

    /// Limits the texts that may follow to these options; any if there are none.
    pub fn with_options(self, options: &[String]) -> Self {
        let space = match self.text.ends_with(char::is_whitespace) {
            true => "",
            false => " ",
        };
        let options = options.iter().map(|option| format!("{space}{option}"));
        Self {
            options: options.collect(),
            ..self
        }
    }

    /// Switches the decoder's caption adapter on or off.
    pub fn with_adapter(self, adapter: bool) -> Self {
        Self { adapter, ..self }
    }

    /// Sets the number of beams.
    pub fn with_beams(self, beams: usize) -> Self {
        Self { beams, ..self }
    }

    /// Limits the words of the generated text to these, in lower case or capitalised; any if there are none.
    pub(crate) fn with_allowed_words(self, words: Vec<String>) -> Self {
        Self {
            allowed_words: words.into(),
            ..self
        }
    }

    /// Bans these words from the generated text.
    pub(crate) fn with_banned_words(self, words: Vec<String>) -> Self {
        Self {
            banned_words: words.into(),
            ..self
        }
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self {
            text: text.into(),
            adapter: false,
            beams: 1,
            banned_words: [].into(),
            allowed_words: [].into(),
            options: [].into(),
        }
    }
}
