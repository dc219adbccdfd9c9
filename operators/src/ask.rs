//! Answers a person's question about what is stored: finds the moments it is about, asks the decoder about each, and says what
//! came of it, with the segments it rests on and how far that is complete.
//!
//! A small decoder answers about one moment better than about many, so each moment is a request of its own. Yes and no, when,
//! how long and how often are counted over all segments by code, from how likely each of them bears the question out.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use atom_models::{Connector, Fault, Impression, Judge, Prompt, Reason, TextEncoder};
use serde::Serialize;
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator},
    progress::Timestamp,
};

use crate::{
    decode::{About, Decoded, Request},
    question::Question,
    summary::{frequent, listed},
    tally::Task,
};

/// The decoder is asked about so many moments.
pub const MOMENTS: usize = 4;
/// So many segments are told that an answer rests on.
const TOLD: usize = 5;
/// From this probability on, a segment bears out a question of yes or no.
const SEEN: f32 = 0.5;
/// Below this probability, a moment has nothing to do with a question, and the decoder is not asked. Lower answers more, and invents
/// more.
const RELATED: f32 = 0.35;
/// So much of the probability of the moment that has most to do with a question another one must have.
const NEAR: f32 = 0.8;
/// So many answers that differ are told.
const ANSWERS: usize = 3;

/// A stored segment.
#[derive(Clone, Debug, PartialEq)]
pub struct Moment {
    /// Name of its source.
    pub source: String,
    /// Where it begins, in milliseconds of media time.
    pub start_ms: u64,
    /// Where it ends.
    pub end_ms: u64,
    /// What it shows, in words.
    pub tags: String,
    /// Its caption, if it has one.
    pub caption: Option<String>,
    /// What the vision encoder made of it; concepts may be missing.
    pub impression: Impression,
}

/// How much of what a question is about is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extent {
    /// Of each source, the media time before which no segment is missing, in milliseconds.
    pub complete_through_ms: BTreeMap<String, u64>,
    /// Sources that are not indexed to the end of what is asked about.
    pub incomplete: Vec<String>,
}

/// Where segments are stored.
pub trait Archive: Send {
    /// How much there is. Asked first, so that it never claims more than is then found.
    ///
    /// # Errors
    /// If the question names a source that is not there, or the archive cannot be read.
    fn extent(&mut self, question: &Question) -> Result<Extent, Fault>;

    /// At most `limit` segments within the question's bounds that fit best, by words and by vector, best first.
    ///
    /// # Errors
    /// If the archive cannot be read.
    fn best(
        &mut self,
        question: &Question,
        words: &str,
        vector: Vec<f32>,
        limit: usize,
    ) -> Result<Vec<Moment>, Fault>;

    /// Visits all segments within the question's bounds, by source and start.
    ///
    /// # Errors
    /// If the archive cannot be read, or what `visit` gives.
    fn each(
        &mut self,
        question: &Question,
        visit: &mut dyn FnMut(Moment) -> Result<(), Fault>,
    ) -> Result<(), Fault>;
}

/// What came of a question.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The question.
    pub question: Arc<Question>,
    /// The answer, or why there is none.
    pub result: Result<Finding, Fault>,
}

/// An answer with what it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// The answer.
    pub text: String,
    /// Of yes or no, how likely it is, 0 to 1, by the segment that speaks most for yes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
    /// What it rests on, what speaks most for it first; neighbours of one source are told as one.
    pub segments: Vec<Rest>,
    /// How far that is complete.
    #[serde(flatten)]
    pub extent: Extent,
}

/// A stretch that an answer rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Rest {
    /// Name of its source.
    pub source: String,
    /// Where it begins, in milliseconds of media time.
    pub start_ms: u64,
    /// Where it ends.
    pub end_ms: u64,
    /// Its caption, or what it shows.
    pub text: String,
    /// What the decoder answered about it alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// How likely it bears the question out, or has to do with it.
    pub probability: f32,
}

/// What is wanted of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    YesNo,
    When,
    HowLong,
    HowOften,
    /// Anything else: the decoder's own words.
    Open,
}

