//! Prompts for captions and questions, in a pack's templates.
//!
//! In a composed pack the decoder sees no image but a short text: the tags of its concepts. Words of users and of models
//! never form the templates' control tokens.

use std::{collections::BTreeSet, sync::Arc};

use crate::{
    CaptionMemory, CaptionRanker, NounMeaning, ObjectClass, Prompt, ShownFrame, VisualFeatures,
    YesNoClassifier,
    prompt::{
        caption_ranker::OptionWeights,
        concept_tags::{TagRules, Tagger, Tags},
        constrained_decoding::{CaptionConstraints, ConstrainedDecoding},
        scene_evidence::SceneEvidence,
        templates::PromptTemplates,
        yes_no_classifier::YesNoRule,
    },
    vision::{
        concept_vocabulary::{Concept, ConceptVocabulary, words},
        object_classes::NounVocabulary,
    },
    vlm::chat_prompts::ChatPrompts,
};

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
    tagger: Option<Tagger>,
    form: PromptForm,
    ranker: CaptionRanker,
    yes_no: Option<YesNoRule>,
}

/// The form of a pack's prompts.
#[derive(Clone, Debug)]
enum PromptForm {
    /// Images in words: tags and captions of similar images.
    Words {
        templates: PromptTemplates,
        adapter: bool,
        examples: usize,
    },
    /// Images themselves, in a chat template.
    Chat(Arc<ChatPrompts>),
    /// None: there is no decoder to read them.
    NoDecoder,
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
        let caption_similarity = match templates.caption_beams {
            1 => 0.0,
            _ => templates.caption_similarity,
        };
        Self {
            tagger: Some(Tagger::new(Arc::clone(&concepts), settings.tag_rules)),
            ranker: CaptionRanker {
                caption_similarity,
                embeds_captions: caption_similarity > 0.0,
                options: settings.options,
                constraints: constraints.map(|rules| ConstrainedDecoding::new(rules, &concepts)),
            },
            form: PromptForm::Words {
                templates,
                adapter: settings.adapter,
                examples: settings.examples,
            },
            yes_no: settings.yes_no,
            vocabulary: ConceptVocabulary::new(&concepts),
            classes: classes.into(),
            concepts,
        }
    }

    /// Creates a builder for a decoder that sees images, beside what `index` knows: the encoders by whose vectors captions are found.
    pub(crate) fn chat(prompts: ChatPrompts, index: Option<&PromptBuilder>) -> Self {
        let mut builder = match index {
            Some(index) => index.clone(),
            None => Self::without_decoder(None),
        };
        builder.form = PromptForm::Chat(Arc::new(prompts));
        builder.ranker.embeds_captions = index.is_some();
        builder
    }

    /// Creates a builder for encoders that score no concepts and have no decoder beside them, whose prompts are empty.
    pub(crate) fn without_decoder(yes_no: Option<YesNoRule>) -> Self {
        Self {
            tagger: None,
            form: PromptForm::NoDecoder,
            ranker: CaptionRanker {
                caption_similarity: 0.0,
                embeds_captions: false,
                options: OptionWeights::default(),
                constraints: None,
            },
            yes_no,
            vocabulary: ConceptVocabulary::new(&[]),
            classes: [].into(),
            concepts: [].into(),
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

    /// Returns the concepts of an image in words: confident ones, then likely ones after "maybe". Empty only if the pack scores no
    /// concepts.
    pub fn tags(&self, features: &VisualFeatures) -> String {
        let tagger = self.tagger.as_ref();
        tagger.map_or_else(String::new, |tagger| tagger.text(features))
    }

    /// Returns the number of a scene's frames that a prompt shows at most; 0 if the decoder sees no images.
    pub fn frames(&self) -> usize {
        match &self.form {
            PromptForm::Words { .. } | PromptForm::NoDecoder => 0,
            PromptForm::Chat(prompts) => prompts.part().frames,
        }
    }

    /// Returns remembered captions of similar images, as examples for a prompt.
    pub fn examples(
        &self,
        features: &VisualFeatures,
        memory: Option<&CaptionMemory>,
    ) -> Vec<String> {
        let PromptForm::Words { examples, .. } = self.form else {
            return Vec::new();
        };
        let found = memory.map(|memory| memory.examples(&features.embedding, examples));
        found.into_iter().flatten().map(Into::into).collect()
    }

    /// Builds the prompt for a one-sentence caption of a scene, from its features, or from some of its frames if the decoder sees
    /// images, with remembered captions of similar images as examples.
    pub fn caption_prompt(
        &self,
        features: &VisualFeatures,
        frames: &[ShownFrame],
        examples: &[String],
    ) -> Prompt {
        let (templates, adapter) = match &self.form {
            PromptForm::Words {
                templates, adapter, ..
            } => (templates, *adapter),
            PromptForm::Chat(prompts) => return prompts.caption(frames),
            PromptForm::NoDecoder => return Prompt::from(""),
        };
        let tagger = self.tagger.as_ref();
        let tags = tagger.map(|tagger| tagger.tags(features));
        let Tags { confident, likely } = tags.unwrap_or_default();
        let text = templates
            .caption
            .replace("{tags}", &escape(&self.tags(features)))
            .replace("{sure}", &escape(&confident.join(", ")))
            .replace("{maybe}", &escape(&likely.join(", ")))
            .replace("{examples}", &escape(&examples.join(" ")));
        let constraints = self.ranker.constraints.as_ref();
        let banned = constraints.map(|rules| rules.banned_words(&features.concepts));
        Prompt::from(&*text)
            .with_adapter(adapter)
            .with_beams(templates.caption_beams)
            .with_banned_words(banned.unwrap_or_default())
    }

    /// Builds the prompt for a question about a scene. An answer may not use words that only captions of similar scenes contain.
    pub fn reason_prompt<'e>(
        &self,
        evidence: impl Into<SceneEvidence<'e>>,
        question: &str,
    ) -> Prompt {
        self.question_prompt(evidence.into(), question, |templates| &templates.reason)
    }

    /// Builds the prompt for a question of a user about a segment known to be relevant.
    pub fn ask_prompt<'e>(&self, evidence: impl Into<SceneEvidence<'e>>, question: &str) -> Prompt {
        self.question_prompt(evidence.into(), question, |templates| &templates.ask)
    }

    /// Builds the prompt for a question, with one of the templates where images are told in words.
    fn question_prompt(
        &self,
        evidence: SceneEvidence,
        question: &str,
        template: fn(&PromptTemplates) -> &String,
    ) -> Prompt {
        match &self.form {
            PromptForm::Words { templates, .. } => {
                words_question(templates, template(templates), evidence, question)
            }
            PromptForm::Chat(prompts) => chat_question(prompts, evidence, question),
            PromptForm::NoDecoder => Prompt::from(""),
        }
    }

    /// Returns the common prefix of all questions about segments.
    pub fn reason_prefix(&self) -> Prompt {
        match &self.form {
            PromptForm::Words { templates, .. } => prefix(&templates.reason),
            PromptForm::Chat(prompts) => prompts.prefix(true),
            PromptForm::NoDecoder => Prompt::from(""),
        }
    }

    /// Returns the common prefix of all questions of people.
    pub fn ask_prefix(&self) -> Prompt {
        match &self.form {
            PromptForm::Words { templates, .. } => prefix(&templates.ask),
            PromptForm::Chat(prompts) => prompts.prefix(false),
            PromptForm::NoDecoder => Prompt::from(""),
        }
    }

    /// Returns the maximum number of new tokens of a caption.
    pub fn caption_tokens(&self) -> usize {
        match &self.form {
            PromptForm::Words { templates, .. } => templates.caption_tokens,
            PromptForm::Chat(prompts) => prompts.part().caption_tokens,
            PromptForm::NoDecoder => 0,
        }
    }

    /// Returns the maximum number of new tokens of an answer.
    pub fn answer_tokens(&self) -> usize {
        match &self.form {
            PromptForm::Words { templates, .. } => templates.answer_tokens,
            PromptForm::Chat(prompts) => prompts.part().answer_tokens,
            PromptForm::NoDecoder => 0,
        }
    }
}

