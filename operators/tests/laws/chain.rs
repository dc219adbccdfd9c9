//! The whole chain of operators over fake models, with a log of what each of them gave. Every line of the log begins
//! with its media time in ms.

use std::{cell::RefCell, collections::BTreeMap, fmt::Debug, rc::Rc, sync::Arc};

use atom_models::{
    Decoder, KvCache, KvShape, ModelError, Prompt, Scheduler, SchedulerSettings, fake,
    fake::{FakeDecoder, FakeVisionEncoder},
};
use atom_operators::{
    caption,
    data::*,
    decode::{About, Asked, Decoded, Follower, Service, decode},
    encode::encode,
    flow::{Bounds, Flow},
    index::{Part, index},
    minutes,
    offload::{Crew, Health},
    reason::{self, Asker, ReasonSpec},
    recall::{Recall, Wish, recall},
    sample::{SampleSpec, Sampling, sample},
    seal::{Event, Sealed, Waiting, seal},
    segment::{Cut, SegmentSpec, segment},
    summary::{self, SummarySpec},
    tally::Tally,
    tick::Tick,
};
use timely::dataflow::{
    ProbeHandle, StreamVec,
    operators::{Concat, Concatenate, Inspect, Probe, generic::operator::empty, vec::Map},
};

/// What each operator gave, by source.
pub type Lines = BTreeMap<(&'static str, u32), Vec<String>>;

const SEGMENTS: NodeId = NodeId(0);
const CAPTION: NodeId = NodeId(1);
const SCENE: NodeId = NodeId(2);
const FOLLOW: NodeId = NodeId(3);
const SUMMARY: NodeId = NodeId(5);
/// What the decoder gives to each node.
pub const DECODED: [&str; 4] = ["", "caption", "over segments", "over captions"];

#[derive(Clone, Debug)]
pub struct Setup {
    pub sample: SampleSpec,
    pub segment: SegmentSpec,
    /// What is asked about segments, and about captions.
    pub asks: [&'static str; 2],
    pub bounds: Bounds,
    /// Whether the decoder fails always.
    pub broken: bool,
    /// Whether a source says that it ends, or just vanishes.
    pub ends: bool,
    /// On so many lanes the sources take turns; on a lane each if it is 0.
    pub lanes: usize,
}

/// What the graph and the test share.
#[derive(Clone)]
pub struct Shared {
    pub log: Rc<RefCell<Lines>>,
    pub held: Rc<RefCell<Vec<Sealed>>>,
    pub tally: Tally,
    pub vision: Health,
    pub sources: u32,
    /// By lane; source n comes on lane n modulo their number.
    pub flows: Vec<Arc<Flow>>,
}

impl Shared {
    fn note(&self, stage: &'static str, source: SourceId, line: String) {
        let mut log = self.log.borrow_mut();
        log.entry((stage, source.planned)).or_default().push(line);
    }

    /// Writes down what passes by.
    fn tap<'s, D: Clone + 'static>(
        &self,
        stream: StreamVec<'s, Tick, D>,
        tell: impl Fn(&D) -> (&'static str, SourceId, String) + 'static,
    ) -> StreamVec<'s, Tick, D> {
        let shared = self.clone();
        stream.inspect(move |record| {
            let (stage, source, line) = tell(record);
            shared.note(stage, source, line);
        })
    }
}

/// A decoder that never works.
struct Broken(FakeDecoder);

impl Decoder for Broken {
    fn encode(&mut self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.0.encode(text)
    }

    fn decode(&mut self, tokens: &[u32]) -> Result<String, ModelError> {
        self.0.decode(tokens)
    }

    fn ends(&self) -> &[u32] {
        self.0.ends()
    }

    fn context(&self) -> usize {
        self.0.context()
    }

    fn shape(&self) -> KvShape {
        self.0.shape()
    }

    fn run(&mut self, _: &[u32], _: &[bool], _: &mut KvCache) -> Result<Vec<f32>, ModelError> {
        Err(ModelError::FakeFailure("always"))
    }
}

fn line(at: MediaTime, what: &str, more: impl Debug) -> String {
    format!("{} {what} {more:?}", at.millis())
}

fn tell_failure(failure: &Failure) -> String {
    let reason = failure.fault.reason.name();
    line(failure.at, "failure", (failure.stage, reason))
}

fn tell_taken(taken: &Taken) -> String {
    match taken {
        Taken::Frame(frame) => line(frame.at, "frame", ()),
        Taken::Lost(failure) => tell_failure(failure),
        Taken::Quiet(quiet) => line(quiet.until, "quiet", quiet.from.millis()),
        Taken::End(end) => line(end.at, "end", end.whole),
    }
}

fn tell_seen(seen: &Seen) -> String {
    match seen {
        Seen::Frame(frame) => line(frame.at, "frame", &frame.features.concepts),
        Seen::Lost(failure) => tell_failure(failure),
        Seen::Quiet(quiet) => line(quiet.until, "quiet", quiet.from.millis()),
        Seen::End(end) => line(end.at, "end", end.whole),
    }
}

fn tell_cut(cut: &Cut) -> (&'static str, SourceId, String) {
    let (source, told) = match cut {
        Cut::Quiet(source, until) => (*source, line(*until, "quiet", ())),
        Cut::Closed(closed) => {
            let frames = closed.result.as_ref().map(|s| s.frames.len());
            let frames = frames.map_err(|failure| failure.fault.reason);
            let told = line(closed.key.start, "segment", (closed.end.millis(), frames));
            (closed.key.source, told)
        }
        Cut::End(end) => (end.source, line(end.at, "end", end.whole)),
    };
    ("segment", source, told)
}

/// What was said, and how many words were asked.
fn tell_decoded(decoded: &Decoded) -> (&'static str, SourceId, String) {
    let (stage, source, start) = match &decoded.item.about {
        About::Segment(node, segment) => (DECODED[node.0], segment.key.source, segment.key.start),
        About::Stretch(_, stretch) if stretch.span => ("span", stretch.source, stretch.start),
        About::Stretch(_, stretch) => ("minute", stretch.source, stretch.start),
        About::Moment(..) => unreachable!("nobody asks here"),
    };
    let prompt = decoded.item.prompt.as_ref().map(Prompt::as_str);
    let words = prompt.unwrap_or("").split_whitespace().count();
    let said = decoded.result.as_ref();
    let text = said.map(|said| &said.text).map_err(|fault| fault.reason);
    (stage, source, line(start, &words.to_string(), text))
}

fn tell_row(row: &Row) -> String {
    let parts = usize::from(row.caption.is_some()) + row.answers.len() + row.failed.len();
    let what = format!("row of {parts}");
    let parts = (&row.caption, &row.answers, &row.failed);
    line(row.segment.key.start, &what, parts)
}

fn tell_event(event: &Event) -> String {
    match event {
        Event::Caption(caption) => line(caption.segment.key.start, "caption", &caption.text),
        Event::Answer(answer) => line(answer.segment.key.start, "answer", &answer.text),
        Event::Summary(summary) => line(summary.stretch.start, "summary", &summary.text),
        Event::Row(row) => tell_row(row),
        Event::Failure(failure) => tell_failure(failure),
        Event::Closed { end, .. } => line(*end, "closed", ()),
        Event::End(end) => line(end.at, "end", end.whole),
    }
}

/// What became of a request, as event and as part of a row.
fn result(decoded: Decoded) -> (Event, Option<Part>) {
    if let Some(summary) = summary::finish(&decoded) {
        return (summary.map_or_else(Event::Failure, Event::Summary), None);
    }
    let (event, part): (Result<_, _>, _) = if decoded.item.node() == Some(CAPTION) {
        let caption = caption::finish(&decoded).unwrap();
        (caption.clone().map(Event::Caption), Part::Caption(caption))
    } else {
        let answer = reason::finish(&decoded).unwrap();
        (answer.clone().map(Event::Answer), Part::Answer(answer))
    };
    (event.unwrap_or_else(Event::Failure), Some(part))
}

/// Captions, answers about segments and about captions, and summaries.
fn words<'s>(
    cuts: StreamVec<'s, Tick, Cut>,
    segments: StreamVec<'s, Tick, Arc<Segment>>,
    setup: &Setup,
    shared: &Shared,
    crew: &Crew,
) -> StreamVec<'s, Tick, Decoded> {
    let prompts = fake::prompt_builder();
    let [scene, follow] = [(SCENE, 0), (FOLLOW, 1)].map(|(node, ask)| {
        let (ask, max_tokens) = (setup.asks[ask].to_owned(), None);
        let spec = ReasonSpec {
            ask,
            max_tokens,
            ..ReasonSpec::default()
        };
        Asker::new(node, &spec, setup.segment.length_ms, &prompts)
    });
    let decoder = FakeDecoder::new(Arc::default());
    let decoder: Box<dyn Decoder> = match setup.broken {
        true => Box::new(Broken(decoder)),
        false => Box::new(decoder),
    };
    let service = Service {
        scheduler: Some(Scheduler::new(decoder, SchedulerSettings::default())),
        beginnings: vec![prompts.reason_prefix()],
        health: Health::default(),
        text: None,
        text_health: Health::default(),
        archive: None,
        tally: shared.tally.clone(),
        prompts: prompts.clone(),
        followers: vec![Follower {
            reads: CAPTION,
            asker: follow,
        }],
        summaries: vec![minutes::Asker {
            node: SUMMARY,
            reads: vec![CAPTION],
            spec: SummarySpec {
                length_ms: 2 * setup.segment.length_ms,
                span_ms: 6 * setup.segment.length_ms,
                max_tokens: None,
            },
            prompts: prompts.clone(),
        }],
    };
    let lookup = Recall {
        memory: Some(Arc::new(fake::memory())),
        prompts: prompts.clone(),
    };
    let wishes = segments.clone().map(|segment| Wish {
        node: CAPTION,
        segment,
        max_tokens: 24,
    });
    let captions = recall(wishes, lookup, crew).map(|recalled| recalled.request);
    let answers = segments.flat_map(move |segment| scene.about_segment(&segment, &prompts));
    let asked = Asked {
        requests: captions.concat(answers),
        questions: empty(cuts.scope()),
        cuts: cuts.map(|cut| (SUMMARY, cut)),
    };
    shared.tap(decode(asked, service, crew).0, tell_decoded)
}

