//! The input of the decoder for one request: a text, how it is to be read, and what may follow it.

use std::sync::Arc;

/// The whole input of the decoder for one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prompt {
    text: Arc<str>,
    adapter: bool,
    beams: usize,
    withheld: Arc<[String]>,
    vocabulary: Arc<[String]>,
    options: Arc<[String]>,
}

impl Prompt {
    /// The prompt as text, with the template's control tokens.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether the decoder's caption adapter is on. It changes what the prompt's tokens mean to the decoder.
    pub fn adapter(&self) -> bool {
        self.adapter
    }

    /// So many texts are followed at once; 1 is greedy search.
    pub fn beams(&self) -> usize {
        self.beams
    }

    /// Words that the texts must not use.
    pub fn withheld(&self) -> &[String] {
        &self.withheld
    }

    /// The only words that the texts may use, with their parts, if not any may.
    pub fn vocabulary(&self) -> &[String] {
        &self.vocabulary
    }

    /// The only texts that may follow, if not any may.
    pub fn options(&self) -> &[String] {
        &self.options
    }

    /// The same prompt that only one of these texts may follow; any if there are none.
    pub fn among(self, options: &[String]) -> Self {
        let apart = !self.text.ends_with(char::is_whitespace);
        let spaced = |option: &String| format!("{}{option}", if apart { " " } else { "" });
        Self {
            options: options.iter().map(spaced).collect(),
            ..self
        }
    }

    /// The same prompt with the decoder's caption adapter on or off.
    pub fn with_adapter(self, adapter: bool) -> Self {
        Self { adapter, ..self }
    }

    /// The same prompt with so many texts followed.
    pub fn with_beams(self, beams: usize) -> Self {
        Self { beams, ..self }
    }

    /// The same prompt with no words but these to be used, in small letters or with a capital; any if there are none.
    pub fn only(self, words: Vec<String>) -> Self {
        Self {
            vocabulary: words.into(),
            ..self
        }
    }

    /// The same prompt with these words not to be used.
    pub fn without(self, words: Vec<String>) -> Self {
        Self {
            withheld: words.into(),
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
            withheld: [].into(),
            vocabulary: [].into(),
            options: [].into(),
        }
    }
}
