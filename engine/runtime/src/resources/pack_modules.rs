//! Loads the modules of a pack that a plan needs, each once.

use std::{panic::resume_unwind, sync::Arc, thread};

use atom_models::{
    CachedTextEncoder, CaptionMemory, LazyTextEncoder, Meter, Meters, ModelError, Pack,
    PromptBuilder, Scheduler, SchedulerSettings, SharedTextEncoder, TextEncoder, VisionEncoder,
};
use atom_operators::node::NodeKind;
use atom_pipelines::Plan;

use crate::error::RuntimeError;

/// The modules that a run works with.
pub struct Modules {
    /// The vision encoder.
    pub vision: Option<Box<dyn VisionEncoder>>,
    /// The decoder.
    pub decoder: Option<Scheduler>,
    /// The text encoder; loaded on first use unless the graph needs it.
    pub text: SharedTextEncoder,
    /// True if the graph needs the text encoder.
    pub graph_needs_text: bool,
    /// The caption memory, if captions are wanted and the pack has one.
    pub memory: Option<Arc<CaptionMemory>>,
}

/// The modules that a plan needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ModuleNeeds {
    vision: bool,
    memory: bool,
    decoder: bool,
    text: bool,
}

impl ModuleNeeds {
    /// Returns the needs of a plan; with `questions`, people may ask too.
    pub(crate) fn of(plan: &Plan, prompts: &PromptBuilder, questions: bool) -> Self {
        let any =
            |wanted: &dyn Fn(&NodeKind) -> bool| plan.nodes.iter().any(|node| wanted(&node.kind));
        let captions = any(&|kind| matches!(kind, NodeKind::Caption(_)));
        let generates =
            any(&|kind| matches!(kind, NodeKind::Reason(spec) if spec.needs_decoder(prompts)));
        let classifies =
            any(&|kind| matches!(kind, NodeKind::Reason(spec) if spec.needs_text_encoder(prompts)));
        let chooses_captions = captions && prompts.ranker().embeds_captions();
        Self {
            vision: any(&|kind| matches!(kind, NodeKind::Encode(_))),
            memory: captions,
            decoder: captions || generates || questions,
            text: chooses_captions || classifies || questions,
        }
    }
}

impl Modules {
    /// Loads the modules of a pack; with `parallel`, they will run at the same time.
    ///
    /// # Errors
    /// If a module or the memory cannot be loaded.
    pub(crate) fn load(
        pack: &Pack,
        needs: ModuleNeeds,
        meters: &Meters,
        parallel: bool,
    ) -> Result<Self, RuntimeError> {
        // The decoder takes as long to load as all others together, so it gets a thread. More threads would only hold more memory.
        let (vision, text, memory, decoder) = thread::scope(|threads| {
            let decoder = threads.spawn(|| {
                needs
                    .decoder
                    .then(|| pack.decoder(Arc::clone(&meters.decoder)))
            });
            let meter = Arc::clone(&meters.vision);
            let vision = needs.vision.then(|| match needs.decoder && parallel {
                true => pack.vision_beside(meter),
                false => pack.vision(meter),
            });
            let text = text_encoder(pack, &meters.text, needs.text);
            let memory = needs.memory.then(|| pack.memory());
            let decoder = decoder.join().unwrap_or_else(|panic| resume_unwind(panic));
            (vision, text, memory, decoder)
        });
        Ok(Self {
            vision: vision.transpose()?,
            decoder: decoder
                .transpose()?
                .map(|decoder| Scheduler::new(decoder, SchedulerSettings::default())),
            text: SharedTextEncoder::new(Box::new(CachedTextEncoder::new(text?))),
            graph_needs_text: needs.text,
            memory: memory.transpose()?.flatten().map(Arc::new),
        })
    }
}

/// Returns the text encoder of a pack, loaded now or on first use.
fn text_encoder(
    pack: &Pack,
    meter: &Arc<Meter>,
    now: bool,
) -> Result<Box<dyn TextEncoder>, ModelError> {
    if now {
        return pack.text(Arc::clone(meter));
    }
    let (name, meter) = (pack.manifest().name.clone(), Arc::clone(meter));
    let load = move || Pack::open(&name)?.text(Arc::clone(&meter));
    Ok(Box::new(LazyTextEncoder::new(Box::new(load))))
}