/// Words that begin a question of yes or no.
const ASKING: [&str; 22] = [
    "is", "are", "was", "were", "isn't", "aren't", "do", "does", "did", "can", "could", "has",
    "have", "had", "will", "would", "should", "may", "might", "must", "doesn't", "didn't",
];
/// Words that say nothing of what a question is about.
const EMPTY: [&str; 72] = [
    "a",
    "an",
    "the",
    "of",
    "in",
    "on",
    "at",
    "to",
    "for",
    "from",
    "with",
    "by",
    "and",
    "or",
    "it",
    "its",
    "this",
    "that",
    "these",
    "those",
    "there",
    "here",
    "they",
    "them",
    "their",
    "he",
    "she",
    "his",
    "her",
    "him",
    "you",
    "we",
    "me",
    "i",
    "what",
    "which",
    "who",
    "whom",
    "whose",
    "where",
    "when",
    "why",
    "how",
    "many",
    "much",
    "kind",
    "sort",
    "colour",
    "color",
    "be",
    "being",
    "been",
    "am",
    "doing",
    "done",
    "happen",
    "happening",
    "happens",
    "happened",
    "going",
    "see",
    "seen",
    "shown",
    "show",
    "visible",
    "tell",
    "describe",
    "video",
    "recording",
    "picture",
    "scene",
    "please",
];

impl Form {
    /// The form of a question, and the question of yes or no that each segment is asked for it.
    fn of(text: &str) -> (Self, String) {
        let lower = text.to_lowercase();
        let openings = [
            ("when ", Self::When),
            ("how long ", Self::HowLong),
            ("how often ", Self::HowOften),
            ("how many times ", Self::HowOften),
        ];
        for (opening, form) in openings {
            if lower.starts_with(opening) {
                let rest = text.chars().skip(opening.chars().count());
                return (form, rest.collect::<String>().trim().to_owned());
            }
        }
        let first = lower.split_whitespace().next().unwrap_or("");
        // "Is it a cat or a dog?" wants neither yes nor no.
        let choice = lower.contains(" or ");
        let form = match ASKING.contains(&first) && !choice {
            true => Self::YesNo,
            false => Self::Open,
        };
        (form, text.to_owned())
    }
}

/// The words of a question that say what it is about.
fn content(text: &str) -> String {
    let words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '\''));
    let telling = words.filter(|word| {
        let lower = word.to_lowercase();
        !word.is_empty() && !EMPTY.contains(&&*lower) && !ASKING.contains(&&*lower)
    });
    telling.collect::<Vec<_>>().join(" ")
}

/// What was found for a question before the decoder is asked.
#[derive(Clone, Debug)]
pub struct Evidence {
    form: Form,
    /// Moments to ask the decoder about, or those that bear the question out, in order of time.
    moments: Vec<(Moment, f32)>,
    /// What was said of all of it, if the question is about nothing in particular.
    whole: Option<String>,
    /// Segments within the bounds.
    looked: u64,
    /// The highest probability among all of them.
    likeliest: f32,
    extent: Extent,
}

/// Finds what a question is about.
pub struct Finder<'f> {
    /// Where segments are stored.
    pub archive: &'f mut dyn Archive,
    /// Tells how likely a segment bears a question out; without it the decoder answers everything.
    pub judge: Option<&'f mut Judge>,
    /// Gives the vectors of questions.
    pub text: &'f mut dyn TextEncoder,
}

