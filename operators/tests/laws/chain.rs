//! The whole chain of operators over fake models, with a log of the output of each. Every line of the log starts with
//! its media time in ms.

use std::{cell::RefCell, collections::BTreeMap, fmt::Debug, ops::Range, rc::Rc, sync::Arc};

use atom_models::{
    Decoder, InputToken, KvCache, KvShape, ModelError, Prompt, Scheduler, SchedulerSettings, fake,
    fake::{FakeDecoder, FakeVisionEncoder},
};
use atom_operators::{
    caption::Caption,
    circuit_breaker::CircuitBreaker,
    counters::Counters,
    credits::{CreditLimits, Credits},
    decode::{CaptionReader, DecodeInputs, DecodeService, decode},
    draft::{CaptionRequest, Drafter, draft},
    encode::encode,
    event::{EncodedEvent, IntakeEvent},
    failure::Failure,
    ids::{NodeId, SourceId},
    index::{Row, RowPart, index},
    media_time::MediaTime,
    offload::ThreadGroup,
    reason::{Answer, ReasonNode, ReasonSpec},
    request::{Decoded, Subject},
    sample::{SampleSpec, SampledSources, sample},
    seal::{ResultEvent, SealBuffer, SealedEvents, seal},
    segment::{Segment, SegmentEvent, SegmentKey, SegmentSpec, segment},
    summary::{
        summarize::{Summary, SummaryNode},
        summary_spec::SummarySpec,
    },
    tick::Tick,
};
use timely::dataflow::{
    ProbeHandle, StreamVec,
    operators::{Concat, Concatenate, Inspect, Probe, generic::operator::empty, vec::Map},
};

