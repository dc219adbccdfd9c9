//! Drafts: looks segments up in the caption memory, for a draft caption at once and for examples in the decoder's prompt.
//!
//! A draft needs no decoder, so it is out some milliseconds after the segment closed; the decoder's caption replaces it.
//! The draft and the request to the decoder leave together, so that no draft comes after its caption.

use std::sync::Arc;

use atom_models::{CaptionMemory, Fault, Prompt, PromptBuilder};
use timely::{
    dataflow::{StreamVec, operators::vec::Map},
    progress::Timestamp,
};

use crate::{
    caption::Caption,
    circuit_breaker::CircuitBreaker,
    counters::Task,
    ids::NodeId,
    offload::{Processed, Sequential, ThreadGroup, offload},
    request::{Request, RequestInput, Subject},
    segment::Segment,
    shown_frames::shown_frames,
};

/// A segment that a caption node wants a caption of.
#[derive(Clone, Debug)]
pub struct CaptionRequest {
    /// The caption node.
    pub node: NodeId,
    /// The segment.
    pub segment: Arc<Segment>,
    /// Maximum number of new tokens.
    pub max_tokens: usize,
}

/// The draft of a segment, with the request that will replace it.
#[derive(Clone, Debug)]
pub struct Drafted {
    /// The request to the decoder.
    pub request: Request,
    /// A caption from memory that holds until the decoder's is there.
    pub draft: Option<Caption>,
}

/// The core: the caption memory, and the prompts that are made with it.
#[derive(Clone, Debug)]
pub struct Drafter {
    /// The memory; `None` if the pack has none.
    pub memory: Option<Arc<CaptionMemory>>,
    /// Makes the prompts.
    pub prompts: PromptBuilder,
}

impl Drafter {
    /// Looks a segment up.
    fn look_up(&self, segment: &Segment) -> MemoryMatch {
        let memory = self.memory.as_deref();
        let features = &segment.features;
        let draft = memory.and_then(|memory| memory.draft(&features.embedding, &features.concepts));
        let examples = self.prompts.examples(features, memory);
        let frames = shown_frames(segment, self.prompts.frames());
        MemoryMatch {
            prompt: self.prompts.caption_prompt(features, &frames, &examples),
            draft: draft.map(str::to_owned),
            examples: examples.into(),
        }
    }
}

/// The captions in memory that match a segment.
#[derive(Clone, Debug)]
struct MemoryMatch {
    /// The decoder's input for a caption.
    prompt: Prompt,
    /// The caption to show at once.
    draft: Option<String>,
    /// Captions of similar segments.
    examples: Arc<[String]>,
}

/// Looks every segment up, on a thread of its own.
///
/// ```
/// use std::sync::{Arc, mpsc};
///
/// use atom_models::{VisualFeatures, fake};
/// use atom_operators::{
///     draft::{CaptionRequest, Drafter, draft}, ids::{NodeId, SourceId}, media_time::MediaTime,
///     offload::ThreadGroup, segment::{Segment, SegmentKey},
/// };
/// use timely::dataflow::operators::{Inspect, vec::ToStream};
///
/// let key = SegmentKey { source: SourceId::new(0), start: MediaTime::default() };
/// let red = [1.0, 0.0, 0.0, 0.0, 0.0]; // the fake encoder's scores of red, green, blue, white, dark
/// let features = VisualFeatures { embedding: red.into(), concepts: red.into(), ..Default::default() };
/// let segment = Arc::new(Segment::synthetic(key, MediaTime::from_millis(4000), features));
/// let (output, drafts) = mpsc::channel();
/// timely::example(move |scope| {
///     let drafter = Drafter {
///         memory: Some(Arc::new(fake::memory())),
///         prompts: fake::prompt_builder(),
///     };
///     let requests = [CaptionRequest { node: NodeId(1), segment, max_tokens: 24 }].to_stream(scope);
///     draft(requests, drafter, &ThreadGroup::default())
///         .inspect(move |drafted| output.send(drafted.draft.clone().unwrap().text).unwrap());
/// });
/// assert_eq!(drafts.iter().collect::<Vec<_>>(), ["Something red."]);
/// ```
pub fn draft<'s, T: Timestamp>(
    requests: StreamVec<'s, T, CaptionRequest>,
    drafter: Drafter,
    threads: &ThreadGroup,
) -> StreamVec<'s, T, Drafted> {
    let worker = Sequential {
        name: "memory",
        breaker: CircuitBreaker::default(),
        run: move |request: &CaptionRequest| Ok(drafter.look_up(&request.segment)),
        counts_as_success: |_| true,
    };
    offload(requests, threads, worker).map(drafted)
}

fn drafted(processed: Processed<CaptionRequest, MemoryMatch>) -> Drafted {
    let CaptionRequest {
        node,
        segment,
        max_tokens,
    } = processed.item;
    let (prompt, text, examples): (Result<_, Fault>, _, _) = match processed.result {
        Ok(found) => (Ok(found.prompt), found.draft, found.examples),
        Err(fault) => (Err(fault), None, Arc::default()),
    };
    let request = Request {
        subject: Subject::Segment(node, Arc::clone(&segment)),
        task: Task::Caption,
        question: None,
        input: prompt.map(RequestInput::Prompt),
        examples,
        draft: text.as_deref().map(Arc::from),
        for_text_encoder: false,
        max_tokens,
    };
    let draft = text.map(|text| Caption {
        segment,
        node,
        text,
        vector: None,
        from_draft: false,
    });
    Drafted { request, draft }
}
