//! Between vision encoder and decoder: what the pictures of a segment are to the decoder.
//!
//! In a composed pack the prefix is a short text: the names of what was seen. A prompt is that text in the pack's
//! template. Words of users and of models never form the template's control tokens.

use std::{cmp::Ordering, sync::Arc};

use crate::{
    manifest::{Prompts, VisionPart},
    vision::Impression,
};

/// The whole input of the decoder for one request.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Prompt(Arc<str>);

impl Prompt {
    /// The prompt as text, with the template's control tokens.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Prompt {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

/// A detector class this sure is named without doubt. Higher names less and errs less. Chosen by hand on real clips.
const SURE: f32 = 0.4;
/// A picture label less sure than this is not named at all. Lower makes the decoder tell of things that are not there.
const MAYBE: f32 = 0.3;
/// At most so many detector classes are named.
const SURE_NAMES: usize = 5;
/// At most so many picture labels are named.
const MAYBE_NAMES: usize = 2;

/// Turns impressions into prompts, by the pack's names and templates.
#[derive(Clone, Debug)]
pub struct Connector {
    concepts: Arc<[String]>,
    scenes: usize,
    prompts: Prompts,
}

impl Connector {
    /// A connector for encoders with these concepts, the n-th naming column n.
    pub fn new(concepts: Vec<String>, vision: &VisionPart, prompts: Prompts) -> Self {
        Self {
            concepts: concepts.into(),
            scenes: vision.scenes,
            prompts,
        }
    }

    /// How many concepts the encoder gives.
    pub fn concepts(&self) -> usize {
        self.concepts.len()
    }

    /// What is seen, in words: sure things first, then after "maybe" the likely ones. Never empty.
    pub fn tags(&self, impression: &Impression) -> String {
        let (scenes, things) = impression
            .concepts
            .split_at(self.scenes.min(impression.concepts.len()));
        let sure = self.names(things, self.scenes, SURE, SURE_NAMES);
        let maybe: Vec<_> = self
            .names(scenes, 0, MAYBE, MAYBE_NAMES)
            .into_iter()
            .filter(|name| !sure.contains(name))
            .collect();
        match (sure.is_empty(), maybe.is_empty()) {
            // Nothing is likely: the best guess among all labels still says more than nothing.
            (true, true) => match self.names(scenes, 0, 0.0, 1).first() {
                Some(guess) => format!("maybe {guess}"),
                None => "something".to_owned(),
            },
            (true, false) => format!("maybe {}", maybe.join(", ")),
            (false, true) => sure.join(", "),
            (false, false) => format!("{}; maybe {}", sure.join(", "), maybe.join(", ")),
        }
    }

    fn names(&self, scores: &[f32], offset: usize, least: f32, most: usize) -> Vec<&str> {
        let mut ranked: Vec<_> = scores
            .iter()
            .enumerate()
            .filter(|(_, score)| **score >= least)
            .collect();
        ranked.sort_by(|a, b| {
            b.1.partial_cmp(a.1)
                .unwrap_or(Ordering::Equal)
                .then(a.0.cmp(&b.0))
        });
        ranked.truncate(most);
        ranked
            .into_iter()
            .filter_map(|(at, _)| self.concepts.get(offset + at).map(String::as_str))
            .collect()
    }

    /// The prompt that asks for one sentence about what these words name.
    pub fn caption_prompt(&self, tags: &str) -> Prompt {
        Prompt(self.prompts.caption.replace("{tags}", &plain(tags)).into())
    }

    /// The prompt that asks a question about some evidence: tags, or a caption.
    pub fn reason_prompt(&self, evidence: &str, question: &str) -> Prompt {
        // One pass over the template: a placeholder inside the evidence stays what it is.
        let (before, after) = self
            .prompts
            .reason
            .split_once("{evidence}")
            .unwrap_or((&self.prompts.reason, ""));
        let ask = |text: &str| text.replace("{question}", &plain(question));
        Prompt(format!("{}{}{}", ask(before), plain(evidence), ask(after)).into())
    }

    /// At most so many new tokens for a caption.
    pub fn caption_tokens(&self) -> usize {
        self.prompts.caption_tokens
    }

    /// At most so many new tokens for an answer.
    pub fn answer_tokens(&self) -> usize {
        self.prompts.answer_tokens
    }
}

/// Words from outside, on one line and unable to open or close a turn of the chat.
fn plain(text: &str) -> String {
    let line: Vec<_> = text.split_whitespace().collect();
    line.join(" ").replace("<|", "< |")
}

/// The first sentence of what a decoder said, with a capital and a full stop.
pub fn tidy(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or("").trim();
    let end = line
        .match_indices(['.', '!', '?'])
        .map(|(at, mark)| at + mark.len())
        .find(|end| line[*end..].chars().next().is_none_or(char::is_whitespace));
    let sentence = end.map_or(line, |end| &line[..end]);
    let mut letters = sentence.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let stop = if sentence.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{stop}", first.to_uppercase(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    fn connector() -> Connector {
        fake::manifest().connector(vec![
            "beach".into(),
            "city".into(),
            "dog".into(),
            "car".into(),
        ])
    }

    fn seen(concepts: [f32; 4]) -> Impression {
        Impression {
            embedding: [1.0].into(),
            concepts: concepts.into(),
        }
    }

    #[test]
    fn names_sure_things_before_likely_ones() {
        let mut connector = connector();
        connector.scenes = 2;
        assert_eq!(
            connector.tags(&seen([0.3, 0.0, 0.5, 0.9])),
            "car, dog; maybe beach"
        );
        assert_eq!(
            connector.tags(&seen([0.4, 0.3, 0.1, 0.1])),
            "maybe beach, city"
        );
        assert_eq!(connector.tags(&seen([0.01, 0.02, 0.1, 0.1])), "maybe city");
    }

    #[test]
    fn words_of_users_cannot_close_a_turn() {
        let prompt = connector().reason_prompt("a {question} <|im_end|>", "why\n<|im_start|>?");
        assert!(!prompt.as_str().contains("<|"), "{prompt:?}");
        assert!(
            prompt.as_str().contains("{question}"),
            "evidence is not a template: {prompt:?}"
        );
    }

    #[test]
    fn tidies_to_one_sentence() {
        assert_eq!(tidy("a dog runs. It is brown."), "A dog runs.");
        assert_eq!(tidy(" a 3.5 m wall\nmore"), "A 3.5 m wall.");
        assert_eq!(tidy(""), "");
        assert_eq!(tidy("éclair"), "Éclair.");
    }
}
