//! Serves many requests with one decoder: several texts grow together, the more urgent ones first, and no beginning of a
//! prompt is computed twice.
//!
//! A request waits, then its prompt is run in chunks (it *fills*), then its texts grow by one token a step, together with those of all
//! other requests that have got so far. [`Scheduler::advance`] does one such thing, a chunk or a step; whoever calls it
//! can bring a new request between any two. What a request gives never depends on what runs beside it, on what was kept
//! of earlier ones, or on the order of all that.
//!
//! The bounds: an urgent request waits for one chunk or one step, and what is put off for it gets every fourth action;
//! every eighth request let in is the one that has waited longest. What is not urgent otherwise takes at most three
//! quarters of the rows.

use std::time::Instant;

use crate::{
    Decoder, Fault, Generation, ModelError, Prompt, Reason,
    fault::catch,
    kv::Kv,
    prefix::{Found, PrefixTree},
};

mod batch;
mod pressure;
mod task;

use batch::Batch;
use pressure::Pressure;
use task::Task;

/// How soon something is wanted; the first is the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// A person waits for it.
    Person,
    /// It is about what a camera sees now.
    Live,
    /// It is about a recording.
    Recording,
    /// It can wait.
    Summary,
}

/// What is wanted of the decoder.
#[derive(Clone, Debug)]
pub struct Job {
    /// The decoder's input.
    pub prompt: Prompt,
    /// At most so many new tokens.
    pub max_tokens: usize,
    /// How soon it is wanted.
    pub urgency: Urgency,
    /// After this it is of no use.
    pub deadline: Option<Instant>,
}

/// The scheduler's bounds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Whether beginnings of prompts are kept for later ones.
    pub reuse: bool,
    /// Bytes for beginnings of prompts.
    pub prefix_bytes: usize,
    /// Bytes for texts that grow together.
    pub batch_bytes: usize,
    /// Texts that grow together; each beam is one.
    pub rows: usize,
}

impl Default for Settings {
    /// Eight texts together give about 1.8 times the tokens a second of two (default pack, two cores). A caption of three beams
    /// is three texts.
    fn default() -> Self {
        Self {
            reuse: true,
            prefix_bytes: 64 << 20,
            batch_bytes: 128 << 20,
            rows: 12,
        }
    }
}

/// Prompt tokens run at once: an urgent request waits no longer than such a chunk takes, which is as long as a step of twelve texts.
/// In chunks of 16 a token takes 2.5 ms, of 32 2.15, of 64 2.0 (default pack, two cores).
const CHUNK: usize = 32;
/// What is put off gets one action in so many.
const TURN: u64 = 4;
/// Of so many requests let in, and of so many chunks run, one is of the oldest.
const FAIR: u64 = 8;

/// What came of a job.
#[derive(Debug)]
pub struct Finished {
    /// The number it was handed in with.
    pub id: u64,
    /// Its texts, or why there are none.
    pub result: Result<Generation, Fault>,
}

/// One decoder with all that is asked of it.
pub struct Scheduler {
    decoder: Box<dyn Decoder>,
    settings: Settings,
    tree: PrefixTree,
    waiting: Vec<Task>,
    filling: Vec<Filling>,
    batch: Batch,
    pressure: Pressure,
    done: Vec<Finished>,
    actions: u64,
    admitted: u64,
}

/// A request whose prompt is being run.
struct Filling {
    task: Task,
    begun: Option<Begun>,
}

struct Begun {
    kv: Kv,
    reused: usize,
    constant: usize,
}

impl Scheduler {
    /// Nothing to do yet.
    pub fn new(decoder: Box<dyn Decoder>, settings: Settings) -> Self {
        let shape = decoder.shape();
        Self {
            decoder,
            settings,
            tree: PrefixTree::new(shape.width(), settings.prefix_bytes),
            waiting: Vec::new(),
            filling: Vec::new(),
            batch: Batch::new(shape),
            pressure: Pressure::new(settings.rows),
            done: Vec::new(),
            actions: 0,
            admitted: 0,
        }
    }

    /// Runs the beginning that all prompts of a kind share, and keeps it for ever; gives how many tokens were run.
    ///
    /// # Errors
    /// If the decoder fails.
    pub fn load(&mut self, beginning: &Prompt) -> Result<usize, Fault> {
        if !self.settings.reuse {
            return Ok(0);
        }
        let mut tokens = task::encode(&mut *self.decoder, beginning.as_str())?;
        // What follows may melt with the last token.
        tokens.pop();
        let mut kv = Kv::of(self.decoder.shape(), &[], tokens.len());
        while kv.lengths()[0] < tokens.len() {
            chunk(&mut *self.decoder, beginning, &tokens, &mut kv)?;
        }
        let keys = |range| kv.tokens(0, range);
        self.tree.insert(beginning.adapter(), &tokens, true, keys);
        Ok(tokens.len())
    }

