//! Evaluates retrieval: each caption that people wrote is a query that should find its file among all.

use std::{sync::Arc, time::Instant};

use atom_models::{ModelError, Pack, TextEncoder};
use atom_operators::cancel::CancellationToken;
use serde::Serialize;

use super::{
    DatasetFile, EvaluationSummary,
    evaluation_summary::{FileTimes, Metric},
    frame_encoder::FrameEncoder,
    rank_metrics::{mean_reciprocal_rank, median_rank, rank, recall},
};
use crate::LabError;

/// The rank of the right file for a query.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RankedQuery {
    /// The file that the query should find.
    pub file: String,
    /// The query.
    pub caption: String,
    /// The rank of the file among all, from 1.
    pub rank: usize,
}

/// An evaluation of retrieval: encodes one file after another, then ranks all files for each caption.
pub struct RetrievalEvaluation {
    frames: FrameEncoder,
    text: Box<dyn TextEncoder>,
    /// The index vector of each file.
    embeddings: Vec<Arc<[f32]>>,
    /// The ranks of each file for its captions.
    ranks: Vec<Vec<usize>>,
    times: FileTimes,
}

impl RetrievalEvaluation {
    /// Loads the encoders of a pack. Cancelling `stop` makes playing fail.
    ///
    /// # Errors
    /// If an encoder cannot be loaded, or the pack has no text encoder.
    pub fn open(pack: &Pack, stop: CancellationToken) -> Result<Self, ModelError> {
        if !pack.has_text_encoder() {
            return Err(ModelError::NoTextEncoder(pack.id()));
        }
        Ok(Self {
            frames: FrameEncoder::open(pack, stop)?,
            text: pack.text(Arc::default())?,
            embeddings: Vec::new(),
            ranks: Vec::new(),
            times: FileTimes::default(),
        })
    }

    /// Encodes the next file. Returns the problems of a file that could be played to its end.
    ///
    /// # Errors
    /// If the file cannot be played or the vision encoder fails.
    pub fn encode(&mut self, file: &DatasetFile) -> Result<Vec<String>, LabError> {
        let start = Instant::now();
        let encoded = self.frames.encode(file)?;
        self.times.record(start.elapsed(), None);
        self.embeddings.push(encoded.features.embedding);
        Ok(encoded.warnings)
    }

    /// Ranks all files for each caption of the next file. Call it after all files are encoded, in the same order.
    ///
    /// # Errors
    /// If the text encoder fails.
    pub fn rank(&mut self, file: &DatasetFile) -> Result<Vec<RankedQuery>, LabError> {
        let right = self.ranks.len();
        let mut queries = Vec::new();
        for caption in &file.captions {
            let query = self.text.embed(caption);
            let query = query.map_err(|source| LabError::Encoder {
                module: "text encoder",
                file: file.name.clone(),
                source: Box::new(source),
            })?;
            let scores: Vec<f32> = self.embeddings.iter().map(|e| dot(e, &query)).collect();
            queries.push(RankedQuery {
                file: file.name.clone(),
                caption: caption.clone(),
                rank: rank(&scores, right),
            });
        }
        let ranks = queries.iter().map(|query| query.rank).collect();
        self.ranks.push(ranks);
        Ok(queries)
    }

    /// Summarizes the ranks of all queries.
    pub fn summary(&self, pack: &Pack) -> EvaluationSummary {
        let files = self.ranks.len();
        let over = |metric: fn(&mut [usize]) -> f64| {
            move |drawn: &[usize]| {
                let ranks = drawn.iter().flat_map(|at| &self.ranks[*at]);
                let mut ranks: Vec<usize> = ranks.copied().collect();
                metric(&mut ranks)
            }
        };
        let metrics = vec![
            Metric::over("r_at_1", "R@1", files, over(|ranks| recall(ranks, 1))),
            Metric::over("r_at_5", "R@5", files, over(|ranks| recall(ranks, 5))),
            Metric::over("r_at_10", "R@10", files, over(|ranks| recall(ranks, 10))),
            Metric::over("median_rank", "median rank", files, over(median_rank)),
            Metric::over(
                "mrr",
                "MRR",
                files,
                over(|ranks| mean_reciprocal_rank(ranks)),
            ),
        ];
        let queries = self.ranks.iter().map(Vec::len).sum();
        EvaluationSummary {
            queries: Some(queries),
            ..EvaluationSummary::new(pack, files, metrics, &self.times)
        }
    }
}

fn dot(one: &[f32], other: &[f32]) -> f32 {
    one.iter().zip(other).map(|(a, b)| a * b).sum()
}