/// Builds the prompt of a decoder that sees images: about the frames of a scene, and about its caption if it is told; about tags only
/// where there is nothing else.
fn chat_question(prompts: &ChatPrompts, evidence: SceneEvidence, question: &str) -> Prompt {
    let told = evidence.caption.unwrap_or(match evidence.frames {
        [] => evidence.tags,
        _ => "",
    });
    prompts.question(evidence.frames, told, question)
}

/// Fills in a question template. An answer may use only words of the evidence and the question and function words,
/// because a small decoder then invents less.
fn words_question(
    templates: &PromptTemplates,
    template: &str,
    evidence: SceneEvidence,
    question: &str,
) -> Prompt {
    let similar = match evidence.similar {
        [] => String::new(),
        similar => format!("Like: {}", similar.join(" ")),
    };
    let evidence = evidence.words();
    // One pass over the template, so that a placeholder inside the evidence is not replaced.
    let (before, after) = template.split_once("{evidence}").unwrap_or((template, ""));
    let fill = |text: &str| text.replace("{question}", &escape(question));
    let shown = escape(&format!("{similar} {evidence}"));
    let text = format!("{}{shown}{}", fill(before), fill(after));
    // "maybe" is a word of the tags' form, not of their content.
    let evidence = words(&evidence).into_iter().filter(|word| word != "maybe");
    let content = evidence.chain(words(question));
    let function_words = &templates.function_words;
    let allowed: BTreeSet<String> = match function_words.is_empty() {
        true => BTreeSet::new(),
        false => content.chain(function_words.iter().cloned()).collect(),
    };
    Prompt::from(&*text).with_allowed_words(allowed.into_iter().collect())
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
        let own = prompt.text().matches("<|").count();
        assert_eq!(own, 1, "the template's own: {prompt:?}");
        assert!(
            prompt.text().contains("{question}"),
            "evidence is not a template: {prompt:?}"
        );
    }
}