    /// Takes a job; `id` must be new.
    pub fn submit(&mut self, id: u64, job: Job) {
        match Task::new(&mut *self.decoder, id, job) {
            Ok(task) => self.waiting.push(task),
            Err(fault) => self.finish(id, Err(fault)),
        }
    }

    /// Whether there is nothing to do.
    pub fn idle(&self) -> bool {
        self.waiting.is_empty()
            && self.filling.is_empty()
            && self.batch.is_empty()
            && self.done.is_empty()
    }

    /// Bytes of keys and values held: of beginnings, and of everything under way.
    pub fn bytes(&self) -> (usize, usize) {
        let begun = self
            .filling
            .iter()
            .filter_map(|filling| filling.begun.as_ref());
        let filling: usize = begun.map(|begun| begun.kv.bytes()).sum();
        (self.tree.bytes(), filling + self.batch.bytes())
    }

    /// Runs one chunk of one prompt, or one step of all texts that grow; gives what is finished.
    pub fn advance(&mut self, now: Instant) -> Vec<Finished> {
        self.give_up_late(now);
        self.admit();
        let live: Vec<u64> = self.live().map(|task| task.id).collect();
        self.actions += 1;
        let fair = self.actions.is_multiple_of(FAIR);
        let order = |at: &usize| (!fair).then_some(self.filling[*at].task.urgency());
        let next = (0..self.filling.len()).min_by_key(order);
        let growing = self.batch.tasks().map(Task::urgency).min();
        match (next, growing) {
            (Some(at), None) => self.fill(at),
            (None, Some(_)) => self.step(),
            (Some(at), Some(growing)) => {
                let fill_first = self.filling[at].task.urgency() <= growing;
                if fill_first == self.actions.is_multiple_of(TURN) {
                    self.step();
                } else {
                    self.fill(at);
                }
            }
            (None, None) => {}
        }
        let in_time = |one: &&Finished| one.result.is_ok() && live.contains(&one.id);
        self.pressure
            .in_time(self.done.iter().filter(in_time).count());
        std::mem::take(&mut self.done)
    }

    /// Drops a job, whatever has become of it; nothing more is heard of it.
    pub fn cancel(&mut self, id: u64) {
        self.waiting.retain(|task| task.id != id);
        self.filling.retain(|filling| filling.task.id != id);
        self.batch.drop(id);
        self.done.retain(|finished| finished.id != id);
    }

    /// What a job has to say so far, once it has begun to; of several texts the best.
    pub fn so_far(&mut self, id: u64) -> Option<String> {
        let tokens = self.batch.so_far(id)?;
        // A text that cannot be told yet can be later.
        let told = catch(|| self.decoder.decode(tokens).map_err(failed)).ok()?;
        Some(told.trim().to_owned())
    }

