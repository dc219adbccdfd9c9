//! The scheduler, which serves many requests with one decoder: it decodes their texts together, the urgent ones first, and
//! computes no prompt prefix twice.
//!
//! A request waits, then its prompt is run in chunks (*prefill*), then its texts are decoded by one token a step, together
//! with those of all other requests in that state. [`Scheduler::advance`] does one such action, a chunk or a step, so a new
//! request can arrive between any two. A request's result never depends on concurrent requests, on cached prefixes, or on
//! the order of actions, beyond the rounding of its decoder.
//!
//! The bounds: an urgent request waits for one chunk or one step, and the work that it displaces gets every fourth action;
//! every eighth request admitted is the oldest. Requests that are not urgent take at most three quarters of the rows.

use std::time::Instant;

use crate::{
    Decoder, Fault, GeneratedTexts, KvCache, Prompt, Reason, decoder::prefix_cache::PrefixCache,
};

mod batch;
mod congestion_window;
mod job;
mod panic_boundary;
mod prefill;
mod request;
#[cfg(test)]
mod tests;
mod waiting_queue;

pub use job::{FinishedJob, Job, SchedulerSettings, Urgency};

use batch::Batch;
use prefill::{Prefill, prefix_keys, run_chunk};
use request::Request;
pub(crate) use request::prompt_tokens;
use waiting_queue::{ActiveLoad, FAIR, WaitingQueue};

/// Displaced work gets one of this many actions.
const DISPLACED_SHARE: u64 = 4;

/// One decoder with all its requests.
pub struct Scheduler {
    decoder: Box<dyn Decoder>,
    settings: SchedulerSettings,
    prefixes: PrefixCache,
    queue: WaitingQueue,
    prefills: Vec<Prefill>,
    batch: Batch,
    finished: Vec<FinishedJob>,
    actions: u64,
}

impl Scheduler {
    /// Creates a scheduler without requests.
    pub fn new(decoder: Box<dyn Decoder>, settings: SchedulerSettings) -> Self {
        let shape = decoder.shape();
        Self {
            decoder,
            settings,
            prefixes: PrefixCache::new(shape, settings.prefix_bytes),
            queue: WaitingQueue::new(settings, shape.bytes()),
            prefills: Vec::new(),
            batch: Batch::new(shape),
            finished: Vec::new(),
            actions: 0,
        }
    }

    /// Computes a prefix that many prompts share and pins it in the cache. Returns the number of tokens run.
    ///
    /// # Errors
    /// If the decoder fails.
    pub fn pin_prefix(&mut self, prefix: &Prompt) -> Result<usize, Fault> {
        if !self.settings.reuse {
            return Ok(0);
        }
        let mut tokens = prompt_tokens(&mut *self.decoder, prefix)?;
        // The last token may merge with the text that follows.
        tokens.pop();
        let mut kv = KvCache::from_tokens(self.decoder.shape(), &[], tokens.len());
        while kv.lengths()[0] < tokens.len() {
            run_chunk(&mut *self.decoder, prefix, &tokens, &mut kv)?;
        }
        self.prefixes
            .insert(prefix.adapter(), &prefix_keys(&tokens), true, &kv);
        Ok(tokens.len())
    }

    /// Accepts a job; `id` must be new.
    pub fn submit(&mut self, id: u64, job: Job) {
        match Request::new(&mut *self.decoder, id, job) {
            Ok(request) => self.queue.push(request),
            Err(fault) => self.finish(id, Err(fault)),
        }
    }

    /// True if there is nothing to do.
    pub fn idle(&self) -> bool {
        self.queue.requests().is_empty()
            && self.prefills.is_empty()
            && self.batch.is_empty()
            && self.finished.is_empty()
    }

    /// Returns the bytes of keys and values held: those of cached prefixes, and those of active requests.
    pub fn bytes(&self) -> (usize, usize) {
        let prefills: usize = self.prefills.iter().map(Prefill::bytes).sum();
        (self.prefixes.bytes(), prefills + self.batch.bytes())
    }

    /// Runs one chunk of one prompt, or one step of all texts, and returns the finished jobs.
    pub fn advance(&mut self, now: Instant) -> Vec<FinishedJob> {
        self.drop_late(now);
        self.admit();
        let live: Vec<u64> = self.live().map(|request| request.id).collect();
        self.actions += 1;
        let fair = self.actions.is_multiple_of(FAIR);
        let order = |at: &usize| (!fair).then_some(self.prefills[*at].request.urgency());
        let next = (0..self.prefills.len()).min_by_key(order);
        let decoding = self.batch.requests().map(Request::urgency).min();
        match (next, decoding) {
            (Some(at), None) => self.prefill(at),
            (None, Some(_)) => self.step(),
            (Some(at), Some(decoding)) => {
                let prefill_first = self.prefills[at].request.urgency() <= decoding;
                if prefill_first == self.actions.is_multiple_of(DISPLACED_SHARE) {
                    self.step();
                } else {
                    self.prefill(at);
                }
            }
            (None, None) => {}
        }
        let in_time = |job: &&FinishedJob| job.result.is_ok() && live.contains(&job.id);
        let in_time = self.finished.iter().filter(in_time).count();
        self.queue.window.on_success(in_time);
        std::mem::take(&mut self.finished)
    }

