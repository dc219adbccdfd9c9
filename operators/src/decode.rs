//! The one decoder, in a loop over the requests of all branches: a result can become the input of another pass.
//!
//! The requests of all nodes and people meet here, and the decoder's thread works on several of them at a time. A result
//! is sent on; if other nodes read it, it comes back as their request in the next pass. The tick of a segment is passed
//! only when its last pass is out.

use std::sync::Arc;

use atom_models::{Fault, GeneratedTexts, Prompt, PromptBuilder, Reason, Scheduler, TextEncoder};
use timely::{
    dataflow::{
        StreamVec,
        operators::{
            Concat, Concatenate, ConnectLoop, Enter, Feedback, Leave,
            generic::operator::empty,
            vec::{Filter, Map},
        },
    },
    order::Product,
    progress::Timestamp,
};

use crate::{
    batch_worker::Batched,
    caption::Caption,
    circuit_breaker::CircuitBreaker,
    counters::{Counters, Task},
    decoder_worker::DecoderWorker,
    ids::NodeId,
    offload::{Processed, ThreadGroup, offload},
    qa::{
        archive::Archive,
        ask::{AskInput, AskOutput, Reply, ask},
        evidence::Evidence,
        question::Question,
    },
    reason::ReasonNode,
    request::{Completion, Decoded, Request, Subject},
    segment::SegmentEvent,
    summary::summarize::{SummaryInput, SummaryNode, summarize},
    text_worker::{self, TextJob, TextWorker, best_text, run_text_jobs},
    tick::{Pass, Tick, Unchanged},
};

/// A reason node that reads the captions of another node.
#[derive(Clone, Debug)]
pub struct CaptionReader {
    /// The caption node that it reads.
    pub reads: NodeId,
    /// The reason node.
    pub node: ReasonNode,
}

/// The models of the decode loop and the nodes that they serve.
pub struct DecodeService {
    /// The decoder; `None` if nothing can ask it.
    pub scheduler: Option<Scheduler>,
    /// Prefixes that many prompts share, computed once before the first request.
    pub prefixes: Vec<Prompt>,
    /// The circuit breaker of the decoder.
    pub decoder_breaker: CircuitBreaker,
    /// The text encoder, if anything is ranked, answered or found by it.
    pub text_encoder: Option<Box<dyn TextEncoder>>,
    /// The circuit breaker of the text encoder.
    pub text_breaker: CircuitBreaker,
    /// The stored segments that people's questions are about.
    pub archive: Option<Box<dyn Archive>>,
    /// Counts requests and tokens.
    pub counters: Counters,
    /// Makes prompts.
    pub prompts: PromptBuilder,
    /// The nodes that read results of an earlier pass.
    pub caption_readers: Vec<CaptionReader>,
    /// The nodes that summarise captions.
    pub summaries: Vec<SummaryNode>,
}

/// The inputs of the decode loop.
pub struct DecodeInputs<'s> {
    /// Requests of the first pass.
    pub requests: StreamVec<'s, Tick, Request>,
    /// People's questions.
    pub questions: StreamVec<'s, Tick, Arc<Question>>,
    /// The segments to summarise, by summary node.
    pub segments: StreamVec<'s, Tick, (NodeId, SegmentEvent)>,
}

/// Evidence for a question, or the reason why there is none.
type Found = (Arc<Question>, Result<Evidence, Fault>);