    /// Drops all jobs: after a panic nobody knows what state they are in.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.filling.clear();
        self.done.clear();
        self.batch = Batch::new(self.decoder.shape());
    }

    /// Works on one job until it is finished. For whoever has no others.
    ///
    /// # Errors
    /// If the decoder fails.
    pub fn generate(&mut self, prompt: &Prompt, max_tokens: usize) -> Result<Generation, Fault> {
        let job = Job {
            prompt: prompt.clone(),
            max_tokens,
            urgency: Urgency::Person,
            deadline: None,
        };
        self.submit(u64::MAX, job);
        loop {
            let finished = self.advance(Instant::now());
            let mine = finished.into_iter().find(|one| one.id == u64::MAX);
            if let Some(mine) = mine {
                return mine.result;
            }
        }
    }

    fn finish(&mut self, id: u64, result: Result<Generation, Fault>) {
        self.done.push(Finished { id, result });
    }

    /// Everything that was let in.
    fn under_way(&self) -> impl Iterator<Item = &Task> {
        let filling = self.filling.iter().map(|filling| &filling.task);
        filling.chain(self.batch.tasks())
    }

    /// What was let in of what cameras see now.
    fn live(&self) -> impl Iterator<Item = &Task> {
        self.under_way()
            .filter(|task| task.urgency() == Urgency::Live)
    }

    fn give_up_late(&mut self, now: Instant) {
        let is_late = |task: &Task| task.job.deadline.is_some_and(|deadline| deadline <= now);
        if self.live().any(is_late) {
            self.pressure.late();
        }
        let late = self
            .waiting
            .iter()
            .chain(self.under_way())
            .filter_map(|task| {
                let over = now.checked_duration_since(task.job.deadline?)?;
                Some((task.id, over))
            });
        for (id, over) in late.collect::<Vec<_>>() {
            self.cancel(id);
            let told = format!("not finished {} ms after it was of use", over.as_millis());
            self.finish(id, Err(Fault::new(Reason::Late, told)));
        }
    }

    /// Lets waiting jobs in, as long as there is room: the most urgent first, of equals the oldest. Of what cameras see now the
    /// newest goes first: if there is too much of it, what is old is given up anyway.
    fn admit(&mut self) {
        loop {
            let fair = self.admitted % FAIR == FAIR - 1;
            let order = |at: &usize| match self.waiting[*at].urgency() {
                _ if fair => (None, *at),
                Urgency::Live => (Some(Urgency::Live), self.waiting.len() - at),
                urgency => (Some(urgency), *at),
            };
            // What is held back for a while must hold up nobody else.
            let candidates =
                (0..self.waiting.len()).filter(|at| !self.held_back(&self.waiting[*at]));
            let Some(next) = candidates.min_by_key(order) else {
                return;
            };
            if !self.fits(&self.waiting[next], fair) {
                return;
            }
            let task = self.waiting.remove(next);
            self.admitted += 1;
            self.filling.push(Filling { task, begun: None });
        }
    }

    /// Whether there is enough live work under way already.
    fn held_back(&self, task: &Task) -> bool {
        let others = || self.live().map(Task::rows).sum();
        task.urgency() == Urgency::Live && !self.pressure.admits(others(), task.rows())
    }

    /// Whether a job may be let in beside those under way. One alone always may.
    fn fits(&self, task: &Task, fair: bool) -> bool {
        let (mut rows, mut longest, mut alone) = (task.rows(), task.longest(), true);
        for other in self.under_way() {
            rows += other.rows();
            longest = longest.max(other.longest());
            alone = false;
        }
        let all = fair || task.urgency() <= Urgency::Live;
        let most = if all {
            self.settings.rows
        } else {
            self.settings.rows * 3 / 4
        };
        let bytes = rows * longest * self.decoder.shape().bytes();
        alone || rows <= most && bytes <= self.settings.batch_bytes
    }

    /// Runs the next chunk of a prompt; after the last one its texts begin to grow.
    fn fill(&mut self, at: usize) {
        let Filling { task, begun } = &mut self.filling[at];
        let (decoder, prompt) = (&mut *self.decoder, &task.job.prompt);
        let begun = begun.get_or_insert_with(|| {
            let known = match self.settings.reuse {
                true => self
                    .tree
                    .longest(prompt.adapter(), may_be_known(&task.tokens)),
                false => Found::default(),
            };
            Begun {
                kv: Kv::of(decoder.shape(), &known.kv, task.tokens.len()),
                reused: known.tokens - known.constant,
                constant: known.constant,
            }
        });
        match chunk(decoder, prompt, &task.tokens, &mut begun.kv) {
            Ok(_) if begun.kv.lengths()[0] < task.tokens.len() => {}
            Ok(logits) => self.begin(at, &logits),
            Err(fault) => {
                let id = self.filling.remove(at).task.id;
                self.finish(id, Err(fault));
            }
        }
    }

    /// A prompt is through: keeps it for others, and lets its texts grow.
    fn begin(&mut self, at: usize, logits: &[f32]) {
        let Filling { task, begun } = self.filling.remove(at);
        let Begun {
            kv,
            reused,
            constant,
        } = begun.expect("it has just been run");
        if self.settings.reuse {
            let keys = |range| kv.tokens(0, range);
            self.tree
                .insert(task.job.prompt.adapter(), &task.tokens, false, keys);
        }
        let generation = Generation {
            candidates: Vec::new(),
            prefilled: task.tokens.len() - reused - constant,
            reused,
            generated: 0,
        };
        self.batch
            .join(&mut *self.decoder, task, (kv, logits), generation);
        self.done.append(&mut self.batch.finished);
    }

    /// Runs one token of every text that grows.
    fn step(&mut self) {
        let expected = !self.filling.is_empty();
        self.batch.step(&mut *self.decoder, expected);
        self.done.append(&mut self.batch.finished);
    }
}

/// What of a prompt may be known: the decoder runs two tokens or more otherwise than one, so two are left for it.
fn may_be_known(tokens: &[u32]) -> &[u32] {
    &tokens[..tokens.len().saturating_sub(2)]
}

/// Runs the next tokens of a prompt. Never a single one, unless there is only one.
fn chunk(
    decoder: &mut dyn Decoder,
    prompt: &Prompt,
    tokens: &[u32],
    kv: &mut Kv,
) -> Result<Vec<f32>, Fault> {
    let rest = &tokens[kv.lengths()[0]..];
    let count = if rest.len() == CHUNK + 1 {
        CHUNK - 1
    } else {
        rest.len().min(CHUNK)
    };
    run(decoder, &rest[..count], &[prompt.adapter()], kv)
}

/// Runs the decoder; if it panics, that is a fault.
fn run(
    decoder: &mut dyn Decoder,
    ids: &[u32],
    adapter: &[bool],
    kv: &mut Kv,
) -> Result<Vec<f32>, Fault> {
    catch(|| decoder.run(ids, adapter, kv).map_err(failed))
}

fn failed(error: ModelError) -> Fault {
    Fault::new(Reason::Model, error)
}

#[cfg(test)]
mod tests;
