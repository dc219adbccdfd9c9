//! The caption exam: each file gets the caption that a segment with its frames would get, and is scored against what
//! people say.

use atom_operators::cancel::CancellationToken;
use std::{sync::Arc, time::Instant};

use atom_models::{
    CaptionMemory, Fault, Generation, ModelError, Pack, PromptBuilder, Scheduler,
    SchedulerSettings, TextEncoder, VisualFeatures, first_sentence,
};
use serde::Serialize;

use super::{
    Case, Cases, EvalError, Summary,
    bleu::Counts,
    cider::Cider,
    eye::Eye,
    rouge::rouge_l,
    summary::{Measure, Watch},
    words::words,
};

/// The caption of a file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Captioned {
    /// Its name in the list.
    pub file: String,
    /// The caption; empty if the decoder said nothing.
    pub caption: String,
    /// CIDEr-D of this file.
    pub cider_d: f64,
    /// What was wrong with the file, though it could be played to its end.
    #[serde(skip)]
    pub warnings: Vec<String>,
}

/// The exam: takes one file after another, then tells what they came to.
pub struct CaptionExam {
    eye: Eye,
    decoder: Scheduler,
    text: Option<Box<dyn TextEncoder>>,
    memory: Option<CaptionMemory>,
    prompts: PromptBuilder,
    cider: Cider,
    scores: Vec<Scores>,
    watch: Watch,
}

/// The scores of one file.
struct Scores {
    cider_d: f64,
    bleu: Counts,
    rouge_l: f64,
}

impl CaptionExam {
    /// Loads the modules of a pack, for an exam over these files. Once `stop` is set, playing ends with an error.
    ///
    /// # Errors
    /// If a module cannot be loaded.
    pub fn open(pack: &Pack, cases: &Cases, stop: CancellationToken) -> Result<Self, ModelError> {
        let references: Vec<_> = cases.cases.iter().map(references).collect();
        Ok(Self {
            eye: Eye::open(pack, stop)?,
            decoder: Scheduler::new(pack.decoder(Arc::default())?, SchedulerSettings::default()),
            text: pack.ranking_text_encoder(Arc::default())?,
            memory: pack.memory()?,
            prompts: pack.prompts().clone(),
            cider: Cider::new(&references),
            scores: Vec::new(),
            watch: Watch::default(),
        })
    }

    /// Captions and scores the next file.
    ///
    /// # Errors
    /// If the file cannot be played or a module fails.
    pub fn take(&mut self, case: &Case) -> Result<Captioned, EvalError> {
        let begun = Instant::now();
        let seen = self.eye.look(case)?;
        let looked = begun.elapsed();
        let caption = self.caption(case, &seen.features)?;
        self.watch.note(looked, Some(begun.elapsed() - looked));
        let (said, references) = (words(&caption), references(case));
        let cider_d = self.cider.score(&said, &references);
        self.scores.push(Scores {
            cider_d,
            bleu: Counts::of(&said, &references),
            rouge_l: rouge_l(&said, &references),
        });
        Ok(Captioned {
            file: case.file.clone(),
            caption,
            cider_d,
            warnings: seen.warnings,
        })
    }

    fn caption(&mut self, case: &Case, features: &VisualFeatures) -> Result<String, EvalError> {
        let said = self.write(features);
        let caption = said.map(|generation| first_sentence(generation.text()));
        caption.map_err(|source| EvalError::Module {
            module: "decoder",
            file: case.file.clone(),
            source: Box::new(source),
        })
    }

    fn write(&mut self, features: &VisualFeatures) -> Result<Generation, Fault> {
        let prompts = &self.prompts;
        let examples = prompts.examples(features, self.memory.as_ref());
        let prompt = prompts.caption_prompt(features, &examples);
        let mut generation = self.decoder.generate(&prompt, prompts.caption_tokens())?;
        let text = self.text.as_mut();
        let text = text.map(|text| &mut **text as &mut dyn TextEncoder);
        let chosen = prompts
            .ranker()
            .rank_captions(&mut generation, features, text);
        chosen.map_err(Fault::from)?;
        Ok(generation)
    }

    /// What the files came to that were taken.
    pub fn summary(&self, pack: &Pack) -> Summary {
        let scores = &self.scores;
        let mean = |of: fn(&Scores) -> f64, drawn: &[usize]| {
            drawn.iter().map(|at| of(&scores[*at])).sum::<f64>() / drawn.len().max(1) as f64
        };
        let measures = vec![
            Measure::over("cider_d", "CIDEr-D", scores.len(), |drawn| {
                mean(|score| score.cider_d, drawn)
            }),
            Measure::over("bleu_4", "BLEU-4", scores.len(), |drawn| {
                drawn
                    .iter()
                    .map(|at| scores[*at].bleu)
                    .sum::<Counts>()
                    .score()
            }),
            Measure::over("rouge_l", "ROUGE-L", scores.len(), |drawn| {
                mean(|score| score.rouge_l, drawn)
            }),
        ];
        Summary::new(pack, scores.len(), measures, &self.watch)
    }
}

/// What people say, in words.
fn references(case: &Case) -> Vec<Vec<String>> {
    case.captions.iter().map(|text| words(text)).collect()
}