/// Decodes all requests, and the requests that follow from their results. Returns the results for nodes and the replies
/// to people.
///
/// ```
/// use std::sync::{Arc, mpsc};
///
/// use atom_models::{Scheduler, fake, fake::FakeDecoder, SchedulerSettings};
/// use atom_operators::{
///     circuit_breaker::CircuitBreaker, counters::{Counters, Task},
///     decode::{DecodeInputs, DecodeService, decode}, ids::{NodeId, SourceId},
///     media_time::MediaTime, offload::ThreadGroup, request::{Request, RequestInput, Subject},
///     segment::{Segment, SegmentKey}, tick::Tick,
/// };
/// use timely::dataflow::operators::{Inspect, generic::operator::empty, vec::ToStream};
///
/// let prompts = fake::prompt_builder();
/// let key = SegmentKey { source: SourceId::new(0), start: MediaTime::default() };
/// let segment = Segment::synthetic(key, MediaTime::from_millis(4000), Default::default());
/// let request = Request {
///     subject: Subject::Segment(NodeId(1), Arc::new(segment)),
///     task: Task::Reason,
///     question: Some("Is it red?".into()),
///     input: Ok(RequestInput::Prompt(prompts.reason_prompt("red, white", "Is it red?"))),
///     examples: Arc::default(),
///     draft: None,
///     for_text_encoder: false,
///     max_tokens: 24,
/// };
/// let (output, texts) = mpsc::channel();
/// timely::execute_directly(move |worker| {
///     let decoder = Box::new(FakeDecoder::new(Arc::default()));
///     let service = DecodeService {
///         scheduler: Some(Scheduler::new(decoder, SchedulerSettings::default())),
///         prefixes: Vec::new(),
///         decoder_breaker: CircuitBreaker::default(),
///         text_encoder: None,
///         text_breaker: CircuitBreaker::default(),
///         archive: None,
///         counters: Counters::default(),
///         prompts,
///         caption_readers: Vec::new(),
///         summaries: Vec::new(),
///     };
///     worker.dataflow::<Tick, _, _>(|scope| {
///         let inputs = DecodeInputs {
///             requests: [request].to_stream(scope),
///             questions: empty(scope),
///             segments: empty(scope),
///         };
///         let (decoded, _replies) = decode(inputs, service, &ThreadGroup::default());
///         decoded.inspect(move |decoded| output.send(decoded.sentence().unwrap()).unwrap());
///     });
/// });
/// assert_eq!(texts.iter().collect::<Vec<_>>(), ["Yes."]);
/// ```
pub fn decode<'s>(
    inputs: DecodeInputs<'s>,
    service: DecodeService,
    threads: &ThreadGroup,
) -> (StreamVec<'s, Tick, Decoded>, StreamVec<'s, Tick, Reply>) {
    let (models, next_pass) = service.split();
    let prompts = models.prompts.clone();
    let outer = inputs.requests.scope();
    outer.iterative::<u64, _, _>(|inner| {
        let (again, next) = inner.feedback(Product::new(Unchanged, 1));
        let requests = inputs.requests.enter(inner).concat(next);
        let (decoded, found) = models.run(requests, inputs.questions.enter(inner), threads);
        let found = found.map(|(question, found)| AskInput::Found(question, found));
        let answers = found.concat(decoded.clone().flat_map(for_person));
        let asked = ask(answers, prompts);
        let mut follow_ups = vec![asked.clone().flat_map(AskOutput::request)];
        for node in next_pass.summaries {
            let id = node.node;
            let segments = inputs
                .segments
                .clone()
                .enter(inner)
                .flat_map(move |(to, event)| (to == id).then_some(SummaryInput::Segment(event)));
            let input = segments.concat(decoded.clone().map(SummaryInput::Decoded));
            follow_ups.push(summarize(input, node));
        }
        let readers = next_pass.caption_readers;
        let read = move |decoded| readers.requests(&decoded);
        follow_ups.push(decoded.clone().flat_map(read));
        inner.concatenate(follow_ups).connect_loop(again);
        (
            decoded.leave(outer),
            asked.flat_map(AskOutput::reply).leave(outer),
        )
    })
}

/// The part of the service that runs models.
struct Models {
    decoder: Option<Batched<DecoderWorker>>,
    text: Option<TextWorker>,
    text_breaker: CircuitBreaker,
    prompts: PromptBuilder,
}

/// The part of the service that makes the requests of later passes.
struct NextPass {
    caption_readers: CaptionReaders,
    summaries: Vec<SummaryNode>,
}

impl DecodeService {
    fn split(self) -> (Models, NextPass) {
        let prompts = self.prompts;
        let caption_readers = CaptionReaders {
            readers: self.caption_readers,
            prompts: prompts.clone(),
        };
        let text = self.text_encoder.map(|text_encoder| TextWorker {
            text_encoder,
            yes_no: prompts.yes_no_classifier(),
            prompts: prompts.clone(),
            archive: self.archive,
        });
        let (prefixes, counters) = (self.prefixes, self.counters);
        let decoder = self.scheduler.map(|scheduler| Batched {
            name: "decoder",
            breaker: self.decoder_breaker,
            worker: DecoderWorker::new(scheduler, prefixes, counters),
        });
        let models = Models {
            decoder,
            text,
            text_breaker: self.text_breaker,
            prompts,
        };
        let next_pass = NextPass {
            caption_readers,
            summaries: self.summaries,
        };
        (models, next_pass)
    }
}

