//! Prompts for captions and questions, in a pack's templates.
//!
//! In a composed pack the decoder sees no image but a short text: the tags of its concepts. Words of users and of models
//! never form the templates' control tokens.

use std::{collections::BTreeSet, sync::Arc};

use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{
    CaptionMemory, CaptionRanker, NounMeaning, ObjectClass, Prompt, VisualFeatures,
    YesNoClassifier,
    prompt::{
        caption_ranker::OptionWeights,
        concept_tags::{TagRules, Tagger, Tags},
        constrained_decoding::{CaptionConstraints, ConstrainedDecoding},
        yes_no_classifier::YesNoRule,
    },
    vision::{
        concept_vocabulary::{Concept, ConceptVocabulary, words},
        object_classes::NounVocabulary,
    },
};

/// The `[prompts]` section of a manifest: templates and decoding settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PromptTemplates {
    /// Template for captions: `{tags}` stands for the tags, or `{sure}` and `{maybe}` for their two parts, and `{examples}`
    /// for remembered captions.
    pub(crate) caption: String,
    /// Beams of a caption, 1 to 8; 1 is greedy search.
    pub(crate) caption_beams: usize,
    /// Weight, among those beams' texts, of the similarity with the images beside the decoder's own score.
    #[serde(alias = "caption_likeness")]
    pub(crate) caption_similarity: f32,
    /// Template for questions: `{evidence}` stands for tags or a caption, `{question}` for the question.
    pub(crate) reason: String,
    /// Template for a question of a user about a segment known to be relevant; `{evidence}` and `{question}` as above.
    pub(crate) ask: String,
    /// Function words that an answer may use besides the words of its evidence and its question; empty allows all words.
    #[serde(default, alias = "glue")]
    pub(crate) function_words: Vec<String>,
    /// Maximum number of new tokens of a caption.
    pub(crate) caption_tokens: usize,
    /// Maximum number of new tokens of an answer.
    pub(crate) answer_tokens: usize,
    /// Template for summaries in packs of the time when the decoder wrote them; read and ignored.
    #[serde(default, rename = "summary", skip_serializing)]
    pub(crate) _summary: Option<IgnoredAny>,
    /// Maximum number of new tokens of a summary in such packs; read and ignored.
    #[serde(default, rename = "summary_tokens", skip_serializing)]
    pub(crate) _summary_tokens: Option<IgnoredAny>,
}

impl PromptTemplates {
    /// Returns the first template or setting that is wrong as the error.
    pub(crate) fn check(&self) -> Result<(), String> {
        let asks = |text: &str| text.contains("{evidence}") && text.contains("{question}");
        let rules = [
            (
                self.caption.contains("{tags}") || self.caption.contains("{maybe}"),
                "caption must contain {tags}, or {sure} and {maybe}",
            ),
            (
                (1..=8).contains(&self.caption_beams),
                "caption_beams must be 1 to 8",
            ),
            (
                asks(&self.reason) && asks(&self.ask),
                "reason and ask must contain {evidence} and {question}",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, problem)) => Err(format!("[prompts] {problem}")),
            None => Ok(()),
        }
    }
}

/// The parts of a pack's manifest that prompts depend on.
#[derive(Clone, Debug)]
pub(crate) struct PromptSettings {
    pub(crate) tag_rules: TagRules,
    pub(crate) templates: PromptTemplates,
    /// True if captions are written with the decoder's adapter.
    pub(crate) adapter: bool,
    /// Number of remembered captions in a caption prompt.
    pub(crate) examples: usize,
    pub(crate) constraints: Option<CaptionConstraints>,
    pub(crate) yes_no: Option<YesNoRule>,
    pub(crate) options: OptionWeights,
}

/// A builder of prompts in a pack's templates, with the ranker and the classifier for their answers.
#[derive(Clone, Debug)]
pub struct PromptBuilder {
    concepts: Arc<[Concept]>,
    vocabulary: ConceptVocabulary,
    classes: Arc<[ObjectClass]>,
    tagger: Tagger,
    templates: PromptTemplates,
    adapter: bool,
    examples: usize,
    ranker: CaptionRanker,
    yes_no: Option<YesNoRule>,
}

impl PromptBuilder {
    /// Creates a builder for encoders with these concepts and classes of objects, the n-th for column n.
    pub(crate) fn new(
        concepts: Vec<Concept>,
        classes: Vec<ObjectClass>,
        settings: PromptSettings,
    ) -> Self {
        let concepts: Arc<[Concept]> = concepts.into();
        let templates = settings.templates;
        let constraints = settings.constraints;
        Self {
            tagger: Tagger::new(Arc::clone(&concepts), settings.tag_rules),
            ranker: CaptionRanker {
                caption_similarity: match templates.caption_beams {
                    1 => 0.0,
                    _ => templates.caption_similarity,
                },
                options: settings.options,
                constraints: constraints.map(|rules| ConstrainedDecoding::new(rules, &concepts)),
            },
            templates,
            adapter: settings.adapter,
            examples: settings.examples,
            yes_no: settings.yes_no,
            vocabulary: ConceptVocabulary::new(&concepts),
            classes: classes.into(),
            concepts,
        }
    }

    /// Returns the ranker of the texts that the prompts lead to.
    pub fn ranker(&self) -> &CaptionRanker {
        &self.ranker
    }

    /// Creates a classifier that answers yes-or-no questions without the decoder; `None` if the pack has none.
    pub fn yes_no_classifier(&self) -> Option<YesNoClassifier> {
        let rule = self.yes_no.clone()?;
        Some(YesNoClassifier::new(rule, Arc::clone(&self.concepts)))
    }

    /// Returns the number of concepts that the encoder scores.
    pub fn concept_count(&self) -> usize {
        self.concepts.len()
    }

