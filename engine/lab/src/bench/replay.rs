//! Notes what a run asks of its modules, and asks the same of them again without any graph.

use std::{
    panic::resume_unwind,
    sync::{Arc, Mutex, PoisonError},
    thread::{self, ScopedJoinHandle},
    time::{Duration, Instant},
};

use atom_models::{
    Decoder, Image, KvCache, KvShape, ModelError, TextEncoder, VisionEncoder, VisualFeatures,
};

/// What was asked of the modules, in order.
#[derive(Clone, Debug, Default)]
pub struct Calls(Arc<Mutex<Vec<Call>>>);

/// One call of a module.
#[derive(Clone, Debug)]
pub enum Call {
    /// A picture for the vision encoder.
    Look(Image),
    /// New tokens for the decoder, on sequences of these lengths.
    Step {
        /// The tokens, equally many for each sequence.
        ids: Vec<u32>,
        /// Whether the adapter is on, for each sequence.
        adapter: Vec<bool>,
        /// Tokens that each sequence had before.
        lengths: Vec<usize>,
    },
    /// A text for the text encoder.
    Read(String),
}

impl Calls {
    /// All calls so far.
    pub fn taken(&self) -> Vec<Call> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, call: Call) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(call);
    }
}

/// A module whose calls are noted.
pub struct Noted<M: ?Sized> {
    calls: Calls,
    module: Box<M>,
}

impl<M: ?Sized> Noted<M> {
    /// Notes the calls of this module there.
    pub fn new(module: Box<M>, calls: &Calls) -> Self {
        let calls = calls.clone();
        Self { calls, module }
    }
}

impl VisionEncoder for Noted<dyn VisionEncoder> {
    fn encode(&mut self, image: &Image) -> Result<VisualFeatures, ModelError> {
        self.calls.note(Call::Look(image.clone()));
        self.module.encode(image)
    }
}

impl TextEncoder for Noted<dyn TextEncoder> {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        self.calls.note(Call::Read(text.to_owned()));
        self.module.embed(text)
    }
}

impl Decoder for Noted<dyn Decoder> {
    fn encode(&mut self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.module.encode(text)
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
        ids: &[u32],
        adapter: &[bool],
        kv: &mut KvCache,
    ) -> Result<Vec<f32>, ModelError> {
        self.calls.note(Call::Step {
            ids: ids.to_vec(),
            adapter: adapter.to_vec(),
            lengths: kv.lengths().to_vec(),
        });
        self.module.run(ids, adapter, kv)
    }
}

/// The modules of a pack, without anything around them.
pub struct Bare {
    /// The vision encoder.
    pub vision: Box<dyn VisionEncoder>,
    /// The decoder.
    pub decoder: Box<dyn Decoder>,
    /// The text encoder.
    pub text: Box<dyn TextEncoder>,
}

/// The decoder's side of calls: prompts that are read and texts that grow each go on from step to step.
struct Steps<'d> {
    decoder: &'d mut dyn Decoder,
    prompts: KvCache,
    texts: KvCache,
    /// Making sequences of other lengths is not the module's time.
    making: Duration,
}

impl<'d> Steps<'d> {
    fn new(decoder: &'d mut dyn Decoder) -> Self {
        let shape = decoder.shape();
        Self {
            decoder,
            prompts: KvCache::new(shape),
            texts: KvCache::new(shape),
            making: Duration::ZERO,
        }
    }

    fn step(&mut self, ids: &[u32], adapter: &[bool], lengths: &[usize]) -> Result<(), ModelError> {
        let kv = match ids.len() > lengths.len() {
            true => &mut self.prompts,
            false => &mut self.texts,
        };
        if kv.lengths() != lengths {
            let begun = Instant::now();
            *kv = KvCache::zeroed(kv.shape(), lengths);
            self.making += begun.elapsed();
        }
        self.decoder.run(ids, adapter, kv).map(drop)
    }
}

impl Bare {
    /// Makes all calls in one loop, in order; how long the modules took, and how long making what they work on.
    ///
    /// # Errors
    /// If a module fails.
    pub fn in_a_loop(&mut self, calls: &[Call]) -> Result<(Duration, Duration), ModelError> {
        let begun = Instant::now();
        let mut steps = Steps::new(&mut *self.decoder);
        for call in calls {
            match call {
                Call::Look(image) => drop(self.vision.encode(image)?),
                Call::Read(text) => drop(self.text.embed(text)?),
                Call::Step {
                    ids,
                    adapter,
                    lengths,
                } => steps.step(ids, adapter, lengths)?,
            }
        }
        let making = steps.making;
        Ok((begun.elapsed().saturating_sub(making), making))
    }

    /// Makes the calls of each module in a loop of its own, all loops side by side, as if nothing depended on anything; how long the
    /// longest took, and how long making what the decoder works on.
    ///
    /// # Errors
    /// If a module fails.
    pub fn side_by_side(&mut self, calls: &[Call]) -> Result<(Duration, Duration), ModelError> {
        let Self {
            vision,
            decoder,
            text,
        } = self;
        thread::scope(|threads| {
            let look = threads.spawn(|| {
                let begun = Instant::now();
                for call in calls {
                    if let Call::Look(image) = call {
                        vision.encode(image)?;
                    }
                }
                Ok(begun.elapsed())
            });
            let read = threads.spawn(|| {
                let begun = Instant::now();
                for call in calls {
                    if let Call::Read(words) = call {
                        text.embed(words)?;
                    }
                }
                Ok(begun.elapsed())
            });
            let begun = Instant::now();
            let mut steps = Steps::new(&mut **decoder);
            for call in calls {
                if let Call::Step {
                    ids,
                    adapter,
                    lengths,
                } = call
                {
                    steps.step(ids, adapter, lengths)?;
                }
            }
            let making = steps.making;
            let stepped = begun.elapsed().saturating_sub(making);
            let joined = |thread: ScopedJoinHandle<Result<Duration, ModelError>>| {
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            Ok((stepped.max(joined(look)?).max(joined(read)?), making))
        })
    }
}
