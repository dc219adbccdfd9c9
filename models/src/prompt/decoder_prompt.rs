//! The decoder's input for one request: text and images, decoding settings, and the constraints on the text that follows.

use std::{ops::Range, sync::Arc};

use crate::ImageEmbeddings;

/// The decoder's input for one request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    parts: Arc<[PromptPart]>,
    adapter: bool,
    beams: usize,
    banned_words: Arc<[String]>,
    allowed_words: Arc<[String]>,
    options: Arc<[String]>,
}

/// A part of a prompt. Neighbouring texts are tokenized as one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PromptPart {
    /// Text of a template, in which control tokens count.
    Template(Arc<str>),
    /// Text of a user or a model: none of its tokens is a control token, whatever it contains.
    Foreign(Arc<str>),
    /// Some of the embeddings of an image.
    Image(Arc<ImageEmbeddings>, Range<usize>),
}

impl PromptPart {
    /// Returns a part of a template.
    pub(crate) fn template(text: &str) -> Self {
        Self::Template(text.into())
    }

    /// Returns the text, unless the part is an image.
    fn text(&self) -> Option<&str> {
        match self {
            Self::Template(text) | Self::Foreign(text) => Some(text),
            Self::Image(..) => None,
        }
    }
}

impl Prompt {
    /// Creates a prompt without an adapter or constraints, for greedy search.
    pub fn new(parts: Vec<PromptPart>) -> Self {
        Self {
            parts: parts.into(),
            adapter: false,
            beams: 1,
            banned_words: [].into(),
            allowed_words: [].into(),
            options: [].into(),
        }
    }

    /// Returns the parts, in order.
    pub(crate) fn parts(&self) -> &[PromptPart] {
        &self.parts
    }

    /// Returns the text of the prompt, with the template's control tokens and without images.
    pub fn text(&self) -> String {
        self.parts.iter().filter_map(PromptPart::text).collect()
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
        let texts = self.parts.iter().rev().filter_map(PromptPart::text);
        let last = texts.into_iter().find(|text| !text.is_empty());
        let space = match last.is_some_and(|text| text.ends_with(char::is_whitespace)) {
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
    /// A prompt that is a filled-in template.
    fn from(text: &str) -> Self {
        Self::new(vec![PromptPart::template(text)])
    }
}
