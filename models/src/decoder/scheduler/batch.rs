//! The batch of texts that are decoded together: one row of keys and values for each, one token for all in a step.
//!
//! Changing the number of rows copies all of them. So a text stays in its row as long as it can, and empty rows are kept
//! for a while if a request is about to arrive, although an empty row costs as much as one with a text.

use super::{
    job::FinishedJob,
    panic_boundary::run,
    request::{Request, TextSearch},
};
use crate::{
    Candidate, Decoder, Fault, GeneratedTexts, InputToken, KvCache, KvShape,
    decoder::{beam_search::Continuation, kv_cache::CAPACITY_STEP},
};

/// Steps for which empty rows are kept for a request about to arrive; they cost about as much as copying all rows (default
/// pack).
const EMPTY_ROW_STEPS: u32 = 4;

/// The requests being decoded.
pub(super) struct Batch {
    kv: KvCache,
    active: Vec<ActiveRequest>,
    /// Steps since no row was empty.
    steps_with_gaps: u32,
    /// Results not yet returned.
    pub(super) finished: Vec<FinishedJob>,
}

/// A request whose texts are being decoded.
struct ActiveRequest {
    request: Request,
    search: TextSearch,
    texts: Vec<OpenText>,
    generation: GeneratedTexts,
}

/// The row of an open text, and its newest token, which is not yet run.
type OpenText = (usize, u32);

