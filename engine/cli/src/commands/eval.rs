//! `atom eval`: evaluates a pack on a folder of files with reference captions.

use std::{path::PathBuf, process::ExitCode};

use anyhow::Context;
use atom_lab::{
    LabError,
    eval::{
        CaptionEvaluation, Dataset, DatasetFile, EvaluationSummary, RetrievalEvaluation,
        caption_leak_check::{check_leak, read_sentences},
        dataset::CAPTION_LIST,
        evaluation_summary::Metric,
        frame_encoder::FRAMES,
    },
};
use atom_models::Pack;
use atom_operators::{cancel::CancellationToken, counted::counted, printable::printable_json};
use atom_runtime::sink::OutputFile;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    args::open_output,
    output::{
        FileProgress, TableColumn, borderless_table, eprint_line, eprint_warning, print_json,
        print_layout, print_line,
    },
    signals::cancel_on_ctrl_c,
};

/// The output file in messages.
const RESULTS: &str = "results";

/// Score a model pack on files with reference captions.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom eval caption clips/
  atom eval retrieval clips/")]
pub struct Eval {
    #[command(subcommand)]
    kind: EvaluationKind,
}

/// An evaluation with its arguments.
#[derive(Subcommand)]
enum EvaluationKind {
    /// Caption each file and score the captions against the reference captions.
    #[command(after_help = "\
Example:
  atom eval caption clips/ --json -o captions.jsonl

DIR holds pictures and videos, and captions.json with their reference captions:
  [{\"file\": \"dog.jpg\", \"captions\": [\"A dog runs.\", \"A brown dog in the grass.\"]}]")]
    Caption(EvalArgs),
    /// Search for each reference caption and rank the file that it belongs to.
    #[command(after_help = "\
Example:
  atom eval retrieval clips/ --json -o ranks.jsonl

DIR holds pictures and videos, and captions.json with their reference captions:
  [{\"file\": \"dog.jpg\", \"captions\": [\"A dog runs.\", \"A brown dog in the grass.\"]}]

A file with the same score as the right one ranks before it.")]
    Retrieval(EvalArgs),
}

#[derive(Args)]
struct EvalArgs {
    /// Folder with captions.json and the files that it names.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Model pack.
    #[arg(long, default_value = "mini")]
    pack: String,
    /// Print JSON: one line per file or query, then the summary.
    #[arg(long)]
    json: bool,
    /// Write one JSON line per file or query to this file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Refuse to evaluate if the pack has memorized a reference caption; with =FILE, if a line of that text file is a
    /// reference caption.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    check_leak: Option<Option<PathBuf>>,
}

impl Eval {
    /// Evaluates the pack, and prints the summary.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (EvaluationKind::Caption(args) | EvaluationKind::Retrieval(args)) = &self.kind;
        let dataset = args.dataset()?;
        let pack = Pack::open(&args.pack)?;
        if matches!(args.check_leak, Some(None)) {
            args.check_memory(&pack, &dataset)?;
        }
        let mut results = args.result_writer(&dataset)?;
        let evaluation = Evaluation {
            dataset: &dataset,
            stop: cancel_on_ctrl_c()?,
        };
        let evaluated = match self.kind {
            EvaluationKind::Caption(_) => evaluation.captions(&pack, &mut results),
            EvaluationKind::Retrieval(_) => evaluation.retrieval(&pack, &mut results),
        };
        results.finish(evaluated.is_ok())?;
        let summary = evaluated?;
        match args.json {
            true => print_json(&summary.json())?,
            false => print_summary(&summary)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl EvalArgs {
    /// Reads the dataset, and checks everything that can be checked before the evaluation.
    fn dataset(&self) -> anyhow::Result<Dataset> {
        let dataset = Dataset::read(&self.folder)?;
        if let [first, ..] = &dataset.unlisted[..] {
            eprint_line(&format!(
                "note: ignoring {} that {CAPTION_LIST} does not name (first: {})",
                counted(dataset.unlisted.len(), "file"),
                first.display()
            ));
        }
        if let Some(path) = self.sentence_file() {
            let compared = check_leak(&read_sentences(path)?, &dataset)?;
            eprint_line(&format!(
                "compared {} of {} with the reference captions: no match",
                counted(compared, "sentence"),
                path.display()
            ));
        }
        Ok(dataset)
    }

    /// Returns the file whose sentences are compared with the captions, if one is named.
    fn sentence_file(&self) -> Option<&PathBuf> {
        self.check_leak.as_ref()?.as_ref()
    }

    /// Compares the sentences that the pack remembers with the captions.
    fn check_memory(&self, pack: &Pack, dataset: &Dataset) -> anyhow::Result<()> {
        let memory = pack.memory()?;
        let sentences = memory.as_ref().map_or(&[][..], |memory| memory.sentences());
        let compared = check_leak(sentences, dataset)?;
        eprint_line(&format!(
            "compared {} that pack {} has memorized with the reference captions: no match",
            counted(compared, "sentence"),
            pack.id()
        ));
        Ok(())
    }

    /// Opens the file of the results, which overwrites no file that the evaluation reads.
    fn result_writer(&self, dataset: &Dataset) -> anyhow::Result<ResultWriter> {
        let list = self.folder.join(CAPTION_LIST);
        let files = dataset.files.iter().map(|file| file.path.clone());
        let read = files.chain([list]).chain(self.sentence_file().cloned());
        let path = self.output.as_deref();
        Ok(ResultWriter {
            stdout: self.json,
            file: path
                .map(|path| open_output(path, RESULTS, read))
                .transpose()?,
        })
    }
}

/// Writes the result of each file or query as a line of JSON.
struct ResultWriter {
    stdout: bool,
    file: Option<OutputFile>,
}

impl ResultWriter {
    fn write(&mut self, result: &impl Serialize) -> anyhow::Result<()> {
        if self.stdout {
            print_json(result)?;
        }
        if let Some(file) = &mut self.file {
            let json = serde_json::to_string(result)?;
            let line = format!("{}\n", printable_json(&json));
            file.write(&line).with_context(unwritable)?;
        }
        Ok(())
    }

    /// Ends the file. Unless the evaluation is complete, an earlier file keeps its content.
    fn finish(self, complete: bool) -> anyhow::Result<()> {
        match self.file {
            Some(mut file) => file.finish(complete).with_context(unwritable),
            None => Ok(()),
        }
    }
}

fn unwritable() -> String {
    format!("cannot write the {RESULTS}")
}

/// An evaluation of a dataset.
struct Evaluation<'s> {
    dataset: &'s Dataset,
    stop: CancellationToken,
}

impl Evaluation<'_> {
    fn captions(
        &self,
        pack: &Pack,
        results: &mut ResultWriter,
    ) -> anyhow::Result<EvaluationSummary> {
        let mut evaluation = CaptionEvaluation::open(pack, self.dataset, self.stop.clone())?;
        self.for_each_file(|file| {
            let scored = evaluation.evaluate(file)?;
            print_warnings(file, &scored.warnings);
            if scored.caption.is_empty() {
                let warning = "the decoder generated no text; it is scored as an empty caption";
                print_warnings(file, &[warning.to_owned()]);
            }
            results.write(&scored)
        })?;
        Ok(evaluation.summary(pack))
    }

    fn retrieval(
        &self,
        pack: &Pack,
        results: &mut ResultWriter,
    ) -> anyhow::Result<EvaluationSummary> {
        let mut evaluation = RetrievalEvaluation::open(pack, self.stop.clone())?;
        self.for_each_file(|file| {
            print_warnings(file, &evaluation.encode(file)?);
            Ok(())
        })?;
        self.for_each_file(|file| {
            let queries = evaluation.rank(file)?;
            queries.iter().try_for_each(|query| results.write(query))
        })?;
        Ok(evaluation.summary(pack))
    }

    /// Calls `work` with each file, in the order of the list, and shows the progress.
    ///
    /// # Errors
    /// If the work fails, or the evaluation is stopped.
    fn for_each_file(
        &self,
        mut work: impl FnMut(&DatasetFile) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let total = self.dataset.files.len();
        let progress = FileProgress::new(total);
        for (done, file) in self.dataset.files.iter().enumerate() {
            progress.show(done);
            let worked = work(file);
            // A file that was being evaluated when the stop came may have failed because of it.
            if self.stop.is_cancelled() {
                let file = file.name.clone();
                return Err(LabError::Stopped { file, done, total }.into());
            }
            worked?;
        }
        Ok(())
    }
}

fn print_warnings(file: &DatasetFile, warnings: &[String]) {
    for warning in warnings {
        eprint_warning(&format!("{}: {warning}", file.name));
    }
}

fn metric_row(metric: &Metric) -> [String; 3] {
    let [low, high] = metric.interval;
    [
        metric.name.to_owned(),
        format!("{:.3}", metric.value),
        format!("95 % interval {low:.3} to {high:.3}"),
    ]
}

/// Prints a summary as text.
fn print_summary(summary: &EvaluationSummary) -> anyhow::Result<()> {
    let (pack, version) = (&summary.pack, &summary.version);
    let queries = summary.queries.map_or_else(String::new, |queries| {
        format!(", {}", counted(queries, "query"))
    });
    print_line(&format!(
        "{}{queries}, up to {FRAMES} frames per file, pack {pack} {version}",
        counted(summary.n, "file")
    ))?;
    let metrics = summary.metrics.iter().map(metric_row);
    let times = [
        ("ms_per_file", "ms per file"),
        ("ms_look", "  encoding"),
        ("ms_caption", "  captioning"),
    ];
    let times = times.into_iter().filter_map(|(key, name)| {
        let median = summary.times_ms.get(key)?;
        let p95 = summary.times_ms.get(format!("{key}_p95").as_str());
        let p95 = p95.copied().unwrap_or_default();
        let row = [
            name.to_owned(),
            format!("{median:.1}"),
            format!("median; 95th percentile {p95:.1}"),
        ];
        Some(row)
    });
    let columns = [
        TableColumn::left(12, 1),
        TableColumn::right(7, 3),
        TableColumn::left(0, 0),
    ];
    let rows = metrics.chain(times).collect();
    print_layout(&borderless_table(columns, rows))
}
