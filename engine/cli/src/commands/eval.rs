//! `atom eval`: measures a pack by a folder of files that people described.

use atom_operators::cancel::CancellationToken;
use std::{
    fs::{self, File},
    io::{LineWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use atom_lab::eval::{
    CaptionExam, Case, Cases, EvalError, RetrievalExam, Summary, cases::LIST, eye::FRAMES, leak,
};
use atom_models::Pack;
use clap::{Args, Subcommand};
use serde::Serialize;

use crate::{
    output::{FileProgress, eprint_line, print_line},
    signals::cancel_on_ctrl_c,
};

/// Measure a pack by files that people described.
#[derive(Args)]
pub struct Eval {
    #[command(subcommand)]
    exam: Exam,
}

/// The exams.
#[derive(Subcommand)]
enum Exam {
    /// Caption each file; score the captions against those that people wrote.
    #[command(after_help = "\
Example:
  atom eval caption clips/ --json -o captions.jsonl

DIR holds pictures and videos and a list of them, captions.json:
  [{\"file\": \"dog.jpg\", \"captions\": [\"A dog runs.\", \"A brown dog in the grass.\"]}]")]
    Caption(Settings),
    /// Search for each caption that people wrote; see how well it finds its file.
    #[command(after_help = "\
Example:
  atom eval retrieval clips/ --json -o ranks.jsonl

DIR holds pictures and videos and a list of them, captions.json:
  [{\"file\": \"dog.jpg\", \"captions\": [\"A dog runs.\", \"A brown dog in the grass.\"]}]

Files that score the same as the right one count as before it.")]
    Retrieval(Settings),
}

#[derive(Args)]
struct Settings {
    /// The folder with captions.json and the files that it names.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The pack of models.
    #[arg(long, default_value = "mini")]
    pack: String,
    /// Print JSON: a line for each file or query, last the summary.
    #[arg(long)]
    json: bool,
    /// Write a line of JSON for each file or query to this file.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Refuse to evaluate if the pack remembers one of the captions, or with =FILE if a sentence of that file (one a
    /// line) is one of them.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    check_leak: Option<Option<PathBuf>>,
}

impl Eval {
    /// Holds the exam and tells what it came to.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let (Exam::Caption(settings) | Exam::Retrieval(settings)) = &self.exam;
        let cases = settings.cases()?;
        let pack = Pack::open(&settings.pack)?;
        if matches!(settings.check_leak, Some(None)) {
            settings.check_memory(&pack, &cases)?;
        }
        let stop = cancel_on_ctrl_c()?;
        let exam = Sitting {
            settings,
            cases: &cases,
            stop,
        };
        let summary = match self.exam {
            Exam::Caption(_) => exam.caption(&pack)?,
            Exam::Retrieval(_) => exam.retrieval(&pack)?,
        };
        match settings.json {
            true => print_line(&summary.json().to_string())?,
            false => print(&summary)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Settings {
    /// The files, once everything that can be known to be wrong before the exam was looked for.
    fn cases(&self) -> anyhow::Result<Cases> {
        let cases = Cases::read(&self.folder)?;
        if let [first, ..] = &cases.unnamed[..] {
            eprint_line(&format!(
                "note: files of {} that {LIST} does not name are left out: {}, the first is {}",
                self.folder.display(),
                cases.unnamed.len(),
                first.display()
            ));
        }
        if let Some(path) = self.leaks() {
            let compared = leak::check(&leak::sentences(path)?, &cases)?;
            eprint_line(&format!(
                "compared {compared} sentences of {} with the captions: none is one of them",
                path.display()
            ));
        }
        if let Some(path) = &self.output {
            self.check_output(path, &cases)?;
        }
        Ok(cases)
    }

    /// The file whose sentences are compared with the captions, if one was named.
    fn leaks(&self) -> Option<&PathBuf> {
        self.check_leak.as_ref()?.as_ref()
    }

    /// Compares the pack's own memory with the captions.
    fn check_memory(&self, pack: &Pack, cases: &Cases) -> anyhow::Result<()> {
        let memory = pack.memory()?;
        let sentences = memory.as_ref().map_or(&[][..], |memory| memory.sentences());
        let compared = leak::check(sentences, cases)?;
        eprint_line(&format!(
            "compared {compared} sentences that the pack {} remembers with the captions: none is one of them",
            pack.id()
        ));
        Ok(())
    }

    /// Finds out before the exam whether its results can be written, and that they overwrite nothing that it reads.
    fn check_output(&self, path: &Path, cases: &Cases) -> anyhow::Result<()> {
        let list = self.folder.join(LIST);
        let files = cases.cases.iter().map(|case| &case.path);
        let mut read = files.chain([&list]).chain(self.leaks());
        if let Ok(place) = path.canonicalize()
            && read.any(|other| other.canonicalize().is_ok_and(|other| other == place))
        {
            bail!(
                "the results {} would write over a file that is read; give them another name",
                path.display()
            );
        }
        let opened = fs::OpenOptions::new().append(true).create(true).open(path);
        opened.map(drop).with_context(|| unwritable(path))
    }

    fn lines(&self) -> anyhow::Result<Lines> {
        let create = |path: &PathBuf| {
            let file = File::create(path).with_context(|| unwritable(path))?;
            anyhow::Ok((path.clone(), LineWriter::new(file)))
        };
        Ok(Lines {
            print: self.json,
            file: self.output.as_ref().map(create).transpose()?,
        })
    }
}

fn unwritable(path: &Path) -> String {
    format!("cannot write the results {}", path.display())
}

/// Where the lines of single files go.
struct Lines {
    print: bool,
    file: Option<(PathBuf, LineWriter<File>)>,
}

impl Lines {
    fn write(&mut self, result: &impl Serialize) -> anyhow::Result<()> {
        let line = serde_json::to_string(result)?;
        if self.print {
            print_line(&line)?;
        }
        if let Some((path, file)) = &mut self.file {
            writeln!(file, "{line}").with_context(|| unwritable(path))?;
        }
        Ok(())
    }
}

/// An exam that is held.
struct Sitting<'s> {
    settings: &'s Settings,
    cases: &'s Cases,
    stop: CancellationToken,
}

impl Sitting<'_> {
    fn caption(&self, pack: &Pack) -> anyhow::Result<Summary> {
        let mut exam = CaptionExam::open(pack, self.cases, self.stop.clone())?;
        let mut lines = self.settings.lines()?;
        self.each(|case| {
            let captioned = exam.take(case)?;
            warn(case, &captioned.warnings);
            if captioned.caption.is_empty() {
                warn(
                    case,
                    &["the decoder said nothing; that counts as an empty caption".to_owned()],
                );
            }
            lines.write(&captioned)
        })?;
        Ok(exam.summary(pack))
    }

    fn retrieval(&self, pack: &Pack) -> anyhow::Result<Summary> {
        let mut exam = RetrievalExam::open(pack, self.stop.clone())?;
        let mut lines = self.settings.lines()?;
        self.each(|case| {
            warn(case, &exam.look(case)?);
            Ok(())
        })?;
        self.each(|case| {
            let ranked = exam.search(case)?;
            ranked.iter().try_for_each(|ranked| lines.write(ranked))
        })?;
        Ok(exam.summary(pack))
    }

    /// Does something with each file, in the order of the list, and shows how far it is. Ends when the run is stopped.
    fn each(&self, mut work: impl FnMut(&Case) -> anyhow::Result<()>) -> anyhow::Result<()> {
        let bar = FileProgress::new(self.cases.cases.len());
        for (done, case) in self.cases.cases.iter().enumerate() {
            bar.show(done);
            let worked = work(case);
            // A file that was under way when the stop came may have failed for it.
            if self.stop.is_cancelled() {
                let (file, of) = (case.file.clone(), self.cases.cases.len());
                return Err(EvalError::Stopped { file, done, of }.into());
            }
            worked?;
        }
        Ok(())
    }
}

fn warn(case: &Case, warnings: &[String]) {
    for warning in warnings {
        eprint_line(&format!("warning: {}: {warning}", case.file));
    }
}

/// Shows a summary to a person.
fn print(summary: &Summary) -> anyhow::Result<()> {
    let (pack, version) = (&summary.pack, &summary.version);
    let queries = summary
        .queries
        .map_or_else(String::new, |queries| format!(", {queries} queries"));
    print_line(&format!(
        "{} files{queries}, at most {FRAMES} frames of each, pack {pack} {version}",
        summary.n
    ))?;
    for measure in &summary.measures {
        let [low, high] = measure.interval;
        print_line(&format!(
            "{:<12} {:>7.3}   95 % between {low:.3} and {high:.3}",
            measure.name, measure.value
        ))?;
    }
    for (key, name) in [
        ("ms_per_file", "ms a file"),
        ("ms_look", "  to look"),
        ("ms_caption", "  to caption"),
    ] {
        if let Some(median) = summary.cost.get(key) {
            let most = summary.cost.get(format!("{key}_p95").as_str());
            let most = most.copied().unwrap_or_default();
            print_line(&format!(
                "{name:<12} {median:>7.1}   median; 95 of 100 files need at most {most:.1}"
            ))?;
        }
    }
    Ok(())
}