/// The chain from records to sealed results.
pub fn chain(
    taken: StreamVec<'_, Tick, Taken>,
    setup: &Setup,
    shared: &Shared,
    crew: &Crew,
) -> ProbeHandle<Tick> {
    let sources: Vec<_> = (0..shared.sources).map(SourceId::of).collect();
    let (scope, flows, most) = (taken.scope(), shared.flows.clone(), setup.bounds.frames);
    let taken = shared.tap(taken, move |taken| {
        let lane = taken.source().planned as usize % flows.len();
        let (frames, _) = flows[lane].in_flight();
        assert!(frames <= most, "{frames} frames alive");
        ("intake", taken.source(), tell_taken(taken))
    });
    let lost = taken.clone().flat_map(|taken| match taken {
        Taken::Lost(failure) => Some(Event::Failure(failure)),
        _ => None,
    });
    let from = Sampling {
        planned: sources
            .iter()
            .map(|source| (source.planned, None))
            .collect(),
        stretches_ms: vec![setup.segment.length_ms],
    };
    let sampled = sample(taken, &setup.sample, from, shared.tally.clone());
    let sampled = shared.tap(sampled, |s| ("sample", s.source(), tell_taken(s)));
    let vision = Box::new(FakeVisionEncoder::new(Arc::default()));
    let sampled = sampled.map(|taken| (SEGMENTS, taken));
    let (seen, failed) = encode(sampled, vision, shared.vision.clone(), crew);
    let seen = shared.tap(seen.map(|(_, seen)| seen), |s| {
        ("encode", s.source(), tell_seen(s))
    });
    let cuts = shared.tap(segment(seen, &setup.segment), tell_cut);
    let segments = cuts.clone().flat_map(|cut| match cut {
        Cut::Closed(closed) => closed.result.ok(),
        Cut::End(_) | Cut::Quiet(..) => None,
    });
    let results = words(cuts.clone(), segments.clone(), setup, shared, crew).map(result);
    let parts = results.clone().flat_map(|(_, part)| part);
    let rows = index(segments.map(Part::Segment).concat(parts), NodeId(4), 4);
    let rows = shared.tap(rows, |r| ("index", r.segment.key.source, tell_row(r)));
    let closed = cuts.flat_map(|cut| match cut {
        Cut::Closed(closed) => {
            let SegmentKey { source, start } = closed.key;
            let told = Event::Closed {
                source,
                node: SEGMENTS,
                start,
                end: closed.end,
                seen: closed.result.is_ok(),
            };
            [Some(told), closed.result.err().map(Event::Failure)]
        }
        Cut::Quiet(..) => [None, None],
        Cut::End(end) => [Some(Event::End(end)), None],
    });
    let (closed, results) = (closed.flat_map(|e| e), results.map(|(event, _)| event));
    let failed = failed.map(Event::Failure);
    let all = [lost, failed, closed, results, rows.map(Event::Row)];
    let (probe, all) = scope.concatenate(all).probe();
    let waiting = Waiting::new(sources.into_iter().map(|s| (s.planned, vec![SEGMENTS])));
    let out = shared.clone();
    seal(all, waiting, move |sealed| {
        let told = sealed.events.iter().map(tell_event);
        told.for_each(|line| out.note("seal", sealed.source, line));
        let through = sealed.complete_through.map_or(0, MediaTime::nanos);
        out.note("through", sealed.source, through.to_string());
        out.held.borrow_mut().push(sealed);
    });
    probe
}
