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
    Candidate, Decoder, Fault, Generation, ModelError, Prompt, Reason,
    beam::Search,
    fault::catch,
    kv::Kv,
    prefix::{Found, PrefixTree},
};

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
    /// Eight sequences of the default pack double the tokens a second of two; beyond that little is gained on two cores.
    fn default() -> Self {
        Self {
            reuse: true,
            prefix_bytes: 96 << 20,
            batch_bytes: 256 << 20,
            rows: 12,
        }
    }
}

/// Prompt tokens run at once: an urgent request waits no longer than such a chunk takes.
const CHUNK: usize = 16;
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
    growing: Vec<Growing>,
    batch: Kv,
    done: Vec<Finished>,
    actions: u64,
    admitted: u64,
}

/// A job with its prompt as tokens.
struct Task {
    id: u64,
    job: Job,
    tokens: Vec<u32>,
}

impl Task {
    fn rows(&self) -> usize {
        self.job.prompt.beams()
    }

    fn longest(&self) -> usize {
        self.tokens.len() + self.job.max_tokens
    }
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

/// A request whose texts grow.
struct Growing {
    task: Task,
    search: Search,
    /// Where each open text is in the batch, and its newest token, not yet run.
    texts: Vec<(usize, u32)>,
    generation: Generation,
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
            growing: Vec::new(),
            batch: Kv::new(shape),
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
        let mut tokens = self.encode(beginning)?;
        // What follows may melt with the last token.
        tokens.pop();
        let mut kv = Kv::of(self.batch.shape(), &[]);
        while kv.lengths()[0] < tokens.len() {
            chunk(&mut *self.decoder, beginning, &tokens, &mut kv)?;
        }
        let keys = |range| kv.tokens(0, range);
        self.tree.insert(beginning.adapter(), &tokens, true, keys);
        Ok(tokens.len())
    }

    /// Takes a job; `id` must be new.
    pub fn submit(&mut self, id: u64, job: Job) {
        let found = self.encode(&job.prompt).and_then(|tokens| {
            let context = self.decoder.context();
            let (found, new) = (tokens.len(), job.max_tokens);
            match found == 0 || found + new > context {
                true => Err(failed(ModelError::PromptLength {
                    found,
                    new,
                    context,
                })),
                false => Ok(tokens),
            }
        });
        match found {
            Ok(tokens) => self.waiting.push(Task { id, job, tokens }),
            Err(fault) => self.finish(id, Err(fault)),
        }
    }

    /// Whether there is anything to do.
    pub fn idle(&self) -> bool {
        self.waiting.is_empty()
            && self.filling.is_empty()
            && self.growing.is_empty()
            && self.done.is_empty()
    }

    /// Bytes of keys and values held: of beginnings, and of everything under way.
    pub fn bytes(&self) -> (usize, usize) {
        let filling = self
            .filling
            .iter()
            .filter_map(|filling| filling.begun.as_ref());
        let filling: usize = filling.map(|begun| begun.kv.bytes()).sum();
        (self.tree.bytes(), filling + self.batch.bytes())
    }

    /// Runs one chunk of one prompt, or one step of all texts that grow; gives what is finished.
    pub fn advance(&mut self, now: Instant) -> Vec<Finished> {
        self.give_up_late(now);
        self.admit();
        self.actions += 1;
        let urgent = |task: &Task| task.job.urgency;
        let fair = self.actions % FAIR == 0;
        let order = |at: &usize| (!fair).then_some(urgent(&self.filling[*at].task));
        let next = (0..self.filling.len()).min_by_key(order);
        let growing = self
            .growing
            .iter()
            .map(|growing| urgent(&growing.task))
            .min();
        match (next, growing) {
            (Some(at), None) => self.fill(at),
            (None, Some(_)) => self.step(),
            (Some(at), Some(growing)) => {
                let fill_first = urgent(&self.filling[at].task) <= growing;
                if fill_first == (self.actions % TURN != 0) {
                    self.fill(at);
                } else {
                    self.step();
                }
            }
            (None, None) => {}
        }
        std::mem::take(&mut self.done)
    }

