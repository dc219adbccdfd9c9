//! People's questions: each is answered once and as if it were alone, whatever is asked beside it and whoever leaves.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
        mpsc,
    },
    time::{Duration, Instant},
};

use atom_models::{
    CachedTextEncoder, Fault, Reason, Scheduler, SchedulerSettings, VisualFeatures, fake,
    fake::{FakeDecoder, FakeTextEncoder},
};
use atom_operators::{
    cancel::CancellationToken,
    circuit_breaker::CircuitBreaker,
    counters::{Counters, Task},
    decode::{DecodeInputs, DecodeService, decode},
    offload::ThreadGroup,
    qa::{
        archive::{Archive, Coverage, StoredSegment},
        question::Question,
        question_source::{question_channel, questions},
    },
    tick::Tick,
};
use proptest::{collection::vec, prelude::*, sample::select};
use timely::dataflow::operators::{Inspect, Probe, generic::operator::empty};

use crate::cases;

const ASKED: [&str; 7] = [
    "What is red?",
    "What is blue and green?",
    "Is it red?",
    "When is it white?",
    "How often is it dark?",
    "What can be seen?",
    "What is it to fail?",
];

/// An archive of ten segments of one colour each.
struct ColourArchive;

fn segments() -> Vec<StoredSegment> {
    let colours = ["red", "green", "blue", "white", "dark"];
    let segment = |n: usize| {
        let concepts: [f32; 5] = std::array::from_fn(|at| f32::from(u8::from(at == n % 5)));
        StoredSegment {
            source: "door".to_owned(),
            start_ms: n as u64 * 4000,
            end_ms: n as u64 * 4000 + 4000,
            tags: colours[n % 5].to_owned(),
            caption: Some(format!("Something {}.", colours[n % 5])),
            features: VisualFeatures {
                embedding: concepts.into(),
                concepts: concepts.into(),
                ..VisualFeatures::default()
            },
            objects: Vec::new(),
            probability: None,
        }
    };
    (0..10).map(segment).collect()
}

impl Archive for ColourArchive {
    fn coverage(&mut self, question: &Question) -> Result<Coverage, Fault> {
        match question.source.as_deref() {
            Some("nowhere") => Err(Fault::new(Reason::Missing, "no such source")),
            _ => Ok(Coverage::default()),
        }
    }

    fn search(
        &mut self,
        _: &Question,
        words: &str,
        _: Vec<f32>,
        limit: usize,
    ) -> Result<Vec<StoredSegment>, Fault> {
        let matches =
            |segment: &StoredSegment| words.contains(&segment.tags) || words.contains("fail");
        Ok(segments().into_iter().filter(matches).take(limit).collect())
    }

    fn scan(
        &mut self,
        _: &Question,
        _: Option<&str>,
        visit: &mut dyn FnMut(StoredSegment) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        segments().into_iter().try_for_each(visit)
    }
}

/// A question, the number of steps before it, and the fate of its asker.
#[derive(Clone, Copy, Debug)]
struct Visit {
    text: &'static str,
    steps: usize,
    late: bool,
    cancelled: bool,
    nowhere: bool,
}

fn visit() -> impl Strategy<Value = Visit> {
    let odd = || prop_oneof![7 => Just(false), 1 => Just(true)];
    (select(&ASKED), 0..9usize, odd(), odd(), odd()).prop_map(
        |(text, steps, late, cancelled, nowhere)| Visit {
            text,
            steps,
            late,
            cancelled,
            nowhere,
        },
    )
}

/// Asks all questions; returns the answer to each, and the counters.
fn answers(visits: &[Visit]) -> (Vec<Result<String, Reason>>, Counters) {
    let visits = visits.to_vec();
    timely::execute_directly(move |worker| {
        let prompts = fake::prompt_builder();
        let (sender, receiver) = question_channel();
        let (threads, counters) = (ThreadGroup::default(), Counters::default());
        let replies = Rc::new(RefCell::new(Vec::new()));
        let log = Rc::clone(&replies);
        let probe = worker.dataflow::<Tick, _, _>(|scope| {
            let service = DecodeService {
                scheduler: Some(Scheduler::new(
                    Box::new(FakeDecoder::new(Arc::default())),
                    SchedulerSettings::default(),
                )),
                prefixes: vec![prompts.ask_prefix()],
                decoder_breaker: CircuitBreaker::default(),
                text_encoder: Some(Box::new(CachedTextEncoder::new(Box::new(
                    FakeTextEncoder::new(Arc::default()),
                )))),
                text_breaker: CircuitBreaker::default(),
                archive: Some(Box::new(ColourArchive)),
                counters: counters.clone(),
                prompts,
                caption_readers: Vec::new(),
                summaries: Vec::new(),
            };
            let inputs = DecodeInputs {
                requests: empty(scope),
                questions: questions(scope, Some(receiver)),
                segments: empty(scope),
            };
            let (_, replies) = decode(inputs, service, &threads);
            replies
                .inspect(move |reply| log.borrow_mut().push(reply.clone()))
                .probe()
                .0
        });
        for (n, visit) in visits.iter().enumerate() {
            for _ in 0..visit.steps {
                worker.step();
            }
            let question = Question {
                // The upper bound, beyond all segments, identifies the question.
                to_ms: Some(1_000_000 + n as u64),
                source: visit.nowhere.then(|| "nowhere".to_owned()),
                deadline: visit.late.then(Instant::now),
                cancellation: token(visit.cancelled),
                ..Question::new(visit.text).unwrap()
            };
            assert!(sender.ask(question));
        }
        drop(sender);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !probe.done() {
            worker.step_or_park(Some(Duration::from_millis(10)));
            assert!(Instant::now() < deadline, "the graph does not run dry");
        }
        let mut found = BTreeMap::new();
        for reply in replies.take() {
            let result = reply
                .result
                .map(|answer| answer.text)
                .map_err(|fault| fault.reason);
            let before = found.insert(reply.question.to_ms.unwrap(), result);
            assert!(before.is_none(), "answered twice");
        }
        threads.join();
        (found.into_values().collect(), counters)
    })
}