impl Finder<'_> {
    /// The evidence for a question.
    ///
    /// # Errors
    /// If the archive cannot be read, has no such source, or the text encoder fails.
    pub fn find(&mut self, question: &Question) -> Result<Evidence, Fault> {
        let (form, asked) = Form::of(&question.text);
        let mut evidence = Evidence {
            form: if self.judge.is_some() {
                form
            } else {
                Form::Open
            },
            moments: Vec::new(),
            whole: None,
            looked: 0,
            likeliest: 0.0,
            extent: self.archive.extent(question)?,
        };
        match evidence.form {
            Form::Open => self.related(question, &mut evidence)?,
            _ => self.count(question, &asked, &mut evidence)?,
        }
        Ok(evidence)
    }

    /// The moments that a question of yes or no is true of.
    fn count(
        &mut self,
        question: &Question,
        asked: &str,
        evidence: &mut Evidence,
    ) -> Result<(), Fault> {
        let Self {
            archive,
            judge,
            text,
        } = self;
        archive.each(question, &mut |mut moment| {
            let yes = likely(judge, asked, &moment.impression, *text)?;
            evidence.looked += 1;
            evidence.likeliest = evidence.likeliest.max(yes);
            if yes >= SEEN {
                moment.impression = Impression::default();
                evidence.moments.push((moment, yes));
            }
            Ok(())
        })
    }

    /// The moments that the decoder is to be asked about.
    fn related(&mut self, question: &Question, evidence: &mut Evidence) -> Result<(), Fault> {
        let words = content(&question.text);
        if words.is_empty() {
            return self.all(question, evidence);
        }
        let vector = self
            .text
            .embed(&words)
            .map_err(|error| Fault::new(Reason::Model, error))?;
        let best = self.archive.best(question, &words, vector, 2 * MOMENTS)?;
        evidence.looked = best.len() as u64;
        let mut moments = Vec::new();
        for moment in best {
            let yes = likely(
                &mut self.judge,
                &question.text,
                &moment.impression,
                self.text,
            )?;
            moments.push((moment, yes));
        }
        // A stable sort: of equals the one that was found first.
        moments.sort_by(|a, b| b.1.total_cmp(&a.1));
        evidence.likeliest = moments.first().map_or(0.0, |(_, yes)| *yes);
        let least = RELATED.max(NEAR * evidence.likeliest);
        moments.retain(|(_, yes)| *yes >= least);
        moments.truncate(MOMENTS);
        evidence.moments = moments;
        Ok(())
    }

    /// A question about nothing in particular: what was said most often, and the first moments at which it was.
    fn all(&mut self, question: &Question, evidence: &mut Evidence) -> Result<(), Fault> {
        let (mut said, mut first) = (Vec::new(), BTreeMap::new());
        self.archive.each(question, &mut |mut moment| {
            evidence.looked += 1;
            moment.impression = Impression::default();
            let text = moment
                .caption
                .clone()
                .unwrap_or_else(|| moment.tags.clone());
            first.entry(text.clone()).or_insert(moment);
            said.push(text);
            Ok(())
        })?;
        if said.is_empty() {
            return Ok(());
        }
        let frequent = frequent(&said);
        let moments = frequent.iter().filter_map(|(text, _)| first.remove(*text));
        evidence.moments = moments.map(|moment| (moment, 1.0)).collect();
        evidence.whole = Some(listed(&frequent));
        Ok(())
    }
}

fn likely(
    judge: &mut Option<&mut Judge>,
    question: &str,
    impression: &Impression,
    text: &mut dyn TextEncoder,
) -> Result<f32, Fault> {
    let Some(judge) = judge else { return Ok(1.0) };
    let yes = judge.yes(question, impression, text);
    yes.map_err(|error| Fault::new(Reason::Model, error))
}

/// A question with its evidence, while the decoder is asked.
#[derive(Debug)]
pub struct Inquiry {
    /// The question.
    pub question: Arc<Question>,
    evidence: Evidence,
}

impl Inquiry {
    /// The n-th moment that the decoder is asked about.
    pub fn moment(&self, n: usize) -> &Moment {
        &self.evidence.moments[n].0
    }

    /// So many answers of the decoder are wanted.
    fn wanted(&self) -> usize {
        match (self.evidence.form, &self.evidence.whole) {
            (Form::Open, None) => self.evidence.moments.len(),
            (Form::Open, Some(_)) => 1,
            _ => 0,
        }
    }
}

/// What there is to ask the decoder.
fn requests(inquiry: &Arc<Inquiry>, connector: &Connector) -> Vec<Request> {
    let request = |n| {
        let (prompt, max_tokens) = match &inquiry.evidence.whole {
            Some(whole) => (connector.summary_prompt(whole), connector.summary_tokens()),
            None => (
                prompt(inquiry.moment(n), &inquiry.question.text, connector),
                connector.answer_tokens(),
            ),
        };
        Request {
            about: About::Moment(Arc::clone(inquiry), n),
            task: Task::Ask,
            question: Some(Arc::clone(&inquiry.question.text)),
            prompt: Ok(prompt),
            remembered: Arc::default(),
            judged: false,
            max_tokens,
        }
    };
    (0..inquiry.wanted()).map(request).collect()
}

fn prompt(moment: &Moment, question: &str, connector: &Connector) -> Prompt {
    let Moment { tags, caption, .. } = moment;
    match caption {
        Some(caption) => connector.ask_prompt(&format!("{tags}. {caption}"), question),
        None => connector.ask_prompt(tags, question),
    }
}

/// What the decoder said about each moment, and how many answers are still out.
type Open = (Vec<Option<Result<String, Fault>>>, usize);

/// The core: inquiries whose answers are not all there.
#[derive(Default)]
struct Gathering {
    /// By the address of the inquiry, which is held here as long as it counts.
    open: HashMap<*const Inquiry, (Arc<Inquiry>, Open)>,
}

impl Gathering {
    /// Begins; gives the reply if nothing need be asked.
    fn begin(&mut self, inquiry: Arc<Inquiry>) -> Option<Reply> {
        let wanted = inquiry.wanted();
        if wanted == 0 {
            return Some(reply(&inquiry, Vec::new()));
        }
        self.open.insert(
            Arc::as_ptr(&inquiry),
            (inquiry, (vec![None; wanted], wanted)),
        );
        None
    }