    /// Drops a job, whatever has become of it; nothing more is heard of it.
    pub fn cancel(&mut self, id: u64) {
        self.waiting.retain(|task| task.id != id);
        self.filling.retain(|filling| filling.task.id != id);
        if let Some(at) = self
            .growing
            .iter()
            .position(|growing| growing.task.id == id)
        {
            self.leave(at);
        }
        self.done.retain(|finished| finished.id != id);
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
            if let Some(mine) = finished
                .into_iter()
                .find(|finished| finished.id == u64::MAX)
            {
                return mine.result;
            }
        }
    }

    fn encode(&mut self, prompt: &Prompt) -> Result<Vec<u32>, Fault> {
        catch(|| self.decoder.encode(prompt.as_str()).map_err(failed))
    }

    fn finish(&mut self, id: u64, result: Result<Generation, Fault>) {
        self.done.push(Finished { id, result });
    }

    fn give_up_late(&mut self, now: Instant) {
        let tasks = self.waiting.iter();
        let tasks = tasks.chain(self.filling.iter().map(|filling| &filling.task));
        let tasks = tasks.chain(self.growing.iter().map(|growing| &growing.task));
        let late = tasks.filter_map(|task| {
            let over = now.checked_duration_since(task.job.deadline?)?;
            Some((task.id, over))
        });
        for (id, over) in late.collect::<Vec<_>>() {
            self.cancel(id);
            let told = format!("not finished {} ms after it was of use", over.as_millis());
            self.finish(id, Err(Fault::new(Reason::Late, told)));
        }
    }

    /// Lets waiting jobs in, as long as there is room: the most urgent first, of equals the oldest.
    fn admit(&mut self) {
        while !self.waiting.is_empty() {
            let fair = self.admitted % FAIR == FAIR - 1;
            let key = |at: &usize| (!fair).then_some(self.waiting[*at].job.urgency);
            let next = (0..self.waiting.len()).min_by_key(key).unwrap_or(0);
            if !self.fits(&self.waiting[next], fair) {
                return;
            }
            let task = self.waiting.remove(next);
            self.admitted += 1;
            self.filling.push(Filling { task, begun: None });
        }
    }

    /// Whether a job may be let in beside those under way. One alone always may.
    fn fits(&self, task: &Task, fair: bool) -> bool {
        let under_way = self.filling.iter().map(|filling| &filling.task);
        let under_way = under_way.chain(self.growing.iter().map(|growing| &growing.task));
        let (mut rows, mut longest, mut alone) = (task.rows(), task.longest(), true);
        for other in under_way {
            rows += other.rows();
            longest = longest.max(other.longest());
            alone = false;
        }
        let most = match task.job.urgency {
            Urgency::Person | Urgency::Live => self.settings.rows,
            Urgency::Recording | Urgency::Summary if fair => self.settings.rows,
            Urgency::Recording | Urgency::Summary => self.settings.rows * 3 / 4,
        };
        alone
            || rows <= most
                && rows * longest * self.batch.shape().bytes() <= self.settings.batch_bytes
    }

    /// Runs the next chunk of a prompt; after the last one its texts begin to grow.
    fn fill(&mut self, at: usize) {
        let Filling { task, begun } = &mut self.filling[at];
        let begun = begun.get_or_insert_with(|| {
            let known = match self.settings.reuse {
                true => self
                    .tree
                    .longest(task.job.prompt.adapter(), known_at_most(&task.tokens)),
                false => Found::default(),
            };
            Begun {
                kv: Kv::of(self.batch.shape(), &known.kv),
                reused: known.tokens - known.constant,
                constant: known.constant,
            }
        });
        let run = chunk(
            &mut *self.decoder,
            &task.job.prompt,
            &task.tokens,
            &mut begun.kv,
        );
        match run {
            Ok(_) if begun.kv.lengths()[0] < task.tokens.len() => {}
            Ok(logits) => self.begin(at, &logits),
            Err(fault) => {
                let id = self.filling.remove(at).task.id;
                self.finish(id, Err(fault));
            }
        }
    }

    /// A prompt is through: keeps it for others, and has its first tokens chosen.
    fn begin(&mut self, at: usize, logits: &[f32]) {
        let Filling { task, begun } = self.filling.remove(at);
        let Some(Begun {
            kv,
            reused,
            constant,
        }) = begun
        else {
            return;
        };
        if self.settings.reuse {
            let keys = |range| kv.tokens(0, range);
            self.tree
                .insert(task.job.prompt.adapter(), &task.tokens, false, keys);
        }
        let row = self.batch.lengths().len();
        self.batch.push(&kv, 0);
        self.growing.push(Growing {
            search: Search::new(task.job.prompt.beams(), self.decoder.ends().to_vec()),
            texts: vec![(row, 0)],
            generation: Generation {
                candidates: Vec::new(),
                prefilled: task.tokens.len() - reused - constant,
                reused,
                generated: 0,
            },
            task,
        });
        self.grow(self.growing.len() - 1, &[logits]);
    }

    /// Runs one token of every text that grows.
    fn step(&mut self) {
        let rows = self.batch.lengths().len();
        let (mut ids, mut adapter) = (vec![0; rows], vec![false; rows]);
        for growing in &self.growing {
            for (row, token) in &growing.texts {
                ids[*row] = *token;
                adapter[*row] = growing.task.job.prompt.adapter();
            }
        }
        match guarded(&mut *self.decoder, &ids, &adapter, &mut self.batch) {
            Ok(logits) => self.grow_all(&logits, rows),
            Err(fault) if self.growing.len() == 1 => {
                let id = self.leave(0).task.id;
                self.finish(id, Err(fault));
            }
            Err(_) => self.step_alone(&ids, &adapter),
        }
    }

    fn grow_all(&mut self, logits: &[f32], rows: usize) {
        let logits: Vec<_> = logits.chunks_exact(logits.len() / rows).collect();
        let of_texts =
            |growing: &Growing| growing.texts.iter().map(|(row, _)| logits[*row]).collect();
        let mine: Vec<Vec<_>> = self.growing.iter().map(of_texts).collect();
        // From the last on, so that one that is finished leaves those before it where they are.
        for (at, logits) in mine.iter().enumerate().rev() {
            self.grow(at, logits);
        }
        self.close_gaps();
    }

    /// The step failed, and one request may be to blame: runs each for itself, so that only that one fails.
    fn step_alone(&mut self, ids: &[u32], adapter: &[bool]) {
        let (mut all, mut rows) = (Vec::new(), self.batch.lengths().len());
        let batch = std::mem::replace(&mut self.batch, Kv::new(self.decoder.shape()));
        for mut growing in std::mem::take(&mut self.growing) {
            let mut kv = Kv::new(batch.shape());
            growing
                .texts
                .iter()
                .for_each(|(row, _)| kv.push(&batch, *row));
            let mine = |of: &[_]| {
                growing
                    .texts
                    .iter()
                    .map(|(row, _)| of[*row])
                    .collect::<Vec<_>>()
            };
            let flags: Vec<bool> = growing.texts.iter().map(|(row, _)| adapter[*row]).collect();
            match guarded(&mut *self.decoder, &mine(ids), &flags, &mut kv) {
                Ok(mut logits) => {
                    for (place, text) in growing.texts.iter_mut().enumerate() {
                        text.0 = self.batch.lengths().len();
                        self.batch.push(&kv, place);
                    }
                    all.append(&mut logits);
                    self.growing.push(growing);
                }
                Err(fault) => {
                    rows -= growing.texts.len();
                    self.finish(growing.task.id, Err(fault));
                }
            }
        }
        if rows > 0 {
            self.grow_all(&all, rows);
        }
    }

    /// Has the search of a request choose its next tokens, and puts its texts where they belong.
    fn grow(&mut self, at: usize, logits: &[&[f32]]) {
        let growing = &mut self.growing[at];
        match growing.search.step(logits, growing.task.job.max_tokens) {
            Ok(next) if next.is_empty() => {
                let Growing {
                    task,
                    search,
                    mut generation,
                    ..
                } = self.leave(at);
                let candidates = search.finish().into_iter().map(|beam| {
                    Ok(Candidate {
                        text: self.decoder.decode(&beam.tokens)?.trim().to_owned(),
                        score: beam.score,
                    })
                });
                let candidates = candidates.collect::<Result<_, _>>().map_err(failed);
                self.finish(
                    task.id,
                    candidates.map(|candidates| {
                        generation.candidates = candidates;
                        generation
                    }),
                );
            }
            Ok(next) => {
                growing.generation.generated += next.len();
                growing.texts = place(&mut self.batch, &growing.texts, &next);
            }
            Err(error) => {
                let id = self.leave(at).task.id;
                self.finish(id, Err(failed(error)));
            }
        }
    }

    /// A request leaves the batch.
    fn leave(&mut self, at: usize) -> Growing {
        let growing = self.growing.remove(at);
        self.close_gaps();
        growing
    }

    /// Gives back the rows that no text is in.
    fn close_gaps(&mut self) {
        for row in (0..self.batch.lengths().len()).rev() {
            let mut texts = self
                .growing
                .iter_mut()
                .flat_map(|growing| &mut growing.texts);
            if texts.any(|(used, _)| *used == row) {
                continue;
            }
            self.batch.swap_remove(row);
            let moved = self.batch.lengths().len();
            let mut texts = self
                .growing
                .iter_mut()
                .flat_map(|growing| &mut growing.texts);
            if let Some(text) = texts.find(|(used, _)| *used == moved) {
                text.0 = row;
            }
        }
    }
}