/// The output of each operator, by source.
pub type Lines = BTreeMap<(&'static str, u32), Vec<String>>;

const SEGMENTS: NodeId = NodeId(0);
const CAPTION: NodeId = NodeId(1);
const SCENE: NodeId = NodeId(2);
const FOLLOW: NodeId = NodeId(3);
const SUMMARY: NodeId = NodeId(5);
/// The outputs of the decoder, by node.
pub const DECODED: [&str; 4] = ["", "caption", "over segments", "over captions"];

#[derive(Clone, Debug)]
pub struct Setup {
    pub sample: SampleSpec,
    pub segment: SegmentSpec,
    /// The questions about segments, and about captions.
    pub asks: [&'static str; 2],
    pub limits: CreditLimits,
    /// True if the decoder always fails.
    pub broken: bool,
    /// True if a source sends its end; false if it disappears.
    pub ends: bool,
    /// Number of partitions that the sources share; 0 for one partition each.
    pub partitions: usize,
}

/// The state shared by graph and test.
#[derive(Clone)]
pub struct Shared {
    pub log: Rc<RefCell<Lines>>,
    pub held: Rc<RefCell<Vec<SealedEvents>>>,
    pub counters: Counters,
    pub vision: CircuitBreaker,
    pub sources: u32,
    /// By partition; source n comes on partition n modulo their number.
    pub credits: Vec<Arc<Credits>>,
}

impl Shared {
    fn note(&self, stage: &'static str, source: SourceId, line: String) {
        let mut log = self.log.borrow_mut();
        log.entry((stage, source.planned)).or_default().push(line);
    }

    /// Logs the records of a stream.
    fn tap<'s, D: Clone + 'static>(
        &self,
        stream: StreamVec<'s, Tick, D>,
        describe: impl Fn(&D) -> (&'static str, SourceId, String) + 'static,
    ) -> StreamVec<'s, Tick, D> {
        let shared = self.clone();
        stream.inspect(move |record| {
            let (stage, source, line) = describe(record);
            shared.note(stage, source, line);
        })
    }
}

/// A decoder that always fails.
struct Broken(FakeDecoder);

impl Decoder for Broken {
    fn encode(&mut self, text: &str, foreign: &[Range<usize>]) -> Result<Vec<u32>, ModelError> {
        self.0.encode(text, foreign)
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

    fn run(
        &mut self,
        _: &[InputToken],
        _: &[bool],
        _: &mut KvCache,
    ) -> Result<Vec<f32>, ModelError> {
        Err(ModelError::FakeFailure("always"))
    }
}

fn line(at: MediaTime, what: &str, more: impl Debug) -> String {
    format!("{} {what} {more:?}", at.millis())
}

fn describe_failure(failure: &Failure) -> String {
    let reason = failure.fault.reason.name();
    line(failure.at, "failure", (failure.stage, reason))
}

fn describe_intake(event: &IntakeEvent) -> String {
    match event {
        IntakeEvent::Frame(frame) => line(frame.at, "frame", ()),
        IntakeEvent::Lost(failure) => describe_failure(failure),
        IntakeEvent::Idle(idle) => line(idle.until, "idle", idle.from.millis()),
        IntakeEvent::End(end) => line(end.at, "end", end.complete),
    }
}

fn describe_encoded(event: &EncodedEvent) -> String {
    match event {
        EncodedEvent::Frame(frame) => line(frame.at, "frame", &frame.features.concepts),
        EncodedEvent::Lost(failure) => describe_failure(failure),
        EncodedEvent::Idle(idle) => line(idle.until, "idle", idle.from.millis()),
        EncodedEvent::End(end) => line(end.at, "end", end.complete),
    }
}

fn describe_segment(event: &SegmentEvent) -> (&'static str, SourceId, String) {
    let (source, text) = match event {
        SegmentEvent::Idle(source, until) => (*source, line(*until, "idle", ())),
        SegmentEvent::Closed(closed) => {
            let frames = closed.result.as_ref().map(|s| s.frames.len());
            let frames = frames.map_err(|failure| failure.fault.reason);
            let text = line(closed.key.start, "segment", (closed.end.millis(), frames));
            (closed.key.source, text)
        }
        SegmentEvent::End(end) => (end.source, line(end.at, "end", end.complete)),
    };
    ("segment", source, text)
}

/// Describes a result by its text and the number of words in its prompt.
fn describe_decoded(decoded: &Decoded) -> (&'static str, SourceId, String) {
    let (stage, source, start) = match &decoded.item.subject {
        Subject::Segment(node, segment) => (DECODED[node.0], segment.key.source, segment.key.start),
        Subject::Window(_, window) if window.span => ("span", window.source, window.start),
        Subject::Window(_, window) => ("minute", window.source, window.start),
        Subject::Evidence(..) => unreachable!("nobody asks here"),
    };
    let prompt = decoded.item.prompt().map(Prompt::text);
    let words = prompt.unwrap_or_default().split_whitespace().count();
    let completion = decoded.result.as_ref();
    let text = completion
        .map(|completion| &completion.text)
        .map_err(|fault| fault.reason);
    (stage, source, line(start, &words.to_string(), text))
}

fn describe_row(row: &Row) -> String {
    let parts = usize::from(row.caption.is_some()) + row.answers.len() + row.failed.len();
    let what = format!("row of {parts}");
    let parts = (&row.caption, &row.answers, &row.failed);
    line(row.segment.key.start, &what, parts)
}

fn describe_event(event: &ResultEvent) -> String {
    match event {
        ResultEvent::Caption(caption) => line(caption.segment.key.start, "caption", &caption.text),
        ResultEvent::Answer(answer) => line(answer.segment.key.start, "answer", &answer.text),
        ResultEvent::Summary(summary) => line(summary.window.start, "summary", &summary.text),
        ResultEvent::Row(row) => describe_row(row),
        ResultEvent::Failure(failure) => describe_failure(failure),
        ResultEvent::Closed { end, .. } => line(*end, "closed", ()),
        ResultEvent::End(end) => line(end.at, "end", end.complete),
    }
}

/// Returns the result of a request, as an event and as part of a row.
fn result(decoded: Decoded) -> (ResultEvent, Option<RowPart>) {
    if let Some(summary) = Summary::from_decoded(&decoded) {
        return (
            summary.map_or_else(ResultEvent::Failure, ResultEvent::Summary),
            None,
        );
    }
    let (event, part): (Result<_, _>, _) = if decoded.item.node() == Some(CAPTION) {
        let caption = Caption::from_decoded(&decoded).unwrap();
        (
            caption.clone().map(ResultEvent::Caption),
            RowPart::Caption(caption),
        )
    } else {
        let answer = Answer::from_decoded(&decoded).unwrap();
        (
            answer.clone().map(ResultEvent::Answer),
            RowPart::Answer(answer),
        )
    };
    (event.unwrap_or_else(ResultEvent::Failure), Some(part))
}

/// Captions, answers about segments and about captions, and summaries.
fn decoded<'s>(
    events: StreamVec<'s, Tick, SegmentEvent>,
    segments: StreamVec<'s, Tick, Arc<Segment>>,
    setup: &Setup,
    shared: &Shared,
    threads: &ThreadGroup,
) -> StreamVec<'s, Tick, Decoded> {
    let prompts = fake::prompt_builder();
    let [scene, follow] = [(SCENE, 0), (FOLLOW, 1)].map(|(node, ask)| {
        let (ask, max_tokens) = (setup.asks[ask].to_owned(), None);
        let spec = ReasonSpec {
            ask,
            max_tokens,
            ..ReasonSpec::default()
        };
        ReasonNode::new(node, &spec, setup.segment.length_ms, &prompts)
    });
    let decoder = FakeDecoder::new(Arc::default());
    let decoder: Box<dyn Decoder> = match setup.broken {
        true => Box::new(Broken(decoder)),
        false => Box::new(decoder),
    };
    let service = DecodeService {
        scheduler: Some(Scheduler::new(decoder, SchedulerSettings::default())),
        prefixes: vec![prompts.reason_prefix()],
        decoder_breaker: CircuitBreaker::default(),
        text_encoder: None,
        text_breaker: CircuitBreaker::default(),
        archive: None,
        counters: shared.counters.clone(),
        prompts: prompts.clone(),
        caption_readers: vec![CaptionReader {
            reads: CAPTION,
            node: follow,
        }],
        summaries: vec![SummaryNode {
            node: SUMMARY,
            reads: vec![CAPTION],
            spec: SummarySpec {
                length_ms: 2 * setup.segment.length_ms,
                span_ms: 6 * setup.segment.length_ms,
                ..SummarySpec::default()
            },
            prompts: prompts.clone(),
        }],
    };
    let drafter = Drafter {
        memory: Some(Arc::new(fake::memory())),
        prompts: prompts.clone(),
    };
    let requests = segments.clone().map(|segment| CaptionRequest {
        node: CAPTION,
        segment,
        max_tokens: 24,
    });
    let captions = draft(requests, drafter, threads).map(|drafted| drafted.request);
    let answers = segments.flat_map(move |segment| scene.segment_request(&segment, &prompts));
    let inputs = DecodeInputs {
        requests: captions.concat(answers),
        questions: empty(events.scope()),
        segments: events.map(|event| (SUMMARY, event)),
    };
    shared.tap(decode(inputs, service, threads).0, describe_decoded)
}

/// The chain from records to sealed results.
pub fn chain(
    events: StreamVec<'_, Tick, IntakeEvent>,
    setup: &Setup,
    shared: &Shared,
    threads: &ThreadGroup,
) -> ProbeHandle<Tick> {
    let sources: Vec<_> = (0..shared.sources).map(SourceId::new).collect();
    let (scope, credits, most) = (events.scope(), shared.credits.clone(), setup.limits.frames);
    let events = shared.tap(events, move |event| {
        let partition = event.source().planned as usize % credits.len();
        let (frames, _) = credits[partition].in_flight();
        assert!(frames <= most, "{frames} frames alive");
        ("intake", event.source(), describe_intake(event))
    });
    let lost = events.clone().flat_map(|event| match event {
        IntakeEvent::Lost(failure) => Some(ResultEvent::Failure(failure)),
        _ => None,
    });
    let from = SampledSources {
        planned: sources
            .iter()
            .map(|source| (source.planned, None))
            .collect(),
        window_lengths_ms: vec![setup.segment.length_ms],
    };
    let sampled = sample(events, &setup.sample, from, shared.counters.clone());
    let sampled = shared.tap(sampled, |s| ("sample", s.source(), describe_intake(s)));
    let vision = Box::new(FakeVisionEncoder::new(Arc::default()));
    let sampled = sampled.map(|event| (SEGMENTS, event));
    let (encoded, failed) = encode(sampled, vision, shared.vision.clone(), threads);
    let encoded = shared.tap(encoded.map(|(_, event)| event), |s| {
        ("encode", s.source(), describe_encoded(s))
    });
    let cuts = shared.tap(segment(encoded, &setup.segment), describe_segment);
    let segments = cuts.clone().flat_map(|event| match event {
        SegmentEvent::Closed(closed) => closed.result.ok(),
        SegmentEvent::End(_) | SegmentEvent::Idle(..) => None,
    });
    let results = decoded(cuts.clone(), segments.clone(), setup, shared, threads).map(result);
    let parts = results.clone().flat_map(|(_, part)| part);
    let rows = index(segments.map(RowPart::Segment).concat(parts), NodeId(4), 4);
    let rows = shared.tap(rows, |r| ("index", r.segment.key.source, describe_row(r)));
    let closed = cuts.flat_map(|event| match event {
        SegmentEvent::Closed(closed) => {
            let SegmentKey { source, start } = closed.key;
            let event = ResultEvent::Closed {
                source,
                node: SEGMENTS,
                start,
                end: closed.end,
                has_frames: closed.result.is_ok(),
            };
            [Some(event), closed.result.err().map(ResultEvent::Failure)]
        }
        SegmentEvent::Idle(..) => [None, None],
        SegmentEvent::End(end) => [Some(ResultEvent::End(end)), None],
    });
    let (closed, results) = (closed.flat_map(|e| e), results.map(|(event, _)| event));
    let failed = failed.map(ResultEvent::Failure);
    let all = [lost, failed, closed, results, rows.map(ResultEvent::Row)];
    let (probe, all) = scope.concatenate(all).probe();
    let buffer = SealBuffer::new(sources.into_iter().map(|s| (s.planned, vec![SEGMENTS])));
    let out = shared.clone();
    seal(all, buffer, move |sealed| {
        let lines = sealed.events.iter().map(describe_event);
        lines.for_each(|line| out.note("seal", sealed.source, line));
        let through = sealed.complete_through.map_or(0, MediaTime::nanos);
        out.note("through", sealed.source, through.to_string());
        out.held.borrow_mut().push(sealed);
    });
    probe
}
