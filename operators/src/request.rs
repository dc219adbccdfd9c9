//! Requests to the decoder and its completions, shared by all branches.
//!
//! Only a leaf: requests are made in the files of the branches, which also turn completions into results.

use std::sync::Arc;

use atom_models::{Fault, GeneratedTexts, Prompt, Reason, VisualFeatures, first_sentence};

use crate::{
    counters::Task,
    failure::{Failure, Outcome, Stage},
    ids::NodeId,
    offload::Processed,
    qa::evidence::QuestionWithEvidence,
    segment::Segment,
    summary::summary_window::SummaryWindow,
};

/// A request of a branch to the decoder.
#[derive(Clone, Debug)]
pub struct Request {
    /// The data that the request is about, and the node that asks.
    pub subject: Subject,
    /// The task, by which requests are counted.
    pub task: Task,
    /// The question, if an answer is wanted.
    pub question: Option<Arc<str>>,
    /// The input of the text, or the reason why there is none.
    pub input: Result<RequestInput, Fault>,
    /// For a caption, captions of similar segments; nodes that read the caption may use them as further evidence.
    pub examples: Arc<[String]>,
    /// For a caption, the draft that takes its place if the decoder is too late.
    pub draft: Option<Arc<str>>,
    /// True if the text encoder answers instead of the decoder.
    pub for_text_encoder: bool,
    /// Maximum number of new tokens.
    pub max_tokens: usize,
}

/// The input from which the text of a request is made.
#[derive(Clone, Debug)]
pub enum RequestInput {
    /// A prompt for the decoder.
    Prompt(Prompt),
    /// The text itself, composed by code; no model is run.
    Text(Arc<str>),
}

/// The data that a request is about, with the node or question that asks.
#[derive(Clone, Debug)]
pub enum Subject {
    /// A node asks about a segment.
    Segment(NodeId, Arc<Segment>),
    /// A node asks about a window of many segments.
    Window(NodeId, Arc<SummaryWindow>),
    /// A question of a user, about the n-th segment found for the question.
    Evidence(Arc<QuestionWithEvidence>, usize),
}

impl Subject {
    /// Returns the visual features of the subject; `None` where it is known only in words.
    pub(crate) fn features(&self) -> Option<&VisualFeatures> {
        match self {
            Self::Segment(_, segment) => Some(&segment.features),
            Self::Evidence(question, n) => Some(&question.segment(*n).features),
            Self::Window(..) => None,
        }
    }
}

impl Request {
    /// Returns the node that asks, or `None` for a question of a user.
    pub fn node(&self) -> Option<NodeId> {
        match &self.subject {
            Subject::Segment(node, _) | Subject::Window(node, _) => Some(*node),
            Subject::Evidence(..) => None,
        }
    }

    /// Returns true if the answer is one of some given texts.
    pub(crate) fn is_choice(&self) -> bool {
        self.prompt()
            .is_some_and(|prompt| !prompt.options().is_empty())
    }

    /// Returns the prompt, if the decoder is needed.
    pub fn prompt(&self) -> Option<&Prompt> {
        match &self.input {
            Ok(RequestInput::Prompt(prompt)) => Some(prompt),
            _ => None,
        }
    }

    /// Returns the text, if it is known without a model.
    pub(crate) fn known_text(&self) -> Option<&Arc<str>> {
        match &self.input {
            Ok(RequestInput::Text(text)) => Some(text),
            _ => None,
        }
    }
}

/// The text for a request, by the decoder or the text encoder.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The best text.
    pub text: Arc<str>,
    /// The probability of the text, 0 to 1, where only some texts were allowed.
    pub probability: Option<f32>,
    /// For a caption, the vector of its sentence if there is a text encoder.
    pub vector: Option<Arc<[f32]>>,
}

impl Completion {
    /// Returns "Yes" or "No" for a probability of yes.
    pub(crate) fn yes_no(yes: f32) -> Self {
        let (text, probability) = if yes >= 0.5 {
            ("Yes", yes)
        } else {
            ("No", 1.0 - yes)
        };
        Self {
            text: text.into(),
            probability: Some(probability),
            vector: None,
        }
    }

    /// Returns a text that is known without a model.
    pub(crate) fn known(text: Arc<str>) -> Self {
        Self {
            text,
            probability: None,
            vector: None,
        }
    }

    /// Returns the best text of a generation. `is_choice` is true if its candidates are all that were allowed.
    pub(crate) fn best(generation: &GeneratedTexts, is_choice: bool) -> Self {
        let scores = generation
            .candidates
            .iter()
            .map(|candidate| candidate.score);
        let best = scores.clone().next().unwrap_or(0.0);
        let all: f32 = scores.map(|score| (score - best).exp()).sum();
        Self {
            text: generation.text().into(),
            probability: is_choice.then(|| 1.0 / all),
            vector: None,
        }
    }
}

/// A request with its completion.
pub type Decoded = Processed<Request, Completion>;

impl Decoded {
    /// Returns the first sentence of the completion, or the whole text where only some texts were allowed.
    ///
    /// # Errors
    /// Returns the fault of the request; an empty text is a fault too.
    pub fn sentence(&self) -> Result<String, Fault> {
        let completion = self.result.as_ref().map_err(Clone::clone)?;
        let text = match completion.probability {
            Some(_) => completion.text.to_string(),
            // A composed text may have several sentences.
            None if self.item.known_text().is_some() => completion.text.to_string(),
            None => first_sentence(&completion.text),
        };
        match text.is_empty() {
            true => Err(Fault::new(Reason::Model, "the decoder returned no text")),
            false => Ok(text),
        }
    }

    /// Returns node, segment and text, if the request is about a segment.
    pub(crate) fn about_segment(
        &self,
        stage: Stage,
    ) -> Option<(NodeId, Arc<Segment>, Outcome<String>)> {
        let Subject::Segment(node, segment) = &self.item.subject else {
            return None;
        };
        let failed = |fault| Failure {
            stage,
            source: segment.key.source,
            at: segment.key.start,
            fault,
        };
        let text = self.sentence().map_err(failed);
        Some((*node, Arc::clone(segment), text))
    }
}
