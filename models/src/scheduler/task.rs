//! A request as tokens: its prompt, and what may follow it.

use std::collections::BTreeSet;

use super::{Job, Urgency, failed};
use crate::{
    Decoder, Fault, ModelError, Prompt, Reason,
    beam::{Beam, Search, Tokens},
    choice::Choice,
    fault::catch,
};

/// A job with its prompt as tokens.
pub(super) struct Task {
    pub(super) id: u64,
    pub(super) job: Job,
    pub(super) tokens: Vec<u32>,
    way: Way,
}

/// What a request's texts may be.
enum Way {
    /// Any text of these tokens.
    Free(Tokens),
    /// One of these.
    Among(Vec<Vec<u32>>),
}

impl Task {
    /// A task that the decoder can take.
    pub(super) fn new(decoder: &mut dyn Decoder, id: u64, job: Job) -> Result<Self, Fault> {
        let task = Self {
            id,
            tokens: encode(decoder, job.prompt.as_str())?,
            way: way(decoder, &job.prompt)?,
            job,
        };
        let (found, context) = (task.tokens.len(), decoder.context());
        if found == 0 || task.longest() > context {
            let new = task.longest() - found;
            return Err(failed(ModelError::PromptLength {
                found,
                new,
                context,
            }));
        }
        Ok(task)
    }

    pub(super) fn urgency(&self) -> Urgency {
        self.job.urgency
    }

    /// Texts that grow together.
    pub(super) fn rows(&self) -> usize {
        match &self.way {
            Way::Free(_) => self.job.prompt.beams(),
            Way::Among(options) => options.len(),
        }
    }

    /// Tokens of the prompt and of the longest text that may follow.
    pub(super) fn longest(&self) -> usize {
        let new = match &self.way {
            Way::Free(_) => self.job.max_tokens,
            Way::Among(options) => options.iter().map(Vec::len).max().unwrap_or(0),
        };
        self.tokens.len() + new
    }

    /// How its texts grow.
    pub(super) fn growth(&self, ends: &[u32]) -> Growth {
        match &self.way {
            Way::Free(tokens) => {
                let beams = self.job.prompt.beams();
                Growth::Search(Search::new(beams, ends.to_vec(), tokens.clone()))
            }
            Way::Among(options) => Growth::Choice(Choice::new(options.clone())),
        }
    }
}

fn way(decoder: &mut dyn Decoder, prompt: &Prompt) -> Result<Way, Fault> {
    let mut options = Vec::new();
    for option in prompt.options() {
        let tokens = encode(decoder, option)?;
        if tokens.is_empty() {
            return Err(Fault::new(Reason::Model, "an empty text is no choice"));
        }
        options.push(tokens);
    }
    if !options.is_empty() {
        return Ok(Way::Among(options));
    }
    let (mut withheld, mut allowed) = (Vec::new(), BTreeSet::new());
    for word in prompt.vocabulary() {
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        let capital: String = first.chain(letters).collect();
        for form in [
            format!(" {word}"),
            word.clone(),
            format!(" {capital}"),
            capital,
        ] {
            allowed.extend(encode(decoder, &form)?);
        }
    }
    if !allowed.is_empty() {
        allowed.extend(decoder.ends());
    }
    for word in prompt.withheld() {
        // A word within a text begins with a space.
        if let [token] = encode(decoder, &format!(" {word}"))?[..] {
            withheld.push(token);
        }
    }
    Ok(Way::Free(Tokens {
        withheld,
        allowed: allowed.into_iter().collect(),
    }))
}

pub(super) fn encode(decoder: &mut dyn Decoder, text: &str) -> Result<Vec<u32>, Fault> {
    catch(|| decoder.encode(text).map_err(failed))
}

/// Texts that grow, by one of two rules.
pub(super) enum Growth {
    Search(Search),
    Choice(Choice),
}

impl Growth {
    /// Takes the logits of what follows each text; gives the texts to go on with, each as its place among those before and
    /// its newest token.
    pub(super) fn step(
        &mut self,
        logits: &[&[f32]],
        limit: usize,
    ) -> Result<Vec<(usize, u32)>, ModelError> {
        match self {
            Self::Search(search) => search.step(logits, limit),
            Self::Choice(choice) => choice.step(logits),
        }
    }

    /// The best text under way; none of given texts, which are all followed.
    pub(super) fn so_far(&self) -> Option<&[u32]> {
        match self {
            Self::Search(search) => search.so_far(),
            Self::Choice(_) => None,
        }
    }

    /// The texts found, best first.
    pub(super) fn finish(self) -> Vec<Beam> {
        match self {
            Self::Search(search) => search.finish(),
            Self::Choice(choice) => choice.finish(),
        }
    }
}
