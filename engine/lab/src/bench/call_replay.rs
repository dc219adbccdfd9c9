//! Records the module calls of a run, and makes the same calls again without a graph.

use std::{
    ops::Range,
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use atom_models::{
    Decoder, Image, InputToken, KvCache, KvShape, ModelError, TextEncoder, VisionEncoder,
    VisualFeatures,
};

/// The module calls of a run, in order.
#[derive(Clone, Debug, Default)]
pub struct CallLog(Arc<Mutex<Vec<ModuleCall>>>);

/// A call of a module.
#[derive(Clone, Debug)]
pub enum ModuleCall {
    /// A frame for the vision encoder.
    EncodeFrame(Image),
    /// Tokens for the decoder, for sequences of these lengths.
    DecoderStep {
        /// The tokens, the same number for each sequence.
        tokens: Vec<InputToken>,
        /// True for each sequence whose adapter is on.
        adapter: Vec<bool>,
        /// Tokens that each sequence has in the cache before the call.
        lengths: Vec<usize>,
    },
    /// A text for the text encoder.
    EmbedText(String),
}

impl CallLog {
    /// Takes all calls out of the log.
    pub fn take(&self) -> Vec<ModuleCall> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn record(&self, call: ModuleCall) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(call);
    }
}

/// A module whose calls are recorded.
pub struct LoggedModule<M: ?Sized> {
    log: CallLog,
    module: Box<M>,
}

impl<M: ?Sized> LoggedModule<M> {
    /// Wraps a module, whose calls are appended to `log`.
    pub fn new(module: Box<M>, log: &CallLog) -> Self {
        let log = log.clone();
        Self { log, module }
    }
}

impl VisionEncoder for LoggedModule<dyn VisionEncoder> {
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError> {
        self.log.record(ModuleCall::EncodeFrame(image.clone()));
        self.module.encode(image)
    }
}

impl TextEncoder for LoggedModule<dyn TextEncoder> {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        self.log.record(ModuleCall::EmbedText(text.to_owned()));
        self.module.embed(text)
    }
}

impl Decoder for LoggedModule<dyn Decoder> {
    fn encode(&mut self, text: &str, foreign: &[Range<usize>]) -> Result<Vec<u32>, ModelError> {
        self.module.encode(text, foreign)
    }

    fn decode(&mut self, tokens: &[u32]) -> Result<String, ModelError> {
        self.module.decode(tokens)
    }

    fn ends(&self) -> &[u32] {
        self.module.ends()
    }

    fn context(&self) -> usize {
        self.module.context()
    }

    fn shape(&self) -> KvShape {
        self.module.shape()
    }

    fn run(
        &mut self,
        tokens: &[InputToken],
        adapter: &[bool],
        kv: &mut KvCache,
    ) -> Result<Vec<f32>, ModelError> {
        self.log.record(ModuleCall::DecoderStep {
            tokens: tokens.to_vec(),
            adapter: adapter.to_vec(),
            lengths: kv.lengths().to_vec(),
        });
        self.module.run(tokens, adapter, kv)
    }
}

/// The modules of a pack, without a run around them.
pub struct BareModules {
    /// The vision encoder.
    pub vision: Box<dyn VisionEncoder>,
    /// The decoder.
    pub decoder: Box<dyn Decoder>,
    /// The text encoder.
    pub text: Box<dyn TextEncoder>,
}

/// The times of a replay.
#[derive(Clone, Copy, Debug)]
pub struct ReplayTimes {
    /// Wall time of the module calls.
    pub modules: Duration,
    /// Time to allocate caches for the decoder, which is not part of its calls.
    pub allocation: Duration,
}

/// Replays the calls of the decoder. Sequences that are prefilled and sequences that grow have a cache each, which goes on
/// from step to step.
struct DecoderReplay<'d> {
    decoder: &'d mut dyn Decoder,
    prompts: KvCache,
    generations: KvCache,
    allocation: Duration,
}

impl<'d> DecoderReplay<'d> {
    fn new(decoder: &'d mut dyn Decoder) -> Self {
        let shape = decoder.shape();
        Self {
            decoder,
            prompts: KvCache::new(shape),
            generations: KvCache::new(shape),
            allocation: Duration::ZERO,
        }
    }

    /// Makes a call if it is one of the decoder.
    fn make(&mut self, call: &ModuleCall) -> Result<(), ModelError> {
        let ModuleCall::DecoderStep {
            tokens,
            adapter,
            lengths,
        } = call
        else {
            return Ok(());
        };
        let cache = match tokens.len() > lengths.len() {
            true => &mut self.prompts,
            false => &mut self.generations,
        };
        if cache.lengths() != lengths {
            let start = Instant::now();
            *cache = KvCache::zeroed(cache.shape(), lengths);
            self.allocation += start.elapsed();
        }
        self.decoder.run(tokens, adapter, cache).map(drop)
    }
}

impl BareModules {
    /// Makes all calls in one loop, in order.
    ///
    /// # Errors
    /// If a module fails.
    pub fn replay_in_order(&mut self, calls: &[ModuleCall]) -> Result<ReplayTimes, ModelError> {
        let start = Instant::now();
        let mut decoder = DecoderReplay::new(&mut *self.decoder);
        for call in calls {
            match call {
                ModuleCall::EncodeFrame(image) => drop(self.vision.encode(image)?),
                ModuleCall::EmbedText(text) => drop(self.text.embed(text)?),
                ModuleCall::DecoderStep { .. } => decoder.make(call)?,
            }
        }
        let allocation = decoder.allocation;
        Ok(ReplayTimes {
            modules: start.elapsed().saturating_sub(allocation),
            allocation,
        })
    }

    /// Makes the calls of each module in a loop of its own, all loops side by side, as if no call depended on another. The
    /// longest loop counts.
    ///
    /// # Errors
    /// If a module fails.
    pub fn replay_side_by_side(&mut self, calls: &[ModuleCall]) -> Result<ReplayTimes, ModelError> {
        let Self {
            vision,
            decoder,
            text,
        } = self;
        thread::scope(|threads| {
            let vision = threads.spawn(|| {
                timed(calls, |call| match call {
                    ModuleCall::EncodeFrame(image) => vision.encode(image).map(drop),
                    _ => Ok(()),
                })
            });
            let text = threads.spawn(|| {
                timed(calls, |call| match call {
                    ModuleCall::EmbedText(words) => text.embed(words).map(drop),
                    _ => Ok(()),
                })
            });
            let mut decoder = DecoderReplay::new(&mut **decoder);
            let decoder_time = timed(calls, |call| decoder.make(call))?;
            let allocation = decoder.allocation;
            let decoder_time = decoder_time.saturating_sub(allocation);
            Ok(ReplayTimes {
                modules: decoder_time.max(joined(vision)?).max(joined(text)?),
                allocation,
            })
        })
    }
}

fn timed(
    calls: &[ModuleCall],
    make: impl FnMut(&ModuleCall) -> Result<(), ModelError>,
) -> Result<Duration, ModelError> {
    let start = Instant::now();
    calls.iter().try_for_each(make)?;
    Ok(start.elapsed())
}

fn joined<T>(thread: ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
