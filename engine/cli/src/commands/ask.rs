//! `atom ask`: answers a question about what was indexed.

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
    ask::Reply,
    data::MediaTime,
    finding::{Finding, Rest},
    question::{Question, inbox},
};
use atom_pipelines::Plan;
use atom_runtime::{
    archive::{Reader, Readers, StoreArchive},
    audience::{Audience, Progress},
    run::{self, Options, Questions},
    sink::Record,
};
use clap::Args;
use serde::Serialize;

use super::{
    scope::{Packs, Scope},
    terminal,
};

/// Answer a question about what was indexed.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom ask \"What is the dog doing?\"
  atom ask \"Is there a person?\" --source door.mp4 --from 1:00 --to 2:00
  atom ask \"When is there a car?\"           also: how long, how often

Yes and no, when, how long and how often are counted over every segment. Any other question is asked of the moments that fit it
best; the answer names them. What nothing was found for is \"Not seen\".")]
pub struct Ask {
    /// The question, in plain words, 1 to 500 characters.
    #[arg(value_parser = plain)]
    question: String,
    #[command(flatten)]
    scope: Scope,
    /// Give up after so many seconds.
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=86_400))]
    within: Option<u32>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

fn plain(text: &str) -> Result<String, String> {
    let question = Question::new(text).map_err(|error| error.to_string())?;
    Ok(question.text.to_string())
}

impl Ask {
    /// Prints the answer, what it rests on, and how far that is complete.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = self.scope.open()?;
        let filter = self.scope.filter();
        let archive = Box::new(archive(store, filter.clone())?);
        let plan = Plan {
            name: "ask".to_owned(),
            pack: archive.readers.own.clone(),
            sources: Vec::new(),
            nodes: Vec::new(),
            sinks: Vec::new(),
            queries: Vec::new(),
        };
        let stop = terminal::stop_on_signal()?;
        let (hearing, growing) = channel();
        let question = Question {
            from_ms: filter.from_ms,
            to_ms: filter.to_ms,
            deadline: self
                .within
                .map(|s| Instant::now() + Duration::from_secs(s.into())),
            hearing: Some(hearing),
            // Nobody waits for the answer once the person has pressed Ctrl-C.
            dropped: stop.clone(),
            ..Question::new(&self.question)?
        };
        let (asking, inbox) = inbox();
        asking.ask(question);
        drop(asking);
        let shown = thread::spawn(move || {
            growing
                .into_iter()
                .for_each(|text: String| terminal::growing(&text))
        });
        let (answers, answer) = channel();
        let options = Options {
            questions: Some(Questions { inbox, archive }),
            ..Options::new(stop, Box::new(Listener(answers)))
        };
        let outcome = run::run(&plan, options)?;
        // The channel of the growing answer closes with the question.
        let _ = shown.join();
        terminal::grown();
        match answer.try_recv() {
            Ok(answer) => self.tell(answer),
            Err(_) => Err(anyhow!("no answer came: {}", outcome.errors.join("; "))),
        }
    }

    fn tell(&self, answer: Result<Finding, Fault>) -> anyhow::Result<ExitCode> {
        let finding = answer.map_err(|fault| anyhow!("no answer: {}", fault.detail))?;
        match self.json {
            true => {
                let told = Told {
                    kind: "answer",
                    ask: &self.question,
                    finding: &finding,
                };
                terminal::result(&serde_json::to_string(&told)?)?;
            }
            false => print(&finding)?,
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What questions find. The newest pack speaks; what others made, they tell about.
fn archive(store: Store, filter: Filter) -> anyhow::Result<StoreArchive> {
    let packs = Packs::of(&store, &filter)?.all()?;
    let mut others = BTreeMap::new();
    for pack in packs.installed.iter().skip(1) {
        others.insert(pack.id(), Reader::of(pack)?);
    }
    Ok(StoreArchive {
        store,
        filter,
        readers: Readers {
            own: packs.newest()?.id(),
            others,
        },
    })
}

/// An answer as JSON.
#[derive(Serialize)]
struct Told<'t> {
    kind: &'static str,
    ask: &'t str,
    #[serde(flatten)]
    finding: &'t Finding,
}

/// Hands the answer on.
struct Listener(Sender<Result<Finding, Fault>>);

impl Audience for Listener {
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

fn print(finding: &Finding) -> anyhow::Result<()> {
    match finding.probability {
        Some(probability) => {
            terminal::result(&format!("{} ({:.0} %)", finding.text, probability * 100.0))?
        }
        None => terminal::result(&finding.text)?,
    }
    for rest in &finding.segments {
        terminal::result(&line(rest))?;
    }
    terminal::tell_extent(
        &finding.extent.complete_through_ms,
        &finding.extent.incomplete,
    );
    Ok(())
}

fn line(rest: &Rest) -> String {
    let (start, end) = (
        MediaTime::from_millis(rest.start_ms),
        MediaTime::from_millis(rest.end_ms),
    );
    let place = format!("  {start} - {end}  {}  {}", rest.source, rest.text);
    match (&rest.answer, rest.probability) {
        (Some(answer), _) => format!("{place}  -> {answer}"),
        (None, Some(probability)) => format!("{place}  ({:.0} %)", probability * 100.0),
        (None, None) => place,
    }
}
