//! Modules that stay loaded while several runs use them in turn, so that measurements exclude loading.
//!
//! Invariant: a run leaves nothing behind in them. Caches of texts and prompts are new in each run.

use std::{
    ops::Range,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use atom_models::{
    CachedTextEncoder, CaptionMemory, Decoder, Image, InputToken, KvCache, KvShape, ModelError,
    Pack, Scheduler, SchedulerSettings, SharedTextEncoder, VisionEncoder, VisualFeatures,
};
use atom_operators::cancel::CancellationToken;
use atom_pipelines::{PipelineFile, check, plan};

use super::call_replay::{BareModules, CallLog, LoggedModule};
use crate::LabError;
use atom_runtime::{Modules, NullObserver, RunOptions, process_usage::cpu_seconds, run};

/// The modules of a pack, loaded once.
pub struct PreloadedModules {
    vision: SharedModule<dyn VisionEncoder>,
    decoder: SharedDecoder,
    text: SharedTextEncoder,
    memory: Option<Arc<CaptionMemory>>,
}

impl PreloadedModules {
    /// Loads the modules of a pack.
    ///
    /// # Errors
    /// If one of them cannot be loaded.
    pub fn load(pack: &Pack) -> Result<Self, ModelError> {
        Ok(Self {
            vision: SharedModule::new(pack.vision_beside(Arc::default())?),
            decoder: SharedDecoder::new(pack.decoder(Arc::default())?),
            text: SharedTextEncoder::new(pack.text(Arc::default())?),
            memory: pack.memory()?.map(Arc::new),
        })
    }

    /// Returns handles to the modules, without anything around them.
    pub fn bare(&self) -> BareModules {
        BareModules {
            vision: Box::new(self.vision.clone()),
            decoder: Box::new(self.decoder.clone()),
            text: Box::new(self.text.clone()),
        }
    }

    /// Returns the modules of a run, whose calls are appended to `log` if there is one. With `reuse`, the run computes
    /// the common beginning of prompts once, and reads no text twice.
    pub fn for_run(&self, log: Option<&CallLog>, reuse: bool) -> Modules {
        let BareModules {
            mut vision,
            mut decoder,
            mut text,
        } = self.bare();
        if let Some(log) = log {
            vision = Box::new(LoggedModule::new(vision, log));
            decoder = Box::new(LoggedModule::new(decoder, log));
            text = Box::new(LoggedModule::new(text, log));
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

/// The time that a run took.
#[derive(Clone, Copy, Debug)]
pub struct RunTime {
    /// Wall time.
    pub wall: Duration,
    /// Processor time of all threads, in seconds.
    pub cpu_seconds: f64,
}

/// Runs pipeline files with loaded modules. Time counts from the moment when everything is opened.
///
/// # Errors
/// If a file has problems, or the run fails.
pub fn run_preloaded(files: &[PipelineFile], modules: Modules) -> Result<RunTime, LabError> {
    check(files)?;
    let ready = Arc::new(Mutex::new(None));
    let set_ready = Arc::clone(&ready);
    let options = RunOptions {
        modules: Some(modules),
        on_ready: Some(Box::new(move || {
            let now = Some((Instant::now(), cpu_seconds()));
            *set_ready.lock().unwrap_or_else(PoisonError::into_inner) = now;
        })),
        ..RunOptions::new(CancellationToken::new(), Box::new(NullObserver))
    };
    let outcome = run(&plan(files), options)?;
    if let Some(error) = outcome.error_messages().first() {
        return Err(LabError::Run(error.clone()));
    }
    let ready = ready.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (start, cpu_at_start) = ready.expect("a run that ended was ready");
    Ok(RunTime {
        wall: start.elapsed(),
        cpu_seconds: cpu_seconds() - cpu_at_start,
    })
}

/// A module that several runs use in turn.
struct SharedModule<M: ?Sized>(Arc<Mutex<Box<M>>>);

impl<M: ?Sized> SharedModule<M> {
    fn new(module: Box<M>) -> Self {
        Self(Arc::new(Mutex::new(module)))
    }

    fn lock(&self) -> MutexGuard<'_, Box<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: ?Sized> Clone for SharedModule<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl VisionEncoder for SharedModule<dyn VisionEncoder> {
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError> {
        self.lock().encode(image)
    }
}

/// The decoder, with its properties copied, because the trait returns a reference to one of them.
#[derive(Clone)]
struct SharedDecoder {
    decoder: SharedModule<dyn Decoder>,
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
            decoder: SharedModule::new(decoder),
        }
    }
}

impl Decoder for SharedDecoder {
    fn encode(&mut self, text: &str, foreign: &[Range<usize>]) -> Result<Vec<u32>, ModelError> {
        self.decoder.lock().encode(text, foreign)
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
        tokens: &[InputToken],
        adapter: &[bool],
        kv: &mut KvCache,
    ) -> Result<Vec<f32>, ModelError> {
        self.decoder.lock().run(tokens, adapter, kv)
    }
}
