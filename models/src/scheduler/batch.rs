//! Texts that grow together: one row of keys and values for each, one token for all of them in a step.
//!
//! A text stays in its row as long as it can, so that little is copied. Between two calls every row holds a text.

use super::{
    Finished, failed, run,
    task::{Growth, Task},
};
use crate::{
    Candidate, Decoder, Fault, Generation,
    kv::{Kv, KvShape},
};

/// All that grows, and what has ended.
pub(super) struct Batch {
    kv: Kv,
    growing: Vec<Growing>,
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
        let row = self.kv.lengths().len();
        self.kv.push(&kv, 0);
        self.growing.push(Growing {
            growth: task.growth(decoder.ends()),
            texts: vec![(row, 0)],
            generation,
            task,
        });
        self.grow(decoder, self.growing.len() - 1, &[logits]);
        self.close_gaps();
    }

    /// The tokens that a request has got so far.
    pub(super) fn so_far(&self, id: u64) -> Option<&[u32]> {
        let growing = self.growing.iter().find(|growing| growing.task.id == id)?;
        growing.growth.so_far()
    }

    /// Drops a request, if it is here.
    pub(super) fn drop(&mut self, id: u64) {
        self.growing.retain(|growing| growing.task.id != id);
        self.close_gaps();
    }

    /// Runs one token of every text.
    pub(super) fn step(&mut self, decoder: &mut dyn Decoder) {
        let rows = self.kv.lengths().len();
        let (mut ids, mut adapter) = (vec![0; rows], vec![false; rows]);
        for growing in &self.growing {
            for (row, token) in &growing.texts {
                ids[*row] = *token;
                adapter[*row] = growing.task.job.prompt.adapter();
            }
        }
        match run(decoder, &ids, &adapter, &mut self.kv) {
            Ok(logits) => self.grow_all(decoder, &logits),
            Err(fault) if self.growing.len() == 1 => {
                let growing = self.growing.remove(0);
                self.finish(&growing.task, Err(fault));
                self.close_gaps();
            }
            Err(_) => self.step_alone(decoder),
        }
    }

    /// A step failed, and one request may be to blame: runs each for itself, so that only that one fails.
    fn step_alone(&mut self, decoder: &mut dyn Decoder) {
        let (mut kv, mut all) = (Kv::new(decoder.shape()), Vec::new());
        for mut growing in std::mem::take(&mut self.growing) {
            let mut own = Kv::new(decoder.shape());
            growing
                .texts
                .iter()
                .for_each(|(row, _)| own.push(&self.kv, *row));
            let ids: Vec<u32> = growing.texts.iter().map(|(_, token)| *token).collect();
            let adapter = vec![growing.task.job.prompt.adapter(); ids.len()];
            match run(decoder, &ids, &adapter, &mut own) {
                Ok(mut logits) => {
                    for (place, (row, _)) in growing.texts.iter_mut().enumerate() {
                        *row = kv.lengths().len();
                        kv.push(&own, place);
                    }
                    all.append(&mut logits);
                    self.growing.push(growing);
                }
                Err(fault) => self.finish(&growing.task, Err(fault)),
            }
        }
        self.kv = kv;
        self.grow_all(decoder, &all);
    }

    /// Goes on from the logits of all rows.
    fn grow_all(&mut self, decoder: &mut dyn Decoder, logits: &[f32]) {
        let vocabulary = logits.len() / self.kv.lengths().len().max(1);
        let of = |growing: &Growing| {
            let rows = growing.texts.iter().map(|(row, _)| row * vocabulary);
            rows.map(|at| &logits[at..at + vocabulary]).collect()
        };
        let logits: Vec<Vec<&[f32]>> = self.growing.iter().map(of).collect();
        // From the last on: one that ends leaves those before it in their places.
        for (at, logits) in logits.iter().enumerate().rev() {
            self.grow(decoder, at, logits);
        }
        self.close_gaps();
    }

    /// Chooses the next tokens of a request, and puts its texts into rows. May leave rows without a text.
    fn grow(&mut self, decoder: &mut dyn Decoder, at: usize, logits: &[&[f32]]) {
        let growing = &mut self.growing[at];
        match growing.growth.step(logits, growing.task.job.max_tokens) {
            Ok(next) if !next.is_empty() => {
                growing.generation.generated += next.len();
                growing.texts = place(&mut self.kv, &growing.texts, &next);
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
            }
            Err(error) => {
                let growing = self.growing.remove(at);
                self.finish(&growing.task, Err(failed(error)));
            }
        }
    }

    fn finish(&mut self, task: &Task, result: Result<Generation, Fault>) {
        self.finished.push(Finished {
            id: task.id,
            result,
        });
    }

    /// Gives back the rows that no text is in.
    fn close_gaps(&mut self) {
        for row in (0..self.kv.lengths().len()).rev() {
            let mut texts = self.growing.iter().flat_map(|growing| &growing.texts);
            if texts.any(|(used, _)| *used == row) {
                continue;
            }
            self.kv.swap_remove(row);
            let moved = self.kv.lengths().len();
            let mut texts = self
                .growing
                .iter_mut()
                .flat_map(|growing| &mut growing.texts);
            if let Some(text) = texts.find(|(used, _)| *used == moved) {
                text.0 = row;
            }
        }
        self.kv.shrink();
    }
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

/// Puts texts that each go on from one of `texts` into rows. A text stays in its row for its first continuation; a row
/// without one is left as a gap.
fn place(kv: &mut Kv, texts: &[(usize, u32)], next: &[(usize, u32)]) -> Vec<(usize, u32)> {
    let mut free: Vec<usize> = texts.iter().map(|(row, _)| *row).collect();
    let mut staying = |parent: usize| {
        free.iter()
            .position(|row| *row == parent)
            .map(|at| free.remove(at))
    };
    let own: Vec<Option<usize>> = next
        .iter()
        .map(|(from, _)| staying(texts[*from].0))
        .collect();
    let rows = next.iter().zip(own).map(|((from, token), own)| {
        let parent = texts[*from].0;
        let row = own.or_else(|| free.pop().inspect(|row| kv.copy(parent, *row)));
        let row = row.unwrap_or_else(|| {
            kv.repeat(parent);
            kv.lengths().len() - 1
        });
        (row, *token)
    });
    rows.collect()
}
