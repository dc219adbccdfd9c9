//! Between vision encoder and decoder: what the pictures of a segment are to the decoder.
//!
//! In a composed pack the prefix is a short text: the names of what was seen. A prompt is that text in the pack's
//! template. Words of users and of models never form the template's control tokens.

use std::{cmp::Ordering, collections::BTreeSet, sync::Arc};

use crate::{
    concept::{Concept, words},
    decoder::Generation,
    error::ModelError,
    judge::Judge,
    manifest::{self, Choice, Prompts, Words, YesNo},
    memory::Memory,
    prompt::Prompt,
    restraint::Restraint,
    text::TextEncoder,
    vision::Impression,
};

/// Tags hold at most so many likely words: a decoder without the caption adapter repeats longer lists.
const LIKELY: usize = 3;

/// Words for a picture, the likelier ones first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told<'a> {
    /// What most people would name.
    pub sure: Vec<&'a str>,
    /// What some would.
    pub maybe: Vec<&'a str>,
}

/// What is seen where no concept has any score.
const NOTHING: &str = "something";

/// The words of tags (see [`Connector::tags`]) that are sure.
pub fn sure(tags: &str) -> impl Iterator<Item = &str> {
    let sure = tags.split(';').next().unwrap_or_default();
    let sure = if sure.starts_with("maybe ") { "" } else { sure };
    sure.split(", ")
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

/// Turns impressions into prompts, by the pack's names and templates.
#[derive(Clone, Debug)]
pub struct Connector {
    concepts: Arc<[Concept]>,
    words: Words,
    prompts: Prompts,
    adapter: bool,
    examples: usize,
    restraint: Option<Restraint>,
    yes_no: Option<YesNo>,
    choice: Choice,
}

impl Connector {
    /// A connector for encoders with these concepts, the n-th about column n. `adapter` says whether captions are
    /// written with the decoder's adapter, `examples` how many remembered captions a prompt holds.
    pub fn new(
        concepts: Vec<Concept>,
        words: Words,
        prompts: Prompts,
        adapter: bool,
        examples: usize,
    ) -> Self {
        Self {
            concepts: concepts.into(),
            words,
            prompts,
            adapter,
            examples,
            restraint: None,
            yes_no: None,
            choice: Choice::default(),
        }
    }

    /// The same connector, which tells yes and no by this rule.
    pub(crate) fn with_yes_no(self, yes_no: Option<YesNo>) -> Self {
        Self { yes_no, ..self }
    }

    /// The same connector, which chooses among given answers by this rule.
    pub(crate) fn with_choice(self, choice: Choice) -> Self {
        Self { choice, ..self }
    }

    /// Who tells yes and no by the text encoder; `None` if the decoder has to.
    pub fn judge(&self) -> Option<Judge> {
        let rule = self.yes_no.clone()?;
        Some(Judge::new(rule, Arc::clone(&self.concepts)))
    }

    /// The same connector, whose captions keep to these rules.
    pub(crate) fn with_restraint(self, rules: Option<manifest::Restraint>) -> Self {
        let restraint = rules.map(|rules| Restraint::new(rules, &self.concepts));
        Self { restraint, ..self }
    }

    /// How many concepts the encoder gives.
    pub fn concepts(&self) -> usize {
        self.concepts.len()
    }

    /// The words for what is seen: those that stand out most from what is usual, and are likely enough.
    pub fn told(&self, impression: &Impression) -> Told<'_> {
        let words = self.words;
        let mut ranked: Vec<_> = self.concepts.iter().zip(&*impression.concepts).collect();
        let apart = |(concept, score): &(&Concept, &f32)| {
            (**score - concept.usual) / concept.deviation.powf(words.power)
        };
        // A stable sort: of words that stand out alike, the more frequent one comes first.
        ranked.sort_by(|a, b| apart(b).partial_cmp(&apart(a)).unwrap_or(Ordering::Equal));
        // Some of those that stand out most are too unlikely to tell: look a little further.
        ranked.truncate(words.most + 2);
        ranked.retain(|(_, score)| **score > words.least);
        ranked.truncate(words.most);
        ranked.sort_by(|a, b| b.1.partial_cmp(a.1).unwrap_or(Ordering::Equal));
        let sure = ranked.partition_point(|(_, score)| **score > words.sure);
        let mut told: Vec<_> = ranked.iter().map(|(concept, _)| &*concept.word).collect();
        let maybe = told.split_off(sure);
        Told { sure: told, maybe }
    }

    /// What is seen, in words: sure things first, then after "maybe" the likely ones. Never empty.
    pub fn tags(&self, impression: &Impression) -> String {
        let Told { sure, mut maybe } = self.told(impression);
        maybe.truncate(LIKELY);
        match (sure.is_empty(), maybe.is_empty()) {
            (true, true) => self.guess(impression),
            (true, false) => format!("maybe {}", maybe.join(", ")),
            (false, true) => sure.join(", "),
            (false, false) => format!("{}; maybe {}", sure.join(", "), maybe.join(", ")),
        }
    }

    /// Nothing is likely: the best guess still says more than nothing.
    fn guess(&self, impression: &Impression) -> String {
        let scored = self.concepts.iter().zip(&*impression.concepts);
        let best = scored
            .filter(|(_, score)| **score > 0.0)
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or_else(
            || NOTHING.to_owned(),
            |(concept, _)| format!("maybe {}", concept.word),
        )
    }

    /// Remembered captions of the like, to be examples in a prompt.
    pub fn examples(&self, impression: &Impression, memory: Option<&Memory>) -> Vec<String> {
        let examples = memory.map(|memory| memory.examples(&impression.embedding, self.examples));
        examples.into_iter().flatten().map(Into::into).collect()
    }

    /// The prompt that asks for one sentence about what was seen, with remembered captions of the like as examples.
    pub fn caption_prompt(&self, impression: &Impression, examples: &[String]) -> Prompt {
        let Told { sure, maybe } = self.told(impression);
        let text = self
            .prompts
            .caption
            .replace("{tags}", &plain(&self.tags(impression)))
            .replace("{sure}", &plain(&sure.join(", ")))
            .replace("{maybe}", &plain(&maybe.join(", ")))
            .replace("{examples}", &plain(&examples.join(" ")));
        let restraint = self.restraint.as_ref();
        let withheld = restraint.map(|rules| rules.withheld(&impression.concepts));
        Prompt::from(&*text)
            .with_adapter(self.adapter)
            .with_beams(self.prompts.caption_beams)
            .without(withheld.unwrap_or_default())
    }

    /// Puts the caption first that fits the pictures best: its own score counts, how well the concepts bear it out, and, by the
    /// text encoder, how alike it and the pictures are.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn choose(
        &self,
        captions: &mut Generation,
        impression: &Impression,
        mut text: Option<&mut dyn TextEncoder>,
    ) -> Result<(), ModelError> {
        captions.prefer(|caption| {
            let restraint = self.restraint.as_ref();
            let mut more =
                restraint.map_or(0.0, |rules| rules.support(caption, &impression.concepts));
            if let Some(text) = &mut text {
                let said = text.embed(caption)?;
                more += self.caption_likeness() * impression.likeness(&said);
            }
            Ok(more)
        })
    }

    /// Puts the one of several given answers first that is likeliest: by the decoder, and by how alike it and the pictures are.
    /// Their scores come out such that the share of e^score is the probability.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn weigh(
        &self,
        answers: &mut Generation,
        impression: &Impression,
        mut text: Option<&mut dyn TextEncoder>,
    ) -> Result<(), ModelError> {
        let Choice { likeness, said } = self.choice;
        for answer in &mut answers.candidates {
            answer.score *= said;
        }
        answers.prefer(|answer| match &mut text {
            Some(text) if likeness > 0.0 => {
                Ok(likeness * impression.likeness(&text.embed(answer)?))
            }
            _ => Ok(0.0),
        })
    }

    /// How much likeness with the pictures counts when one of several given answers is chosen; 0 if none is chosen so.
    pub fn choice_likeness(&self) -> f32 {
        self.choice.likeness
    }

    /// How much likeness with the pictures counts when a caption is chosen among several; 0 if none is chosen so.
    pub fn caption_likeness(&self) -> f32 {
        match self.prompts.caption_beams {
            1 => 0.0,
            _ => self.prompts.caption_likeness,
        }
    }

    /// The prompt that asks a question about some evidence: tags, or a caption.
    pub fn reason_prompt(&self, evidence: &str, question: &str) -> Prompt {
        self.asking(&self.prompts.reason, "", evidence, question)
    }

    /// The same with more that was said of pictures like these; an answer may not use the words of that alone.
    pub fn reason_prompt_with(&self, like: &str, evidence: &str, question: &str) -> Prompt {
        self.asking(&self.prompts.reason, like, evidence, question)
    }

    /// The prompt that asks a person's question about a moment that is known to have to do with it.
    pub fn ask_prompt(&self, evidence: &str, question: &str) -> Prompt {
        self.asking(&self.prompts.ask, "", evidence, question)
    }

    /// A question in a template. An answer may use only words of the evidence, of the question, and those that hold sentences
    /// together: a small decoder invents less so.
    fn asking(&self, template: &str, like: &str, evidence: &str, question: &str) -> Prompt {
        // One pass over the template: a placeholder inside the evidence stays what it is.
        let (before, after) = template.split_once("{evidence}").unwrap_or((template, ""));
        let ask = |text: &str| text.replace("{question}", &plain(question));
        let seen = plain(&format!("{like} {evidence}"));
        let text = format!("{}{seen}{}", ask(before), ask(after));
        let glue = &self.prompts.glue;
        // "maybe" is a word of the tags, not of what they tell.
        let seen = words(evidence).into_iter().filter(|word| word != "maybe");
        let told = seen.chain(words(question));
        let only: BTreeSet<String> = match glue.is_empty() {
            true => BTreeSet::new(),
            false => told.chain(glue.iter().cloned()).collect(),
        };
        Prompt::from(&*text).only(only.into_iter().collect())
    }

    /// The prompt that puts some captions into one sentence.
    pub fn summary_prompt(&self, captions: &str) -> Prompt {
        Prompt::from(&*self.prompts.summary.replace("{captions}", &plain(captions)))
    }

    /// What the prompts of all questions about segments begin with.
    pub fn reason_beginning(&self) -> Prompt {
        beginning(&self.prompts.reason)
    }

    /// What the prompts of all questions of people begin with.
    pub fn ask_beginning(&self) -> Prompt {
        beginning(&self.prompts.ask)
    }

    /// At most so many new tokens for a caption.
    pub fn caption_tokens(&self) -> usize {
        self.prompts.caption_tokens
    }

    /// What the prompts of all summaries begin with.
    pub fn summary_beginning(&self) -> Prompt {
        beginning(&self.prompts.summary)
    }

    /// At most so many new tokens for a summary.
    pub fn summary_tokens(&self) -> usize {
        self.prompts.summary_tokens
    }

    /// At most so many new tokens for an answer.
    pub fn answer_tokens(&self) -> usize {
        self.prompts.answer_tokens
    }
}

