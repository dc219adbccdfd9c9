//! Texts that grow together: one row of keys and values for each, one token for all of them in a step.
//!
//! A text stays in its row as long as it can, and a row that no text is in is left for a while if somebody is about to come, since
//! another number of rows means copying all of them. An empty row costs as much as one with a text, though.

use super::{
    Finished, failed, run,
    task::{Growth, Task},
};
use crate::{
    Candidate, Decoder, Fault, Generation,
    kv::{Kv, KvShape, STEP},
};

/// Steps for which empty rows are kept for somebody who is about to come: about what copying all rows takes (default pack).
const PATIENCE: u32 = 4;

/// All that grows, and what has ended.
pub(super) struct Batch {
    kv: Kv,
    growing: Vec<Growing>,
    /// Steps since there were no empty rows.
    waited: u32,
    /// Results that nobody has taken yet.
    pub(super) finished: Vec<Finished>,
}

/// A request whose texts grow.
struct Growing {
    task: Task,
    growth: Growth,
    /// The row of each open text, and its newest token, which is not yet run.
    texts: Vec<(usize, u32)>,
    generation: Generation,
}

impl Batch {
    pub(super) fn new(shape: KvShape) -> Self {
        Self {
            kv: Kv::new(shape),
            growing: Vec::new(),
            waited: 0,
            finished: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.growing.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.kv.bytes()
    }

    pub(super) fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.growing.iter().map(|growing| &growing.task)
    }

    /// Takes a request whose prompt was run, with the logits of what follows it.
    pub(super) fn join(
        &mut self,
        decoder: &mut dyn Decoder,
        task: Task,
        (kv, logits): (Kv, &[f32]),
        generation: Generation,
    ) {
        let row = self.make_room(&task);
        self.kv.put(row, &kv, 0);
        self.growing.push(Growing {
            growth: task.growth(decoder.ends()),
            texts: vec![(row, 0)],
            generation,
            task,
        });
        self.grow(decoder, self.growing.len() - 1, &[logits]);
    }

    /// Makes enough empty rows for a request, each with room for all that it may come to; gives the first of them.
    fn make_room(&mut self, task: &Task) -> usize {
        let (room, empty) = (self.room(task.longest()), self.empty());
        if let Some(first) = empty.first()
            && empty.len() >= task.rows()
            && room == self.kv.room()
        {
            return *first;
        }
        // Everything is copied anyway, so nothing is kept that nobody needs.
        let used = self.gather();
        self.kv.resize(used + task.rows(), room);
        used
    }

    /// Moves all texts into the first rows, and empties the others; gives how many texts there are.
    fn gather(&mut self) -> usize {
        let empty = self.empty();
        let used = self.kv.lengths().len() - empty.len();
        let mut gaps = empty.into_iter().filter(|row| *row < used);
        for growing in &mut self.growing {
            for (row, _) in growing.texts.iter_mut().filter(|(row, _)| *row >= used) {
                let gap = gaps.next().expect("as many gaps before as texts behind");
                self.kv.copy(*row, gap);
                *row = gap;
            }
        }
        (used..self.kv.lengths().len()).for_each(|row| self.kv.clear(row));
        used
    }

    /// Room for the longest text that may come to be, one of so many tokens included. What was made for longer ones before stays
    /// until less than half of it is needed.
    fn room(&self, tokens: usize) -> usize {
        let longest = self.growing.iter().map(|growing| growing.task.longest());
        let needed = longest.fold(tokens, usize::max).next_multiple_of(STEP);
        let room = self.kv.room();
        let fits = (needed..=2 * needed).contains(&room);
        if fits { room } else { needed }
    }

    /// The rows that no text is in.
    fn empty(&self) -> Vec<usize> {
        let mut empty = vec![true; self.kv.lengths().len()];
        for (row, _) in self.growing.iter().flat_map(|growing| &growing.texts) {
            empty[*row] = false;
        }
        let rows = empty.iter().enumerate();
        rows.filter_map(|(row, empty)| empty.then_some(row))
            .collect()
    }

    /// The tokens that a request has got so far.
    pub(super) fn so_far(&self, id: u64) -> Option<&[u32]> {
        let growing = self.growing.iter().find(|growing| growing.task.id == id)?;
        growing.growth.so_far()
    }

    /// Drops a request, if it is here.
    pub(super) fn drop(&mut self, id: u64) {
        self.growing.retain(|growing| growing.task.id != id);
        self.let_go();
    }

    /// Runs one token of every text; `expected` says whether somebody is about to come.
    pub(super) fn step(&mut self, decoder: &mut dyn Decoder, expected: bool) {
        self.close_gaps(expected);
        let rows = self.kv.lengths().len();
        let (mut ids, mut adapter) = (vec![0; rows], vec![false; rows]);
        for growing in &self.growing {
            for (row, token) in &growing.texts {
                ids[*row] = *token;
                adapter[*row] = growing.task.job.prompt.adapter();
            }
        }
        match run(decoder, &ids, &adapter, &mut self.kv) {
            Ok(logits) => {
                let all = by_row(&logits, rows);
                let of =
                    |growing: &Growing| growing.texts.iter().map(|(row, _)| all[*row]).collect();
                let logits: Vec<_> = self.growing.iter().map(of).collect();
                self.grow_all(decoder, &logits);
            }
            Err(fault) if self.growing.len() == 1 => {
                let growing = self.growing.remove(0);
                self.finish(&growing.task, Err(fault));
                self.let_go();
            }
            Err(_) => self.step_alone(decoder),
        }
    }

