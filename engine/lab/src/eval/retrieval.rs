//! The retrieval exam: each caption that people wrote is a query, and has to find its file among all.

use atom_operators::cancel::CancellationToken;
use std::{sync::Arc, time::Instant};

use atom_models::{ModelError, Pack, TextEncoder};
use serde::Serialize;

use super::{
    Case, EvalError, Summary,
    eye::Eye,
    recall::{median, rank, recall, reciprocal},
    summary::{Measure, Watch},
};

/// How well a query found its file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// The file that it should find.
    pub file: String,
    /// The query.
    pub caption: String,
    /// The place of the file among all, from 1.
    pub rank: usize,
}

/// The exam: looks at one file after another, then has each caption searched among all files that were looked at.
pub struct RetrievalExam {
    eye: Eye,
    text: Box<dyn TextEncoder>,
    embeddings: Vec<Arc<[f32]>>,
    /// The ranks of each file's captions.
    ranks: Vec<Vec<usize>>,
    watch: Watch,
}

impl RetrievalExam {
    /// Loads the modules of a pack. Once `stop` is set, playing ends with an error.
    ///
    /// # Errors
    /// If a module cannot be loaded.
    pub fn open(pack: &Pack, stop: CancellationToken) -> Result<Self, ModelError> {
        Ok(Self {
            eye: Eye::open(pack, stop)?,
            text: pack.text(Arc::default())?,
            embeddings: Vec::new(),
            ranks: Vec::new(),
            watch: Watch::default(),
        })
    }

    /// Looks at the next file; gives what was wrong with it, though it could be played to its end.
    ///
    /// # Errors
    /// If the file cannot be played or the vision encoder fails.
    pub fn look(&mut self, case: &Case) -> Result<Vec<String>, EvalError> {
        let begun = Instant::now();
        let seen = self.eye.look(case)?;
        self.watch.note(begun.elapsed(), None);
        self.embeddings.push(seen.features.embedding);
        Ok(seen.warnings)
    }

    /// Has the captions of the next file searched; files come in the order in which they were looked at, after all were.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn search(&mut self, case: &Case) -> Result<Vec<Ranked>, EvalError> {
        let right = self.ranks.len();
        let mut found = Vec::new();
        for caption in &case.captions {
            let query = self
                .text
                .embed(caption)
                .map_err(|source| EvalError::Module {
                    module: "text encoder",
                    file: case.file.clone(),
                    source: Box::new(source),
                })?;
            let scores: Vec<f32> = self.embeddings.iter().map(|e| dot(e, &query)).collect();
            found.push(Ranked {
                file: case.file.clone(),
                caption: caption.clone(),
                rank: rank(&scores, right),
            });
        }
        self.ranks
            .push(found.iter().map(|ranked| ranked.rank).collect());
        Ok(found)
    }

    /// What the queries came to.
    pub fn summary(&self, pack: &Pack) -> Summary {
        let files = self.ranks.len();
        let over = |of: fn(&mut [usize]) -> f64| {
            move |drawn: &[usize]| {
                let mut ranks: Vec<usize> = drawn
                    .iter()
                    .flat_map(|at| &self.ranks[*at])
                    .copied()
                    .collect();
                of(&mut ranks)
            }
        };
        let measures = vec![
            Measure::over("r_at_1", "R@1", files, over(|ranks| recall(ranks, 1))),
            Measure::over("r_at_5", "R@5", files, over(|ranks| recall(ranks, 5))),
            Measure::over("r_at_10", "R@10", files, over(|ranks| recall(ranks, 10))),
            Measure::over("median_rank", "median rank", files, over(median)),
            Measure::over("mrr", "MRR", files, over(|ranks| reciprocal(ranks))),
        ];
        let queries = self.ranks.iter().map(Vec::len).sum();
        Summary {
            queries: Some(queries),
            ..Summary::new(pack, files, measures, &self.watch)
        }
    }
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}