    /// Drops a job in any state, without a result.
    pub fn cancel(&mut self, id: u64) {
        self.queue.remove(id);
        self.prefills.retain(|prefill| prefill.request.id != id);
        self.batch.remove(id);
        self.finished.retain(|job| job.id != id);
    }

    /// Returns the text that a job has generated so far, the best of several; `None` before its first token.
    pub fn partial_text(&mut self, id: u64) -> Option<String> {
        let tokens = self.batch.partial(id)?;
        // Tokens that do not form a text yet may form one later.
        let text = panic_boundary::decode(&mut *self.decoder, tokens).ok()?;
        Some(text.trim().to_owned())
    }

    /// Drops all jobs, for use after a panic, which leaves them in an unknown state.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.prefills.clear();
        self.finished.clear();
        self.batch = Batch::new(self.decoder.shape());
    }

    /// Runs a single job to its end.
    ///
    /// # Errors
    /// If the decoder fails.
    pub fn generate(
        &mut self,
        prompt: &Prompt,
        max_tokens: usize,
    ) -> Result<GeneratedTexts, Fault> {
        let job = Job {
            prompt: prompt.clone(),
            max_tokens,
            urgency: Urgency::Person,
            deadline: None,
        };
        self.submit(u64::MAX, job);
        loop {
            let finished = self.advance(Instant::now());
            let own = finished.into_iter().find(|job| job.id == u64::MAX);
            if let Some(own) = own {
                return own.result;
            }
        }
    }

    fn finish(&mut self, id: u64, result: Result<GeneratedTexts, Fault>) {
        self.finished.push(FinishedJob { id, result });
    }

    /// Returns the admitted requests.
    fn active(&self) -> impl Iterator<Item = &Request> {
        let prefills = self.prefills.iter().map(|prefill| &prefill.request);
        prefills.chain(self.batch.requests())
    }

    /// Returns the admitted live requests.
    fn live(&self) -> impl Iterator<Item = &Request> {
        self.active()
            .filter(|request| request.urgency() == Urgency::Live)
    }

    /// Fails the requests whose deadline has passed.
    fn drop_late(&mut self, now: Instant) {
        let is_late = |request: &Request| request.job.deadline.is_some_and(|at| at <= now);
        if self.live().any(is_late) {
            self.queue.window.on_late();
        }
        let requests = self.queue.requests().iter().chain(self.active());
        let late = requests.filter_map(|request| {
            let over = now.checked_duration_since(request.job.deadline?)?;
            Some((request.id, over))
        });
        for (id, over) in late.collect::<Vec<_>>() {
            self.cancel(id);
            let detail = format!("not finished {} ms after its deadline", over.as_millis());
            self.finish(id, Err(Fault::new(Reason::Late, detail)));
        }
    }

    /// Admits waiting requests as long as there is room.
    fn admit(&mut self) {
        while let Some(request) = self.queue.admit(ActiveLoad::of(self.active())) {
            self.prefills.push(Prefill::new(request));
        }
    }

    /// Runs the next chunk of a prompt; after the last one its texts join the batch.
    fn prefill(&mut self, at: usize) {
        let prefixes = self.settings.reuse.then_some(&mut self.prefixes);
        match self.prefills[at].run_chunk(&mut *self.decoder, prefixes) {
            Ok(None) => {}
            Ok(Some(logits)) => self.start_decoding(at, &logits),
            Err(fault) => {
                let id = self.prefills.remove(at).request.id;
                self.finish(id, Err(fault));
            }
        }
    }

    /// Caches a complete prompt and moves its request to the batch.
    fn start_decoding(&mut self, at: usize, logits: &[f32]) {
        let (request, kv, cost) = self.prefills.remove(at).finish();
        // A prompt could only go on from its end, where no other prompt does, if the decoder has a state.
        if self.settings.reuse && self.decoder.shape().state == 0 {
            let adapter = request.job.prompt.adapter();
            let prompt = prefix_keys(&request.tokens);
            self.prefixes.insert(adapter, &prompt, false, &kv);
        }
        self.batch
            .add(&mut *self.decoder, request, (kv, logits), cost);
        self.finished.append(&mut self.batch.finished);
    }

    /// Runs one token of every text.
    fn step(&mut self) {
        let arrivals = !self.prefills.is_empty();
        self.batch.step(&mut *self.decoder, arrivals);
        self.finished.append(&mut self.batch.finished);
    }
}