    /// A step failed, and one request may be to blame: runs each for itself, so that only that one fails.
    fn step_alone(&mut self, decoder: &mut dyn Decoder) {
        let (mut kv, mut all) = (Kv::new(decoder.shape()), Vec::new());
        for mut growing in std::mem::take(&mut self.growing) {
            let texts = growing.texts.len();
            let mut own = Kv::new(decoder.shape());
            own.resize(texts, growing.task.longest());
            let each = growing.texts.iter().enumerate();
            each.for_each(|(place, (row, _))| own.put(place, &self.kv, *row));
            let ids: Vec<u32> = growing.texts.iter().map(|(_, token)| *token).collect();
            let adapter = vec![growing.task.job.prompt.adapter(); ids.len()];
            match run(decoder, &ids, &adapter, &mut own) {
                Ok(logits) => {
                    let rows = kv.lengths().len();
                    kv.resize(rows + texts, own.room().max(kv.room()));
                    for (place, (row, _)) in growing.texts.iter_mut().enumerate() {
                        *row = rows + place;
                        kv.put(*row, &own, place);
                    }
                    all.push((logits, texts));
                    self.growing.push(growing);
                }
                Err(fault) => self.finish(&growing.task, Err(fault)),
            }
        }
        self.kv = kv;
        let each = all.iter().map(|(logits, rows)| by_row(logits, *rows));
        self.grow_all(decoder, &each.collect::<Vec<_>>());
    }

    /// Goes on from the logits of all texts of each request.
    fn grow_all(&mut self, decoder: &mut dyn Decoder, logits: &[Vec<&[f32]>]) {
        // From the last on: one that ends leaves those before it in their places.
        for (at, logits) in logits.iter().enumerate().rev() {
            self.grow(decoder, at, logits);
        }
    }

    /// Chooses the next tokens of a request, and puts its texts into rows. May leave rows without a text.
    fn grow(&mut self, decoder: &mut dyn Decoder, at: usize, logits: &[&[f32]]) {
        let empty = self.empty();
        let growing = &mut self.growing[at];
        match growing.growth.step(logits, growing.task.job.max_tokens) {
            Ok(next) if !next.is_empty() => {
                growing.generation.generated += next.len();
                growing.texts = place(&mut self.kv, &growing.texts, &next, empty);
            }
            Ok(_) => {
                let Growing {
                    task,
                    growth,
                    generation,
                    ..
                } = self.growing.remove(at);
                let result = texts(decoder, growth, generation);
                self.finish(&task, result);
                self.let_go();
            }
            Err(error) => {
                let growing = self.growing.remove(at);
                self.finish(&growing.task, Err(failed(error)));
                self.let_go();
            }
        }
    }

    fn finish(&mut self, task: &Task, result: Result<Generation, Fault>) {
        self.finished.push(Finished {
            id: task.id,
            result,
        });
    }

    /// Gives all rows back when nothing grows.
    fn let_go(&mut self) {
        if self.growing.is_empty() {
            self.kv.resize(0, 0);
        }
    }

    /// Empties the rows that no text is in, and gives them back unless they are soon needed.
    fn close_gaps(&mut self, expected: bool) {
        let empty = self.empty();
        empty.iter().for_each(|row| self.kv.clear(*row));
        self.waited = if empty.is_empty() { 0 } else { self.waited + 1 };
        if self.waited == 0 || expected && self.waited <= PATIENCE {
            return;
        }
        self.waited = 0;
        let used = self.gather();
        self.kv.resize(used, self.room(0));
    }
}

/// What one run gave, by the rows that it ran.
fn by_row(logits: &[f32], rows: usize) -> Vec<&[f32]> {
    let vocabulary = logits.len() / rows.max(1);
    let row = |row| &logits[row * vocabulary..][..vocabulary];
    (0..rows).map(row).collect()
}

fn texts(
    decoder: &mut dyn Decoder,
    growth: Growth,
    generation: Generation,
) -> Result<Generation, Fault> {
    let candidates = growth.finish().into_iter().map(|beam| {
        let text = decoder.decode(&beam.tokens).map_err(failed)?;
        Ok(Candidate {
            text: text.trim().to_owned(),
            score: beam.score,
        })
    });
    Ok(Generation {
        candidates: candidates.collect::<Result<_, Fault>>()?,
        ..generation
    })
}

/// Puts texts that each go on from one of `texts` into rows, their own ones or those of `empty`. A text stays in its row for its first
/// continuation; a row without one is left as a gap.
fn place(
    kv: &mut Kv,
    texts: &[(usize, u32)],
    next: &[(usize, u32)],
    empty: Vec<usize>,
) -> Vec<(usize, u32)> {
    let mut own: Vec<usize> = texts.iter().map(|(row, _)| *row).collect();
    let mut staying = |parent: usize| {
        own.iter()
            .position(|row| *row == parent)
            .map(|at| own.remove(at))
    };
    let stays: Vec<Option<usize>> = next
        .iter()
        .map(|(from, _)| staying(texts[*from].0))
        .collect();
    let mut free = empty;
    free.append(&mut own);
    let rows = next.iter().zip(stays).map(|((from, token), stays)| {
        let row = stays.unwrap_or_else(|| {
            let row = free.pop().unwrap_or_else(|| {
                let last = kv.lengths().len();
                kv.resize(last + 1, kv.room());
                last
            });
            kv.copy(texts[*from].0, row);
            row
        });
        (row, *token)
    });
    rows.collect()
}
