//! Looks segments up in the caption memory: a draft caption at once, and the examples for the decoder's prompt.
//!
//! The draft needs no decoder, so it is out some milliseconds after the segment closed; the decoder's caption replaces
//! it. The request to the decoder and the draft leave together, so that no draft comes after its caption.

use std::sync::Arc;

use atom_models::{CaptionMemory, Fault, Prompt, PromptBuilder};
use timely::{
    dataflow::{StreamVec, operators::vec::Map},
    progress::Timestamp,
};

use crate::{
    data::{Caption, NodeId, Segment},
    decode::{About, Request},
    offload::{Crew, Done, Health, Work, offload},
    tally::Task,
};

/// A caption node wants a caption of a segment.
#[derive(Clone, Debug)]
pub struct Wish {
    /// The caption node.
    pub node: NodeId,
    /// The segment.
    pub segment: Arc<Segment>,
    /// At most so many new tokens.
    pub max_tokens: usize,
}

/// What came of a wish so far.
#[derive(Clone, Debug)]
pub struct Recalled {
    /// What the decoder is asked.
    pub request: Request,
    /// A caption from memory, until the decoder's is there.
    pub draft: Option<Caption>,
}

/// The core: what the memory knows of a segment.
#[derive(Clone, Debug)]
pub struct Recall {
    /// The memory; none if the pack has none.
    pub memory: Option<Arc<CaptionMemory>>,
    /// Makes the prompts.
    pub prompts: PromptBuilder,
}

impl Recall {
    /// What the memory knows of a segment, and the decoder's input for its caption.
    pub fn of(&self, segment: &Segment) -> Known {
        let memory = self.memory.as_deref();
        let features = &segment.features;
        let draft = memory.and_then(|memory| memory.draft(&features.embedding));
        let remembered = self.prompts.examples(features, memory);
        Known {
            prompt: self.prompts.caption_prompt(features, &remembered),
            draft: draft.map(str::to_owned),
            remembered: remembered.into(),
        }
    }
}

/// What the memory knows of a segment.
#[derive(Clone, Debug)]
pub struct Known {
    /// The decoder's input for a caption.
    pub prompt: Prompt,
    /// A caption from memory.
    pub draft: Option<String>,
    /// Captions of pictures like these.
    pub remembered: Arc<[String]>,
}

/// Looks every wish up, on a thread of its own.
pub fn recall<'s, T: Timestamp>(
    wishes: StreamVec<'s, T, Wish>,
    recall: Recall,
    crew: &Crew,
) -> StreamVec<'s, T, Recalled> {
    let work = Work {
        name: "memory",
        health: Health::default(),
        run: move |wish: &Wish| Ok(recall.of(&wish.segment)),
        shows: |_| true,
    };
    offload(wishes, crew, work).map(recalled)
}

fn recalled(done: Done<Wish, Known>) -> Recalled {
    let Wish {
        node,
        segment,
        max_tokens,
    } = done.item;
    let (prompt, draft, remembered): (Result<_, Fault>, _, _) = match done.result {
        Ok(known) => (Ok(known.prompt), known.draft, known.remembered),
        Err(fault) => (Err(fault), None, Arc::default()),
    };
    let stands = draft.as_deref().map(Arc::from);
    let draft = draft.map(|text| Caption {
        segment: Arc::clone(&segment),
        node,
        text,
        vector: None,
        from_draft: false,
    });
    let request = Request {
        about: About::Segment(node, segment),
        task: Task::Caption,
        question: None,
        prompt,
        remembered,
        draft: stands,
        judged: false,
        max_tokens,
    };
    Recalled { request, draft }
}
