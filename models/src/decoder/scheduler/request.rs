//! A job in tokens: its prompt, the texts that may follow, and the search for them.

use std::{collections::BTreeSet, mem, sync::Arc};

use super::{
    job::{Job, Urgency},
    panic_boundary::encode,
};
use crate::{
    Decoder, Fault, InputToken, ModelError, Prompt, Reason,
    decoder::{
        beam_search::{BeamSearch, Continuation, Hypothesis, TokenFilter},
        option_scoring::OptionScoring,
    },
    prompt::decoder_prompt::PromptPart,
};

/// A job with its prompt as tokens.
pub(super) struct Request {
    pub(super) id: u64,
    pub(super) job: Job,
    pub(super) tokens: Vec<InputToken>,
    constraint: Constraint,
}

/// The texts that a request allows.
enum Constraint {
    /// Any text of the accepted tokens.
    Free(TokenFilter),
    /// One of these texts.
    Options(Vec<Vec<u32>>),
}

impl Request {
    /// Tokenizes a job and checks that it fits the decoder's context.
    pub(super) fn new(decoder: &mut dyn Decoder, id: u64, job: Job) -> Result<Self, Fault> {
        let request = Self {
            id,
            tokens: prompt_tokens(decoder, &job.prompt)?,
            constraint: constraint(decoder, &job.prompt)?,
            job,
        };
        let (found, context) = (request.tokens.len(), decoder.context());
        if found == 0 || request.max_length() > context {
            return Err(Fault::from(ModelError::PromptLength {
                found,
                new: request.max_length() - found,
                context,
            }));
        }
        Ok(request)
    }

    pub(super) fn urgency(&self) -> Urgency {
        self.job.urgency
    }

    /// Returns the number of texts that are decoded together.
    pub(super) fn rows(&self) -> usize {
        match &self.constraint {
            Constraint::Free(_) => self.job.prompt.beams(),
            Constraint::Options(options) => options.len(),
        }
    }

    /// Returns the tokens of the prompt and of the longest text that may follow.
    pub(super) fn max_length(&self) -> usize {
        let new = match &self.constraint {
            Constraint::Free(_) => self.job.max_tokens,
            Constraint::Options(options) => options.iter().map(Vec::len).max().unwrap_or(0),
        };
        self.tokens.len() + new
    }

    /// Starts the search for the request's texts.
    pub(super) fn search(&self, ends: &[u32]) -> TextSearch {
        match &self.constraint {
            Constraint::Free(filter) => {
                let beams = self.job.prompt.beams();
                TextSearch::Beams(BeamSearch::new(beams, ends.to_vec(), filter.clone()))
            }
            Constraint::Options(options) => {
                TextSearch::Options(OptionScoring::new(options.clone()))
            }
        }
    }
}

/// Returns the tokens of a prompt; neighbouring texts are tokenized as one.
pub(crate) fn prompt_tokens(
    decoder: &mut dyn Decoder,
    prompt: &Prompt,
) -> Result<Vec<InputToken>, Fault> {
    let (mut tokens, mut text, mut foreign) = (Vec::new(), String::new(), Vec::new());
    for part in prompt.parts() {
        match part {
            PromptPart::Template(part) => text += part,
            PromptPart::Foreign(part) => {
                let start = text.len();
                text += part;
                foreign.push(start..text.len());
            }
            PromptPart::Image(embeddings, rows) => {
                let before = encode(decoder, &mem::take(&mut text), &mem::take(&mut foreign))?;
                tokens.extend(before.into_iter().map(InputToken::Text));
                tokens.extend(rows.clone().map(|row| InputToken::Image {
                    embeddings: Arc::clone(embeddings),
                    row,
                }));
            }
        }
    }
    let rest = encode(decoder, &text, &foreign)?;
    tokens.extend(rest.into_iter().map(InputToken::Text));
    Ok(tokens)
}

/// Returns the tokens of a text that has no control tokens.
fn encode_foreign(decoder: &mut dyn Decoder, text: &str) -> Result<Vec<u32>, Fault> {
    encode(decoder, text, std::slice::from_ref(&(0..text.len())))
}

fn constraint(decoder: &mut dyn Decoder, prompt: &Prompt) -> Result<Constraint, Fault> {
    let mut options = Vec::new();
    for option in prompt.options() {
        let tokens = encode_foreign(decoder, option)?;
        if tokens.is_empty() {
            return Err(Fault::new(Reason::Model, "an option must not be empty"));
        }
        options.push(tokens);
    }
    if !options.is_empty() {
        return Ok(Constraint::Options(options));
    }
    Ok(Constraint::Free(TokenFilter {
        allowed: allowed_tokens(decoder, prompt.allowed_words())?,
        banned: banned_tokens(decoder, prompt.banned_words())?,
    }))
}

/// Returns the tokens of all words, capitalised or not, with and without a space before, and the ends; none if there are
/// no words.
fn allowed_tokens(decoder: &mut dyn Decoder, words: &[String]) -> Result<Vec<u32>, Fault> {
    let mut allowed = BTreeSet::new();
    for word in words {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        let capital: String = first.chain(letters).collect();
        for form in [
            format!(" {word}"),
            word.clone(),
            format!(" {capital}"),
            capital,
        ] {
            allowed.extend(encode_foreign(decoder, &form)?);
        }
    }
    if !allowed.is_empty() {
        allowed.extend(decoder.ends());
    }
    Ok(allowed.into_iter().collect())
}

/// Returns the tokens of the words that are a single token.
fn banned_tokens(decoder: &mut dyn Decoder, words: &[String]) -> Result<Vec<u32>, Fault> {
    let mut banned = Vec::new();
    for word in words {
        // Within a text, a word begins with a space.
        if let [token] = encode_foreign(decoder, &format!(" {word}"))?[..] {
            banned.push(token);
        }
    }
    Ok(banned)
}

/// The search for a request's texts.
pub(super) enum TextSearch {
    Beams(BeamSearch),
    Options(OptionScoring),
}

impl TextSearch {
    /// Takes the logits of each text's next token. Returns the texts to continue, each as its index among those before and
    /// its newest token.
    pub(super) fn step(
        &mut self,
        logits: &[&[f32]],
        limit: usize,
    ) -> Result<Vec<Continuation>, ModelError> {
        match self {
            Self::Beams(search) => search.step(logits, limit),
            Self::Options(scoring) => scoring.step(logits),
        }
    }

    /// Returns the best unfinished text; `None` for options, which are all followed.
    pub(super) fn partial(&self) -> Option<&[u32]> {
        match self {
            Self::Beams(search) => search.partial(),
            Self::Options(_) => None,
        }
    }

    /// Returns the texts found, best first.
    pub(super) fn finish(self) -> Vec<Hypothesis> {
        match self {
            Self::Beams(search) => search.finish(),
            Self::Options(scoring) => scoring.finish(),
        }
    }
}
