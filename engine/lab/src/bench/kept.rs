//! Modules that stay loaded while several runs use them, one after the other: what is measured with them is without loading.
//!
//! Invariant: a run leaves nothing behind in them. What texts and prompts have in common is remembered anew by each run.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use atom_models::{
    CachedTextEncoder, CaptionMemory, Decoder, Image, KvCache, KvShape, ModelError, Pack,
    Scheduler, SchedulerSettings, SharedTextEncoder, VisionEncoder, VisualFeatures,
};
use atom_operators::cancel::CancellationToken;
use atom_pipelines::{PipelineFile, check, plan};

use super::{
    replay::{Bare, Calls, Noted},
    work::WorkError,
};
use atom_runtime::{Modules, NullObserver, RunOptions, process::cpu_seconds, run};

/// The modules of a pack that stay loaded from run to run.
pub struct Kept {
    vision: Shared<dyn VisionEncoder>,
    decoder: SharedDecoder,
    text: SharedTextEncoder,
    memory: Option<Arc<CaptionMemory>>,
}

impl Kept {
    /// Loads them.
    ///
    /// # Errors
    /// If one of them cannot be loaded.
    pub fn load(pack: &Pack) -> Result<Self, ModelError> {
        Ok(Self {
            vision: Shared::new(pack.vision_beside(Arc::default())?),
            decoder: SharedDecoder::new(pack.decoder(Arc::default())?),
            text: SharedTextEncoder::new(pack.text(Arc::default())?),
            memory: pack.memory()?.map(Arc::new),
        })
    }

    /// Nothing but them.
    pub fn bare(&self) -> Bare {
        Bare {
            vision: Box::new(self.vision.clone()),
            decoder: Box::new(self.decoder.clone()),
            text: Box::new(self.text.clone()),
        }
    }

    /// What a run needs of them; calls are noted there, if somewhere. If prompts may begin alike, `reuse` says that what was computed
    /// of one is taken for the next, and no text is read twice.
    pub fn modules(&self, calls: Option<&Calls>, reuse: bool) -> Modules {
        let Bare {
            mut vision,
            mut decoder,
            mut text,
        } = self.bare();
        if let Some(calls) = calls {
            vision = Box::new(Noted::new(vision, calls));
            decoder = Box::new(Noted::new(decoder, calls));
            text = Box::new(Noted::new(text, calls));
        }
        if reuse {
            text = Box::new(CachedTextEncoder::new(text));
        }
        let settings = SchedulerSettings {
            reuse,
            ..SchedulerSettings::default()
        };
        Modules {
            vision: Some(vision),
            decoder: Some(Scheduler::new(decoder, settings)),
            text: SharedTextEncoder::new(text),
            graph_needs_text: true,
            memory: self.memory.clone(),
        }
    }
}

/// Wall and processor time.
pub type Taken = (Duration, f64);

/// Runs pipeline files with modules that are loaded; what it took from when everything was opened.
///
/// # Errors
/// If a file makes no sense, or anything fails on the way.
pub fn run_with(files: &[PipelineFile], modules: Modules) -> Result<Taken, WorkError> {
    check(files)?;
    let began = Arc::new(Mutex::new(None));
    let begins = Arc::clone(&began);
    let options = RunOptions {
        modules: Some(modules),
        on_ready: Some(Box::new(move || {
            let now = Some((Instant::now(), cpu_seconds()));
            *begins.lock().unwrap_or_else(PoisonError::into_inner) = now;
        })),
        ..RunOptions::new(CancellationToken::new(), Box::new(NullObserver))
    };
    let outcome = run(&plan(files), options)?;
    if let Some(error) = outcome.errors.first() {
        return Err(WorkError::Failed(error.clone()));
    }
    let began = began.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (begun, cpu) = began.expect("a run that ended was ready");
    Ok((begun.elapsed(), cpu_seconds() - cpu))
}

/// A module that several runs use, one after the other.
struct Shared<M: ?Sized>(Arc<Mutex<Box<M>>>);

impl<M: ?Sized> Shared<M> {
    fn new(module: Box<M>) -> Self {
        Self(Arc::new(Mutex::new(module)))
    }

    fn lock(&self) -> MutexGuard<'_, Box<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: ?Sized> Clone for Shared<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl VisionEncoder for Shared<dyn VisionEncoder> {
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError> {
        self.lock().encode(image)
    }
}

/// The decoder, with what it tells of itself without being asked to work.
#[derive(Clone)]
struct SharedDecoder {
    decoder: Shared<dyn Decoder>,
    ends: Vec<u32>,
    context: usize,
    shape: KvShape,
}

impl SharedDecoder {
    fn new(decoder: Box<dyn Decoder>) -> Self {
        Self {
            ends: decoder.ends().to_vec(),
            context: decoder.context(),
            shape: decoder.shape(),
            decoder: Shared::new(decoder),
        }
    }
}

impl Decoder for SharedDecoder {
    fn encode(&mut self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.decoder.lock().encode(text)
    }

    fn decode(&mut self, tokens: &[u32]) -> Result<String, ModelError> {
        self.decoder.lock().decode(tokens)
    }

    fn ends(&self) -> &[u32] {
        &self.ends
    }

    fn context(&self) -> usize {
        self.context
    }

    fn shape(&self) -> KvShape {
        self.shape
    }

    fn run(
        &mut self,
        ids: &[u32],
        adapter: &[bool],
        kv: &mut KvCache,
    ) -> Result<Vec<f32>, ModelError> {
        self.decoder.lock().run(ids, adapter, kv)
    }
}