/// What of a prompt may be known: the decoder runs two tokens or more otherwise than one, so two are left for it.
fn known_at_most(tokens: &[u32]) -> &[u32] {
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
    let count = match rest.len() {
        17 => CHUNK - 1,
        more => more.min(CHUNK),
    };
    guarded(decoder, &rest[..count], &[prompt.adapter()], kv)
}

fn guarded(
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

/// Puts texts that each go on from one of `texts` into rows. A text stays in its row for its first continuation, so that
/// little is copied; rows without a continuation are left as gaps.
fn place(batch: &mut Kv, texts: &[(usize, u32)], next: &[(usize, u32)]) -> Vec<(usize, u32)> {
    let mut free: Vec<usize> = texts.iter().map(|(row, _)| *row).collect();
    let mut placed: Vec<(Option<usize>, usize, u32)> = Vec::with_capacity(next.len());
    for (from, token) in next {
        let parent = texts[*from].0;
        let own = free
            .iter()
            .position(|row| *row == parent)
            .map(|at| free.remove(at));
        placed.push((own, parent, *token));
    }
    let rows = placed.into_iter().map(|(own, parent, token)| {
        let row = own.unwrap_or_else(|| match free.pop() {
            Some(row) => {
                batch.copy(parent, row);
                row
            }
            None => {
                batch.repeat(parent);
                batch.lengths().len() - 1
            }
        });
        (row, token)
    });
    rows.collect()
}

#[cfg(test)]
mod tests;
