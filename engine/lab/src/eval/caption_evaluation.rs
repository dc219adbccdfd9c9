//! Evaluates captions: each file gets the caption that a segment with its frames would get, which is scored against the
//! reference captions of the file.

use std::{sync::Arc, time::Instant};

use atom_models::{
    CaptionMemory, Fault, GeneratedTexts, ModelError, Pack, PromptBuilder, Scheduler,
    SchedulerSettings, TextEncoder, first_sentence,
};
use atom_operators::cancel::CancellationToken;
use serde::Serialize;

use super::{
    Dataset, DatasetFile, EvaluationSummary,
    bleu::BleuCounts,
    cider::Cider,
    evaluation_summary::{FileTimes, Metric},
    frame_encoder::{EncodedFile, FrameEncoder},
    ngrams::words,
    rouge::rouge_l,
};
use crate::LabError;

/// The caption of a file, and its score.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScoredCaption {
    /// The name of the file in the list.
    pub file: String,
    /// The caption; empty if the decoder generated nothing.
    pub caption: String,
    /// CIDEr-D of this file.
    pub cider_d: f64,
    /// Problems of a file that could be played to its end.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// An evaluation of captions: takes one file after another, then summarizes their scores.
pub struct CaptionEvaluation {
    frames: FrameEncoder,
    decoder: Scheduler,
    text: Option<Box<dyn TextEncoder>>,
    memory: Option<CaptionMemory>,
    prompts: PromptBuilder,
    cider: Cider,
    scores: Vec<FileScores>,
    times: FileTimes,
}

/// The scores of one file.
struct FileScores {
    cider_d: f64,
    bleu: BleuCounts,
    rouge_l: f64,
}

impl CaptionEvaluation {
    /// Loads the modules of a pack, for an evaluation over this dataset. Cancelling `stop` makes playing fail.
    ///
    /// # Errors
    /// If a module cannot be loaded.
    pub fn open(
        pack: &Pack,
        dataset: &Dataset,
        stop: CancellationToken,
    ) -> Result<Self, ModelError> {
        let references: Vec<_> = dataset.files.iter().map(references).collect();
        Ok(Self {
            frames: FrameEncoder::open(pack, stop)?,
            decoder: Scheduler::new(pack.decoder(Arc::default())?, SchedulerSettings::default()),
            text: pack.ranking_text_encoder(Arc::default())?,
            memory: pack.memory()?,
            prompts: pack.prompts().clone(),
            cider: Cider::new(&references),
            scores: Vec::new(),
            times: FileTimes::default(),
        })
    }

    /// Captions and scores the next file.
    ///
    /// # Errors
    /// If the file cannot be played or a module fails.
    pub fn evaluate(&mut self, file: &DatasetFile) -> Result<ScoredCaption, LabError> {
        let start = Instant::now();
        let encoded = self.frames.encode(file)?;
        let encoding_time = start.elapsed();
        let generation = self.generate(&encoded);
        let caption = generation.map(|generation| first_sentence(generation.text()));
        let caption = caption.map_err(|source| LabError::Decoder {
            file: file.name.clone(),
            source,
        })?;
        self.times
            .record(encoding_time, Some(start.elapsed() - encoding_time));
        let (candidate, references) = (words(&caption), references(file));
        let cider_d = self.cider.score(&candidate, &references);
        self.scores.push(FileScores {
            cider_d,
            bleu: BleuCounts::of(&candidate, &references),
            rouge_l: rouge_l(&candidate, &references),
        });
        Ok(ScoredCaption {
            file: file.name.clone(),
            caption,
            cider_d,
            warnings: encoded.warnings,
        })
    }

    fn generate(&mut self, encoded: &EncodedFile) -> Result<GeneratedTexts, Fault> {
        let (prompts, features) = (&self.prompts, &encoded.features);
        let examples = prompts.examples(features, self.memory.as_ref());
        let prompt = prompts.caption_prompt(features, &encoded.frames, &examples);
        let mut generation = self.decoder.generate(&prompt, prompts.caption_tokens())?;
        let text = self.text.as_mut();
        let text = text.map(|text| &mut **text as &mut dyn TextEncoder);
        let chosen = prompts
            .ranker()
            .rank_captions(&mut generation, features, text);
        chosen.map_err(Fault::from)?;
        Ok(generation)
    }

    /// Summarizes the files evaluated so far.
    pub fn summary(&self, pack: &Pack) -> EvaluationSummary {
        let scores = &self.scores;
        let files = scores.len();
        let mean = |score: fn(&FileScores) -> f64| {
            move |drawn: &[usize]| {
                let sum: f64 = drawn.iter().map(|at| score(&scores[*at])).sum();
                sum / drawn.len().max(1) as f64
            }
        };
        let bleu = |drawn: &[usize]| {
            let counts = drawn.iter().map(|at| scores[*at].bleu);
            counts.sum::<BleuCounts>().score()
        };
        let metrics = vec![
            Metric::over("cider_d", "CIDEr-D", files, mean(|file| file.cider_d)),
            Metric::over("bleu_4", "BLEU-4", files, bleu),
            Metric::over("rouge_l", "ROUGE-L", files, mean(|file| file.rouge_l)),
        ];
        EvaluationSummary::new(pack, files, metrics, &self.times)
    }
}

/// Returns the words of each caption that people wrote about a file.
fn references(file: &DatasetFile) -> Vec<Vec<String>> {
    file.captions.iter().map(|text| words(text)).collect()
}