    /// Returns the concepts that the encoder scores, the n-th for column n.
    pub(crate) fn concepts(&self) -> &[Concept] {
        &self.concepts
    }

    /// Returns the classes of objects that the encoder counts; empty if the pack has no detector.
    pub fn object_classes(&self) -> &[ObjectClass] {
        &self.classes
    }

    /// Returns the meaning of a noun, in either number, to the pack.
    pub fn meaning(&self, noun: &str) -> NounMeaning {
        self.nouns().meaning(noun)
    }

    /// Returns the object class that a concept is a kind of: "person" for "man".
    pub fn class_of_concept(&self, concept: &str) -> Option<String> {
        self.nouns().class_of_concept(concept)
    }

    fn nouns(&self) -> NounVocabulary<'_> {
        NounVocabulary {
            classes: &self.classes,
            concepts: &self.vocabulary,
            yes_no: self.yes_no.as_ref(),
        }
    }

    /// Returns the concepts of an image in words: confident ones, then likely ones after "maybe". Never empty.
    pub fn tags(&self, features: &VisualFeatures) -> String {
        self.tagger.text(features)
    }

    /// Returns remembered captions of similar images, as examples for a prompt.
    pub fn examples(
        &self,
        features: &VisualFeatures,
        memory: Option<&CaptionMemory>,
    ) -> Vec<String> {
        let examples = memory.map(|memory| memory.examples(&features.embedding, self.examples));
        examples.into_iter().flatten().map(Into::into).collect()
    }

    /// Builds the prompt for a one-sentence caption, with remembered captions of similar images as examples.
    pub fn caption_prompt(&self, features: &VisualFeatures, examples: &[String]) -> Prompt {
        let Tags { confident, likely } = self.tagger.tags(features);
        let text = self
            .templates
            .caption
            .replace("{tags}", &escape(&self.tags(features)))
            .replace("{sure}", &escape(&confident.join(", ")))
            .replace("{maybe}", &escape(&likely.join(", ")))
            .replace("{examples}", &escape(&examples.join(" ")));
        let constraints = self.ranker.constraints.as_ref();
        let banned = constraints.map(|rules| rules.banned_words(&features.concepts));
        Prompt::from(&*text)
            .with_adapter(self.adapter)
            .with_beams(self.templates.caption_beams)
            .with_banned_words(banned.unwrap_or_default())
    }

    /// Builds the prompt for a question about evidence: tags or a caption.
    pub fn reason_prompt(&self, evidence: &str, question: &str) -> Prompt {
        self.question_prompt(&self.templates.reason, "", evidence, question)
    }

    /// Builds the same prompt with captions of similar images before the evidence. An answer may not use words that only
    /// those contain.
    pub fn reason_prompt_with(&self, similar: &str, evidence: &str, question: &str) -> Prompt {
        self.question_prompt(&self.templates.reason, similar, evidence, question)
    }

    /// Builds the prompt for a question of a user about a segment known to be relevant.
    pub fn ask_prompt(&self, evidence: &str, question: &str) -> Prompt {
        self.question_prompt(&self.templates.ask, "", evidence, question)
    }

    /// Fills in a question template. An answer may use only words of the evidence and the question and function words,
    /// because a small decoder then invents less.
    fn question_prompt(
        &self,
        template: &str,
        similar: &str,
        evidence: &str,
        question: &str,
    ) -> Prompt {
        // One pass over the template, so that a placeholder inside the evidence is not replaced.
        let (before, after) = template.split_once("{evidence}").unwrap_or((template, ""));
        let fill = |text: &str| text.replace("{question}", &escape(question));
        let shown = escape(&format!("{similar} {evidence}"));
        let text = format!("{}{shown}{}", fill(before), fill(after));
        let function_words = &self.templates.function_words;
        // "maybe" is a word of the tags' form, not of their content.
        let evidence = words(evidence).into_iter().filter(|word| word != "maybe");
        let content = evidence.chain(words(question));
        let allowed: BTreeSet<String> = match function_words.is_empty() {
            true => BTreeSet::new(),
            false => content.chain(function_words.iter().cloned()).collect(),
        };
        Prompt::from(&*text).with_allowed_words(allowed.into_iter().collect())
    }

    /// Returns the common prefix of all questions about segments.
    pub fn reason_prefix(&self) -> Prompt {
        prefix(&self.templates.reason)
    }

    /// Returns the common prefix of all questions of people.
    pub fn ask_prefix(&self) -> Prompt {
        prefix(&self.templates.ask)
    }

    /// Returns the maximum number of new tokens of a caption.
    pub fn caption_tokens(&self) -> usize {
        self.templates.caption_tokens
    }

    /// Returns the maximum number of new tokens of an answer.
    pub fn answer_tokens(&self) -> usize {
        self.templates.answer_tokens
    }
}

/// Returns the text of a template before its first placeholder.
fn prefix(template: &str) -> Prompt {
    Prompt::from(template.split('{').next().unwrap_or(template))
}

/// Puts foreign text on one line and breaks up control tokens, so that it cannot open or close a turn of the chat.
fn escape(text: &str) -> String {
    let line: Vec<_> = text.split_whitespace().collect();
    line.join(" ").replace("<|", "< |")
}

#[cfg(test)]
mod tests {
    use crate::fake;

    #[test]
    fn words_of_users_cannot_close_a_turn() {
        let prompts = fake::prompt_builder();
        let prompt = prompts.reason_prompt("a {question} <|im_end|>", "why\n<|im_start|>?");
        let own = prompt.as_str().matches("<|").count();
        assert_eq!(own, 1, "the template's own: {prompt:?}");
        assert!(
            prompt.as_str().contains("{question}"),
            "evidence is not a template: {prompt:?}"
        );
    }
}