impl Batch {
    pub(super) fn new(shape: KvShape) -> Self {
        Self {
            kv: KvCache::new(shape),
            active: Vec::new(),
            steps_with_gaps: 0,
            finished: Vec::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    pub(super) fn bytes(&self) -> usize {
        self.kv.bytes()
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = &Request> {
        self.active.iter().map(|active| &active.request)
    }

    /// Adds a request whose prompt was run, with the logits of its first new token.
    pub(super) fn add(
        &mut self,
        decoder: &mut dyn Decoder,
        request: Request,
        (kv, logits): (KvCache, &[f32]),
        generation: GeneratedTexts,
    ) {
        let row = self.reserve_rows(&request);
        self.kv.copy_row_from(row, &kv, 0);
        self.active.push(ActiveRequest {
            search: request.search(decoder.ends()),
            texts: vec![(row, 0)],
            generation,
            request,
        });
        self.advance(decoder, self.active.len() - 1, &[logits]);
    }

    /// Provides enough empty rows for a request, each with room for its longest text, and returns the first of them.
    fn reserve_rows(&mut self, request: &Request) -> usize {
        let (capacity, empty) = (self.capacity_for(request.max_length()), self.empty_rows());
        if let Some(first) = empty.first()
            && empty.len() >= request.rows()
            && capacity == self.kv.capacity()
        {
            return *first;
        }
        // All rows are copied anyway, so the unused ones can go.
        let used = self.compact();
        self.kv.resize(used + request.rows(), capacity);
        used
    }

    /// Moves all texts into the first rows, empties the others, and returns the number of texts.
    fn compact(&mut self) -> usize {
        let empty = self.empty_rows();
        let used = self.kv.lengths().len() - empty.len();
        let mut gaps = empty.into_iter().filter(|row| *row < used);
        for active in &mut self.active {
            for (row, _) in active.texts.iter_mut().filter(|(row, _)| *row >= used) {
                let gap = gaps.next().expect("as many gaps before as texts behind");
                self.kv.copy_row(*row, gap);
                *row = gap;
            }
        }
        (used..self.kv.lengths().len()).for_each(|row| self.kv.clear_row(row));
        used
    }

    /// Returns a capacity for the longest possible text, including one of `tokens` tokens. A larger capacity is kept until
    /// less than half of it is needed.
    fn capacity_for(&self, tokens: usize) -> usize {
        let lengths = self.active.iter().map(|active| active.request.max_length());
        let needed = lengths
            .fold(tokens, usize::max)
            .next_multiple_of(CAPACITY_STEP);
        let capacity = self.kv.capacity();
        let fits = (needed..=2 * needed).contains(&capacity);
        if fits { capacity } else { needed }
    }

    /// Returns the rows without a text.
    fn empty_rows(&self) -> Vec<usize> {
        let mut empty = vec![true; self.kv.lengths().len()];
        for (row, _) in self.active.iter().flat_map(|active| &active.texts) {
            empty[*row] = false;
        }
        let rows = empty.iter().enumerate();
        rows.filter_map(|(row, empty)| empty.then_some(row))
            .collect()
    }

    /// Returns the tokens that a request has generated so far.
    pub(super) fn partial(&self, id: u64) -> Option<&[u32]> {
        let active = self.active.iter().find(|active| active.request.id == id)?;
        active.search.partial()
    }

    /// Drops a request if it is in the batch.
    pub(super) fn remove(&mut self, id: u64) {
        self.active.retain(|active| active.request.id != id);
        self.release_if_idle();
    }

    /// Runs one token of every text; `arrivals` is true if a request is about to arrive.
    pub(super) fn step(&mut self, decoder: &mut dyn Decoder, arrivals: bool) {
        self.drop_empty_rows(arrivals);
        let rows = self.kv.lengths().len();
        let (mut tokens, mut adapter) = (vec![InputToken::Text(0); rows], vec![false; rows]);
        for active in &self.active {
            for (row, token) in &active.texts {
                tokens[*row] = InputToken::Text(*token);
                adapter[*row] = active.request.job.prompt.adapter();
            }
        }
        match run(decoder, &tokens, &adapter, &mut self.kv) {
            Ok(logits) => {
                let all = split_rows(&logits, rows);
                let own = |active: &ActiveRequest| {
                    active.texts.iter().map(|(row, _)| all[*row]).collect()
                };
                let logits: Vec<_> = self.active.iter().map(own).collect();
                self.advance_all(decoder, &logits);
            }
            Err(fault) if self.active.len() == 1 => {
                let active = self.active.remove(0);
                self.finish(&active.request, Err(fault));
                self.release_if_idle();
            }
            Err(_) => self.step_separately(decoder),
        }
    }

    /// Runs each request separately after a failed step, so that only the request that caused the failure fails.
    fn step_separately(&mut self, decoder: &mut dyn Decoder) {
        let (mut kv, mut all) = (KvCache::new(decoder.shape()), Vec::new());
        for mut active in std::mem::take(&mut self.active) {
            let texts = active.texts.len();
            let mut own = KvCache::new(decoder.shape());
            own.resize(texts, active.request.max_length());
            let each = active.texts.iter().enumerate();
            each.for_each(|(index, (row, _))| own.copy_row_from(index, &self.kv, *row));
            let newest = active
                .texts
                .iter()
                .map(|(_, token)| InputToken::Text(*token));
            let tokens: Vec<_> = newest.collect();
            let adapter = vec![active.request.job.prompt.adapter(); tokens.len()];
            match run(decoder, &tokens, &adapter, &mut own) {
                Ok(logits) => {
                    let rows = kv.lengths().len();
                    kv.resize(rows + texts, own.capacity().max(kv.capacity()));
                    for (index, (row, _)) in active.texts.iter_mut().enumerate() {
                        *row = rows + index;
                        kv.copy_row_from(*row, &own, index);
                    }
                    all.push((logits, texts));
                    self.active.push(active);
                }
                Err(fault) => self.finish(&active.request, Err(fault)),
            }
        }
        self.kv = kv;
        let each = all.iter().map(|(logits, rows)| split_rows(logits, *rows));
        self.advance_all(decoder, &each.collect::<Vec<_>>());
    }

    /// Advances every request by the logits of its texts.
    fn advance_all(&mut self, decoder: &mut dyn Decoder, logits: &[Vec<&[f32]>]) {
        // In reverse, because a request that ends is removed and shifts those after it.
        for (at, logits) in logits.iter().enumerate().rev() {
            self.advance(decoder, at, logits);
        }
    }

    /// Chooses the next tokens of a request and assigns rows to its texts. May leave rows without a text.
    fn advance(&mut self, decoder: &mut dyn Decoder, at: usize, logits: &[&[f32]]) {
        let empty = self.empty_rows();
        let active = &mut self.active[at];
        let max_tokens = active.request.job.max_tokens;
        match active.search.step(logits, max_tokens) {
            Ok(next) if !next.is_empty() => {
                active.generation.generated += next.len();
                active.texts = assign_rows(&mut self.kv, &active.texts, &next, empty);
            }
            Ok(_) => {
                let ActiveRequest {
                    request,
                    search,
                    generation,
                    ..
                } = self.active.remove(at);
                let result = complete(decoder, search, generation);
                self.finish(&request, result);
                self.release_if_idle();
            }
            Err(error) => {
                let active = self.active.remove(at);
                self.finish(&active.request, Err(Fault::from(error)));
                self.release_if_idle();
            }
        }
    }

    fn finish(&mut self, request: &Request, result: Result<GeneratedTexts, Fault>) {
        self.finished.push(FinishedJob {
            id: request.id,
            result,
        });
    }

    /// Releases all rows if no request is left.
    fn release_if_idle(&mut self) {
        if self.active.is_empty() {
            self.kv.resize(0, 0);
        }
    }

    /// Empties the rows without a text, and releases them unless they are needed soon.
    fn drop_empty_rows(&mut self, arrivals: bool) {
        let empty = self.empty_rows();
        empty.iter().for_each(|row| self.kv.clear_row(*row));
        self.steps_with_gaps = match empty.is_empty() {
            true => 0,
            false => self.steps_with_gaps + 1,
        };
        if self.steps_with_gaps == 0 || arrivals && self.steps_with_gaps <= EMPTY_ROW_STEPS {
            return;
        }
        self.steps_with_gaps = 0;
        let used = self.compact();
        self.kv.resize(used, self.capacity_for(0));
    }
}

/// Splits the logits of a run by row.
fn split_rows(logits: &[f32], rows: usize) -> Vec<&[f32]> {
    let vocabulary = logits.len() / rows.max(1);
    let row = |row| &logits[row * vocabulary..][..vocabulary];
    (0..rows).map(row).collect()
}

/// Returns a generation with the texts that its search found.
fn complete(
    decoder: &mut dyn Decoder,
    search: TextSearch,
    generation: GeneratedTexts,
) -> Result<GeneratedTexts, Fault> {
    let candidates = search.finish().into_iter().map(|found| {
        let text = decoder.decode(&found.tokens)?;
        Ok(Candidate {
            text: text.trim().to_owned(),
            score: found.score,
        })
    });
    Ok(GeneratedTexts {
        candidates: candidates.collect::<Result<_, Fault>>()?,
        ..generation
    })
}

/// Assigns rows to the continuations of `texts`, from the texts' own rows and those of `empty`. A text's first continuation
/// stays in its row; a row without one is left as a gap.
fn assign_rows(
    kv: &mut KvCache,
    texts: &[OpenText],
    next: &[Continuation],
    empty: Vec<usize>,
) -> Vec<OpenText> {
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
                kv.resize(last + 1, kv.capacity());
                last
            });
            kv.copy_row(texts[*from].0, row);
            row
        });
        (row, *token)
    });
    rows.collect()
}