/// What of a template stands before its first placeholder.
fn beginning(template: &str) -> Prompt {
    Prompt::from(template.split('{').next().unwrap_or(template))
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
        fake::manifest().connector(fake::concepts())
    }

    fn seen(concepts: [f32; 5]) -> Impression {
        Impression {
            embedding: [1.0].into(),
            concepts: concepts.into(),
        }
    }

    #[test]
    fn names_sure_things_before_likely_ones() {
        let mut connector = connector();
        connector.words = Words {
            sure: 0.5,
            least: 0.2,
            most: 3,
            power: 0.5,
        };
        let tags = |concepts| connector.tags(&seen(concepts));
        assert_eq!(tags([0.3, 0.0, 0.6, 0.9, 0.0]), "white, blue; maybe red");
        assert_eq!(tags([0.4, 0.3, 0.1, 0.1, 0.0]), "maybe red, green");
        assert_eq!(tags([0.01, 0.02, 0.0, 0.0, 0.0]), "maybe green");
        assert_eq!(tags([0.0; 5]), "something");
    }

    #[test]
    fn what_is_seen_everywhere_stands_out_less() {
        let mut connector = connector();
        let mut concepts = fake::concepts();
        concepts[0].usual = 0.5;
        connector.concepts = concepts.into();
        connector.words = Words {
            sure: 0.3,
            least: 0.1,
            most: 1,
            power: 0.5,
        };
        assert_eq!(connector.tags(&seen([0.6, 0.0, 0.4, 0.0, 0.0])), "blue");
    }

    #[test]
    fn words_of_users_cannot_close_a_turn() {
        let prompt = connector().reason_prompt("a {question} <|im_end|>", "why\n<|im_start|>?");
        let own = prompt.as_str().matches("<|").count();
        assert_eq!(own, 1, "the template's own: {prompt:?}");
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