impl Models {
    /// Runs decoder and text encoder. Returns the results of all requests, and the evidence for all questions.
    fn run<'s>(
        self,
        requests: StreamVec<'s, Pass, Request>,
        questions: StreamVec<'s, Pass, Arc<Question>>,
        threads: &ThreadGroup,
    ) -> (StreamVec<'s, Pass, Decoded>, StreamVec<'s, Pass, Found>) {
        let scope = requests.scope();
        let routes = Routes::new(self.text.as_ref());
        let known = requests.clone().flat_map(known_text);
        let requests = requests.filter(|request| request.known_text().is_none());
        let questions = questions.map(TextJob::Find);
        let yes_no = requests
            .clone()
            .flat_map(move |request| routes.yes_no_job(request));
        let generated = match self.decoder {
            Some(decoder) => {
                let for_decoder = requests.flat_map(move |request| {
                    (!routes.for_text_encoder(&request)).then_some(request)
                });
                offload(for_decoder, threads, decoder)
            }
            None => empty(scope),
        };
        let ranked = generated
            .clone()
            .flat_map(move |done| routes.is_ranked(&done).then_some(TextJob::Rank(done)));
        let unranked = generated.flat_map(move |done| (!routes.is_ranked(&done)).then_some(done));
        let unranked = without_text_encoder(unranked, &self.prompts).concat(known);
        match self.text {
            Some(worker) => {
                let jobs = scope.concatenate([questions, yes_no, ranked]);
                let results = run_text_jobs(jobs, worker, self.text_breaker, threads);
                let completions = results.clone().flat_map(text_worker::completion);
                let decoded = completions.concat(unranked);
                (decoded, results.flat_map(text_worker::evidence))
            }
            None => (unranked, questions.flat_map(unanswerable)),
        }
    }
}

/// The routes of requests and results between decoder and text encoder.
#[derive(Clone, Copy)]
struct Routes {
    /// True if there is a text encoder.
    text_encoder: bool,
    /// True if the text encoder answers yes-or-no questions.
    answers_yes_no: bool,
    /// True if the text encoder takes part in choosing one of several given answers.
    ranks_choices: bool,
}

impl Routes {
    fn new(text: Option<&TextWorker>) -> Self {
        Self {
            text_encoder: text.is_some(),
            answers_yes_no: text.is_some_and(|text| text.yes_no.is_some()),
            ranks_choices: text.is_some_and(|text| text.prompts.ranker().embeds_options()),
        }
    }

    /// Returns true if the text encoder answers a request instead of the decoder.
    fn for_text_encoder(self, request: &Request) -> bool {
        self.answers_yes_no && request.for_text_encoder && request.prompt().is_some()
    }

    /// Returns the job of the text encoder, if it answers a request.
    fn yes_no_job(self, request: Request) -> Option<TextJob> {
        self.for_text_encoder(&request)
            .then_some(TextJob::YesNo(request))
    }

    /// Returns true if the text encoder ranks the decoder's texts.
    fn is_ranked(self, generated: &Processed<Request, GeneratedTexts>) -> bool {
        let caption = self.text_encoder && generated.item.task == Task::Caption;
        let choice = self.ranks_choices && generated.item.is_choice();
        generated.result.is_ok() && (caption || choice)
    }
}

/// Completes requests with the decoder's own best text.
fn without_text_encoder<'s, T: Timestamp>(
    generated: StreamVec<'s, T, Processed<Request, GeneratedTexts>>,
    prompts: &PromptBuilder,
) -> StreamVec<'s, T, Decoded> {
    let prompts = prompts.clone();
    generated.map(move |generated| Decoded {
        result: best_text(&generated, &prompts, None),
        item: generated.item,
    })
}

/// Completes a request whose text is known.
fn known_text(request: Request) -> Option<Decoded> {
    let text = Arc::clone(request.known_text()?);
    Some(Decoded {
        item: request,
        result: Ok(Completion::known(text)),
    })
}

/// Fails a question, because nothing can be found without the text encoder.
fn unanswerable(job: TextJob) -> Option<Found> {
    let TextJob::Find(question) = job else {
        return None;
    };
    let fault = Fault::new(
        Reason::Missing,
        "questions need the text encoder, which is not loaded",
    );
    Some((question, Err(fault)))
}

fn for_person(decoded: Decoded) -> Option<AskInput> {
    let person = decoded.item.node().is_none();
    person.then_some(AskInput::Decoded(decoded))
}

/// The reason nodes that read captions, and the rules for their prompts.
struct CaptionReaders {
    readers: Vec<CaptionReader>,
    prompts: PromptBuilder,
}

impl CaptionReaders {
    /// Returns the requests of the nodes that read this result.
    fn requests(&self, decoded: &Decoded) -> Vec<Request> {
        let mut readers = self
            .readers
            .iter()
            .filter(|reader| decoded.item.node() == Some(reader.reads))
            .peekable();
        if readers.peek().is_none() {
            return Vec::new();
        }
        let Some(caption) = Caption::from_decoded(decoded) else {
            return Vec::new();
        };
        let Subject::Segment(_, segment) = &decoded.item.subject else {
            return Vec::new();
        };
        let examples = &decoded.item.examples;
        let requests = readers.filter_map(|reader| {
            reader
                .node
                .caption_request(segment, (&caption, examples), &self.prompts)
        });
        requests.collect()
    }
}