    /// Takes what the decoder said about a moment; gives the reply if it was the last.
    fn push(
        &mut self,
        inquiry: &Arc<Inquiry>,
        n: usize,
        said: Result<String, Fault>,
    ) -> Option<Reply> {
        let (_, (answers, left)) = self.open.get_mut(&Arc::as_ptr(inquiry))?;
        answers[n] = Some(said);
        *left -= 1;
        if *left > 0 {
            return None;
        }
        let (inquiry, (answers, _)) = self.open.remove(&Arc::as_ptr(inquiry))?;
        Some(reply(&inquiry, answers.into_iter().flatten().collect()))
    }
}

fn reply(inquiry: &Inquiry, answers: Vec<Result<String, Fault>>) -> Reply {
    let evidence = &inquiry.evidence;
    let failed = answers.iter().find_map(|answer| answer.as_ref().err());
    // What the decoder gave of some moments is worth telling without the others.
    let result = match failed {
        Some(fault) if answers.iter().all(Result::is_err) => Err(fault.clone()),
        _ => Ok(match evidence.form {
            Form::Open => told(evidence, answers),
            _ => counted(evidence),
        }),
    };
    Reply {
        question: Arc::clone(&inquiry.question),
        result,
    }
}

impl Evidence {
    fn finding(&self, text: String, probability: Option<f32>, mut segments: Vec<Rest>) -> Finding {
        segments.truncate(TOLD);
        Finding {
            text,
            probability: probability.map(rounded),
            segments,
            extent: self.extent.clone(),
        }
    }

    fn nothing_there(&self) -> Finding {
        self.finding(
            "There is no video in that span.".to_owned(),
            None,
            Vec::new(),
        )
    }
}

/// A thousandth is more than is known of a probability.
fn rounded(probability: f32) -> f32 {
    (probability * 1000.0).round() / 1000.0
}

fn rest((moment, probability): &(Moment, f32), answer: Option<String>) -> Rest {
    let text = moment.caption.as_ref().unwrap_or(&moment.tags);
    Rest {
        source: moment.source.clone(),
        start_ms: moment.start_ms,
        end_ms: moment.end_ms,
        text: text.clone(),
        probability: rounded(*probability),
        answer,
    }
}

/// The decoder's answers, each once: first the one that the moments speak for that have most to do with the question.
fn told(evidence: &Evidence, answers: Vec<Result<String, Fault>>) -> Finding {
    if evidence.looked == 0 {
        return evidence.nothing_there();
    }
    if evidence.whole.is_some() {
        let text = answers.into_iter().flatten().next().unwrap_or_default();
        let rests = evidence.moments.iter().map(|moment| rest(moment, None));
        return evidence.finding(text, None, rests.collect());
    }
    let mut groups: Vec<(String, f32)> = Vec::new();
    let mut rests = Vec::new();
    for (moment, answer) in evidence.moments.iter().zip(answers) {
        let Some(answer) = answer.ok().filter(|answer| seen(answer)) else {
            continue;
        };
        rests.push(rest(moment, Some(answer.clone())));
        let same = |(other, _): &&mut (String, f32)| other.eq_ignore_ascii_case(&answer);
        match groups.iter_mut().find(same) {
            Some((_, weight)) => *weight += moment.1,
            None => groups.push((answer, moment.1)),
        }
    }
    groups.sort_by(|a, b| b.1.total_cmp(&a.1));
    let texts: Vec<_> = groups
        .into_iter()
        .take(ANSWERS)
        .map(|(text, _)| text)
        .collect();
    let text = match texts.is_empty() {
        true => "Not seen.".to_owned(),
        false => texts.join(" "),
    };
    evidence.finding(text, None, rests)
}

/// Whether an answer is more than that nothing was seen.
fn seen(answer: &str) -> bool {
    let lower = answer.to_lowercase();
    let plain = lower.trim_end_matches('.').trim();
    !plain.is_empty() && !["not seen", "none", "unknown", "maybe", "no", "not"].contains(&plain)
}