fn token(cancelled: bool) -> CancellationToken {
    let token = CancellationToken::new();
    if cancelled {
        token.cancel();
    }
    token
}

fn plainly(text: &'static str) -> Visit {
    Visit {
        text,
        steps: 0,
        late: false,
        cancelled: false,
        nowhere: false,
    }
}

#[test]
fn questions_of_each_form_are_answered_from_what_is_stored() {
    let visits: Vec<_> = ASKED.into_iter().map(plainly).collect();
    let (answered, _) = answers(&visits);
    let expected = [
        Ok("Yes.".to_owned()),
        Ok("Yes.".to_owned()),
        Ok("Yes: in 2 segments of 10, 8.0 s in all; from 0:00 to 0:04, 0:20 to 0:24.".to_owned()),
        Ok("From 0:12 to 0:16, 0:32 to 0:36.".to_owned()),
        Ok("2 times: 2 segments of 10, 8.0 s in all.".to_owned()),
        Ok("Nothing that the pack can name with certainty.".to_owned()),
        Ok("Not seen.".to_owned()),
    ];
    for ((asked, answer), expected) in ASKED.iter().zip(&answered).zip(&expected) {
        assert_eq!(answer, expected, "{asked}");
    }
}

#[test]
fn an_answer_is_streamed_while_it_is_generated() {
    let prompts = fake::prompt_builder();
    let (partial_text, texts) = mpsc::channel();
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    timely::execute_directly(move |worker| {
        let (sender, receiver) = question_channel();
        let threads = ThreadGroup::default();
        worker.dataflow::<Tick, _, _>(|scope| {
            let service = DecodeService {
                scheduler: Some(Scheduler::new(
                    Box::new(FakeDecoder::new(Arc::default())),
                    SchedulerSettings::default(),
                )),
                prefixes: Vec::new(),
                decoder_breaker: CircuitBreaker::default(),
                text_encoder: Some(Box::new(FakeTextEncoder::new(Arc::default()))),
                text_breaker: CircuitBreaker::default(),
                archive: Some(Box::new(ColourArchive)),
                counters: Counters::default(),
                prompts,
                caption_readers: Vec::new(),
                summaries: Vec::new(),
            };
            let inputs = DecodeInputs {
                requests: empty(scope),
                questions: questions(scope, Some(receiver)),
                segments: empty(scope),
            };
            decode(inputs, service, &threads).1.inspect(move |_| {
                count.fetch_add(1, SeqCst);
            });
        });
        sender.ask(Question {
            partial_text: Some(partial_text),
            ..Question::new("What is red?").unwrap()
        });
        drop(sender);
        while worker.has_dataflows() {
            worker.step_or_park(Some(Duration::from_millis(10)));
        }
        threads.join();
    });
    let texts: Vec<String> = texts.into_iter().collect();
    assert_eq!(runs.load(SeqCst), 1);
    assert_eq!(texts.first().map(String::as_str), Some("Yes"), "{texts:?}");
    assert!(
        texts.windows(2).all(|two| two[1].starts_with(&two[0])),
        "{texts:?}"
    );
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn each_question_is_answered_once_and_as_if_it_were_alone(visits in vec(visit(), 1..12)) {
        let (answered, counters) = answers(&visits);
        prop_assert_eq!(answered.len(), visits.len());
        for (visit, answer) in visits.iter().zip(&answered) {
            let expected = match (visit.cancelled, visit.late, visit.nowhere) {
                (true, _, _) => Err(Reason::Cancelled),
                (_, true, _) => Err(Reason::Late),
                (_, _, true) => Err(Reason::Missing),
                _ => answers(&[plainly(visit.text)]).0.remove(0),
            };
            prop_assert_eq!(answer, &expected, "{:?}", visit);
        }
        let asked = counters.tasks().get(&Task::Ask).map_or(0, |task| task.requests);
        prop_assert!(asked <= 4 * visits.len() as u64);
    }
}
