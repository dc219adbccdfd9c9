//! `atom ask`: answers a question about an index.
//!
//! A question is answered by a run without sources: the graph reads the index and answers, and an observer hands the reply
//! back.

use std::{
    collections::BTreeMap,
    io,
    process::ExitCode,
    sync::mpsc::{Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::anyhow;
use atom_index::{Filter, Store};
use atom_models::Fault;
use atom_operators::{
    cancel::CancellationToken,
    qa::{
        answer::QuestionAnswer, ask::Reply, citation::Citation, question::Question,
        question_source::question_channel,
    },
};
use atom_pipelines::Plan;
use atom_runtime::{
    Observer, Progress, Questions, RunOptions, run,
    sink::Record,
    store_archive::{PackReader, PackReaders, StoreArchive},
};
use clap::Args;
use serde::Serialize;

use crate::{
    args::IndexScopeArgs,
    index_packs::IndexPacks,
    output::{
        MomentText, clear_progress, print_completeness, print_json, print_line, show_partial_answer,
    },
    signals::cancel_on_ctrl_c,
};

/// Answer a question about indexed videos.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom ask \"What is the dog doing?\"
  atom ask \"Is there a person?\" --source door.mp4 --from 1:00 --to 2:00
  atom ask \"When is there a car?\"           also: how long, how often
  atom ask \"How many people are there?\"     the most in one frame
  atom ask \"What can be seen?\"

Questions with yes or no, when, how long, how often and how many are answered from every segment. Any other question is \
answered from the segments that match it best, which the answer cites; without a match, the answer is \"Not seen.\"")]
pub struct Ask {
    /// Question in plain words, 1 to 500 characters.
    #[arg(value_parser = valid_question)]
    question: String,
    #[command(flatten)]
    scope: IndexScopeArgs,
    /// Fail if there is no answer after this many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    within: Option<u32>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Parses a question, without the white space around it.
fn valid_question(text: &str) -> Result<String, String> {
    let question = Question::new(text).map_err(|error| error.to_string())?;
    Ok(question.text.to_string())
}

impl Ask {
    /// Prints the answer, the segments it rests on, and how far these are complete.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.scope.open()?;
        let index = store.path().to_owned();
        let archive = Box::new(archive(store, self.scope.filter())?);
        let plan = empty_plan(&archive.packs.own);
        let stop = cancel_on_ctrl_c()?;
        let (partial_answers, partial_answer) = channel();
        let question = self.question(partial_answers, stop.clone())?;
        let (asking, receiver) = question_channel();
        asking.ask(question);
        drop(asking);
        let progress = thread::spawn(move || {
            for text in partial_answer {
                show_partial_answer(&text);
            }
        });
        let (answers, answer) = channel();
        let options = RunOptions {
            questions: Some(Questions { receiver, archive }),
            ..RunOptions::new(stop, Box::new(ReplySender(answers)))
        };
        let outcome = run(&plan, options)?;
        // The channel of partial answers closes with the question.
        let _ = progress.join();
        clear_progress();
        match answer.try_recv() {
            Ok(answer) => self.print(answer, &Store::open_existing(&index)?),
            Err(_) => Err(anyhow!(
                "no answer: {}",
                outcome.error_messages().join("; ")
            )),
        }
    }

    fn question(
        &self,
        partial_answers: Sender<String>,
        stop: CancellationToken,
    ) -> anyhow::Result<Question> {
        let filter = self.scope.filter();
        let within = self.within.map(|s| Duration::from_secs(s.into()));
        Ok(Question {
            from_ms: filter.from_ms,
            to_ms: filter.to_ms,
            deadline: within.map(|within| Instant::now() + within),
            partial_text: Some(partial_answers),
            // Ctrl-C drops the question: nobody waits for its answer then.
            cancellation: stop,
            ..Question::new(&self.question)?
        })
    }

    fn print(
        &self,
        answer: Result<QuestionAnswer, Fault>,
        store: &Store,
    ) -> anyhow::Result<ExitCode> {
        let mut finding = answer.map_err(|fault| anyhow!("no answer: {}", fault.detail))?;
        for citation in &mut finding.segments {
            citation.path = store.readable_path_of(&citation.source)?;
            citation.start_utc = store.wall_time(&citation.source, citation.start_ms)?;
        }
        match self.json {
            true => {
                let object = AnswerObject {
                    kind: "answer",
                    ask: &self.question,
                    finding: &finding,
                };
                print_json(&object)?;
            }
            false => print_text(&finding)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Returns a plan that has no sources, nodes or sinks: it only answers questions.
fn empty_plan(pack: &str) -> Plan {
    Plan {
        name: "ask".to_owned(),
        pack: pack.to_owned(),
        sources: Vec::new(),
        nodes: Vec::new(),
        sinks: Vec::new(),
        queries: Vec::new(),
    }
}

/// Opens an index for questions. The newest pack writes the answers; rows of the other packs are read with their own
/// models.
fn archive(store: Store, filter: Filter) -> anyhow::Result<StoreArchive> {
    let packs = IndexPacks::open(&store, &filter)?.require_all()?;
    let mut others = BTreeMap::new();
    for pack in packs.installed.iter().skip(1) {
        others.insert(pack.id(), PackReader::load(pack)?);
    }
    Ok(StoreArchive {
        store,
        filter,
        packs: PackReaders {
            own: packs.newest()?.id(),
            others,
        },
    })
}

/// The JSON object of an answer.
#[derive(Serialize)]
struct AnswerObject<'t> {
    kind: &'static str,
    ask: &'t str,
    #[serde(flatten)]
    finding: &'t QuestionAnswer,
}

/// Sends the reply to the question through a channel.
struct ReplySender(Sender<Result<QuestionAnswer, Fault>>);

impl Observer for ReplySender {
    fn result(&mut self, _: &Record) -> io::Result<()> {
        Ok(())
    }

    fn reply(&mut self, reply: &Reply) -> io::Result<()> {
        self.0.send(reply.result.clone()).map_err(io::Error::other)
    }

    fn progress(&mut self, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn print_text(finding: &QuestionAnswer) -> anyhow::Result<()> {
    match finding.probability {
        Some(probability) => {
            print_line(&format!("{} ({:.0} %)", finding.text, probability * 100.0))?
        }
        None => print_line(&finding.text)?,
    }
    for segment in &finding.segments {
        print_line(&segment_line(segment))?;
    }
    print_completeness(
        &finding.coverage.complete_through_ms,
        &finding.coverage.incomplete,
    );
    Ok(())
}

fn segment_line(segment: &Citation) -> String {
    let moment = MomentText {
        source: &segment.source,
        path: segment.path.as_deref(),
        span_ms: (segment.start_ms, segment.end_ms),
        start_utc: segment.start_utc.as_deref(),
    };
    let line = format!("  {}  {}", moment.times_and_source(), segment.text);
    let path = moment.path_in_parentheses();
    match (&segment.answer, segment.probability) {
        (Some(answer), _) => format!("{line}  -> {answer}{path}"),
        (None, Some(probability)) => format!("{line}  ({:.0} %){path}", probability * 100.0),
        (None, None) => line + &path,
    }
}