/// What is counted over all segments.
fn counted(evidence: &Evidence) -> Finding {
    let Evidence {
        moments,
        looked,
        likeliest,
        ..
    } = evidence;
    if *looked == 0 {
        return evidence.nothing_there();
    }
    let stretches = stretches(moments);
    let seconds = moments
        .iter()
        .map(|(moment, _)| moment.end_ms.saturating_sub(moment.start_ms))
        .sum::<u64>() as f64
        / 1000.0;
    let segments = match moments.len() {
        1 => "1 segment".to_owned(),
        count => format!("{count} segments"),
    };
    let share = format!("{segments} of {looked}, {seconds:.1} s in all");
    let text = match (evidence.form, moments.is_empty()) {
        (Form::YesNo, true) => format!("No: in none of {looked} segments."),
        (_, true) => format!("Never: in none of {looked} segments."),
        (Form::When, false) => format!("{}.", capital(&times(&stretches))),
        (Form::HowLong, false) => format!("{seconds:.1} s, in {segments} of {looked}."),
        (Form::HowOften, false) => match stretches.len() {
            1 => format!("Once: {share}."),
            count => format!("{count} times: {share}."),
        },
        (_, false) => format!("Yes: in {share}; {}.", times(&stretches)),
    };
    let probability = (evidence.form == Form::YesNo).then(|| match moments.is_empty() {
        true => 1.0 - likeliest,
        false => *likeliest,
    });
    let mut rests = stretches;
    rests.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    evidence.finding(text, probability, rests)
}

/// Neighbours of one source as one, in order of time, each with what its likeliest segment shows.
fn stretches(moments: &[(Moment, f32)]) -> Vec<Rest> {
    let mut found: Vec<Rest> = Vec::new();
    for moment in moments {
        let next = rest(moment, None);
        match found.last_mut() {
            Some(last) if last.source == next.source && next.start_ms <= last.end_ms => {
                last.end_ms = last.end_ms.max(next.end_ms);
                if next.probability > last.probability {
                    (last.text, last.probability) = (next.text, next.probability);
                }
            }
            _ => found.push(next),
        }
    }
    found
}

/// The first few stretches, as times; with the source where there are several.
fn times(stretches: &[Rest]) -> String {
    let several = stretches
        .iter()
        .any(|rest| rest.source != stretches[0].source);
    let told = stretches.iter().take(TOLD).map(|rest| {
        let span = format!("{} to {}", clock(rest.start_ms), clock(rest.end_ms));
        match several {
            true => format!("{span} of {}", rest.source),
            false => span,
        }
    });
    let told = told.collect::<Vec<_>>().join(", ");
    match stretches.len().saturating_sub(TOLD) {
        0 => format!("from {told}"),
        more => format!("from {told} and {more} more"),
    }
}

/// A time for a sentence: hours, if there are any, minutes, seconds.
fn clock(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds / 3600 {
        0 => format!("{}:{:02}", seconds / 60, seconds % 60),
        hours => format!("{hours}:{:02}:{:02}", seconds / 60 % 60, seconds % 60),
    }
}

/// The same sentence with a capital.
fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

/// What the operator takes.
#[derive(Clone, Debug)]
pub enum Heard {
    /// The evidence for a question, or why there is none.
    Found(Arc<Question>, Result<Evidence, Fault>),
    /// What the decoder said about a moment.
    Said(Decoded),
}

/// What it gives.
#[derive(Clone, Debug)]
pub enum Told {
    /// Something to ask the decoder in the next pass.
    Request(Request),
    /// An answer.
    Reply(Reply),
}

/// Asks the decoder about the moments that were found, and answers when all of it is there.
pub fn ask<'s, T: Timestamp>(
    heard: StreamVec<'s, T, Heard>,
    connector: Connector,
) -> StreamVec<'s, T, Told> {
    let mut gathering = Gathering::default();
    heard.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Ask",
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let told = batches
                        .flat_map(|batch| batch.drain(..))
                        .flat_map(|heard| answer(&mut gathering, heard, &connector));
                    let told: Vec<_> = told.collect();
                    output.session(&capability).give_iterator(told.into_iter());
                });
            }
        },
    )
}

fn answer(gathering: &mut Gathering, heard: Heard, connector: &Connector) -> Vec<Told> {
    match heard {
        Heard::Found(question, Err(fault)) => {
            let result = Err(fault);
            vec![Told::Reply(Reply { question, result })]
        }
        Heard::Found(question, Ok(evidence)) => {
            let inquiry = Arc::new(Inquiry { question, evidence });
            let requests = requests(&inquiry, connector).into_iter().map(Told::Request);
            let reply = gathering.begin(inquiry).map(Told::Reply);
            requests.chain(reply).collect()
        }
        Heard::Said(decoded) => {
            let About::Moment(inquiry, n) = &decoded.item.about else {
                return Vec::new();
            };
            gathering
                .push(inquiry, *n, decoded.sentence())
                .map(Told::Reply)
                .into_iter()
                .collect()
        }
    }
}
