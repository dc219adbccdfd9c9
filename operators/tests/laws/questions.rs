//! People's questions: each is answered once and as if it were alone, whatever is asked beside it and whoever goes away.

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
    archive::{Archive, Extent, Moment},
    cancel::CancellationToken,
    decode::{Asked, Service, decode},
    offload::{Crew, Health},
    question::{Question, inbox, questions},
    tally::{Tally, Task},
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

/// Ten segments of one colour each.
struct Shelf;

fn moments() -> Vec<Moment> {
    let colours = ["red", "green", "blue", "white", "dark"];
    let moment = |n: usize| {
        let concepts: [f32; 5] = std::array::from_fn(|at| f32::from(u8::from(at == n % 5)));
        Moment {
            source: "door".to_owned(),
            start_ms: n as u64 * 4000,
            end_ms: n as u64 * 4000 + 4000,
            tags: colours[n % 5].to_owned(),
            caption: Some(format!("Something {}.", colours[n % 5])),
            features: VisualFeatures {
                embedding: concepts.into(),
                concepts: concepts.into(),
            },
            likely: None,
        }
    };
    (0..10).map(moment).collect()
}

impl Archive for Shelf {
    fn extent(&mut self, question: &Question) -> Result<Extent, Fault> {
        match question.source.as_deref() {
            Some("nowhere") => Err(Fault::new(Reason::Missing, "no such source")),
            _ => Ok(Extent::default()),
        }
    }

    fn best(
        &mut self,
        _: &Question,
        words: &str,
        _: Vec<f32>,
        limit: usize,
    ) -> Result<Vec<Moment>, Fault> {
        let told = |moment: &Moment| words.contains(&moment.tags) || words.contains("fail");
        Ok(moments().into_iter().filter(told).take(limit).collect())
    }

    fn each(
        &mut self,
        _: &Question,
        _: Option<&str>,
        visit: &mut dyn FnMut(Moment) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        moments().into_iter().try_for_each(visit)
    }
}

/// What is asked, after how many steps, and what becomes of whoever asks.
#[derive(Clone, Copy, Debug)]
struct Visit {
    text: &'static str,
    steps: usize,
    late: bool,
    dropped: bool,
    nowhere: bool,
}

fn visit() -> impl Strategy<Value = Visit> {
    let odd = || prop_oneof![7 => Just(false), 1 => Just(true)];
    (select(&ASKED), 0..9usize, odd(), odd(), odd()).prop_map(
        |(text, steps, late, dropped, nowhere)| Visit {
            text,
            steps,
            late,
            dropped,
            nowhere,
        },
    )
}

/// Asks all that; gives the answer to each, and the tally.
fn answers(visits: &[Visit]) -> (Vec<Result<String, Reason>>, Tally) {
    let visits = visits.to_vec();
    timely::execute_directly(move |worker| {
        let prompts = fake::prompt_builder();
        let (asking, inbox) = inbox();
        let (crew, tally) = (Crew::default(), Tally::default());
        let replies = Rc::new(RefCell::new(Vec::new()));
        let told = Rc::clone(&replies);
        let probe = worker.dataflow::<Tick, _, _>(|scope| {
            let service = Service {
                scheduler: Some(Scheduler::new(
                    Box::new(FakeDecoder::new(Arc::default())),
                    SchedulerSettings::default(),
                )),
                beginnings: vec![prompts.ask_prefix()],
                health: Health::default(),
                text: Some(Box::new(CachedTextEncoder::new(Box::new(
                    FakeTextEncoder::new(Arc::default()),
                )))),
                text_health: Health::default(),
                archive: Some(Box::new(Shelf)),
                tally: tally.clone(),
                prompts,
                followers: Vec::new(),
                summaries: Vec::new(),
            };
            let asked = Asked {
                requests: empty(scope),
                questions: questions(scope, Some(inbox)),
                cuts: empty(scope),
            };
            let (_, replies) = decode(asked, service, &crew);
            replies
                .inspect(move |reply| told.borrow_mut().push(reply.clone()))
                .probe()
                .0
        });
        for (n, visit) in visits.iter().enumerate() {
            for _ in 0..visit.steps {
                worker.step();
            }
            let question = Question {
                // Where it ends, beyond everything, tells which one it is.
                to_ms: Some(1_000_000 + n as u64),
                source: visit.nowhere.then(|| "nowhere".to_owned()),
                deadline: visit.late.then(Instant::now),
                dropped: token(visit.dropped),
                ..Question::new(visit.text).unwrap()
            };
            assert!(asking.ask(question));
        }
        drop(asking);
        let deadline = Instant::now() + Duration::from_secs(60);
        while !probe.done() {
            worker.step_or_park(Some(Duration::from_millis(10)));
            assert!(Instant::now() < deadline, "the graph does not run dry");
        }
        let mut found = BTreeMap::new();
        for reply in replies.take() {
            let result = reply
                .result
                .map(|finding| finding.text)
                .map_err(|fault| fault.reason);
            let before = found.insert(reply.question.to_ms.unwrap(), result);
            assert!(before.is_none(), "answered twice");
        }
        crew.join();
        (found.into_values().collect(), tally)
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
        dropped: false,
        nowhere: false,
    }
}

#[test]
fn questions_of_each_form_are_answered_from_what_is_stored() {
    let visits: Vec<_> = ASKED.into_iter().map(plainly).collect();
    let (told, _) = answers(&visits);
    let expected = [
        Ok("Yes.".to_owned()),
        Ok("Yes.".to_owned()),
        Ok("Yes: in 2 segments of 10, 8.0 s in all; from 0:00 to 0:04, 0:20 to 0:24.".to_owned()),
        Ok("From 0:12 to 0:16, 0:32 to 0:36.".to_owned()),
        Ok("2 times: 2 segments of 10, 8.0 s in all.".to_owned()),
        Ok("In short: Something red (2 times).".to_owned()),
        Ok("Not seen.".to_owned()),
    ];
    for ((asked, told), expected) in ASKED.iter().zip(&told).zip(&expected) {
        assert_eq!(told, expected, "{asked}");
    }
}

#[test]
fn an_answer_can_be_heard_as_it_grows() {
    let prompts = fake::prompt_builder();
    let (hearing, heard) = mpsc::channel();
    let runs = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&runs);
    timely::execute_directly(move |worker| {
        let (asking, inbox) = inbox();
        let crew = Crew::default();
        worker.dataflow::<Tick, _, _>(|scope| {
            let service = Service {
                scheduler: Some(Scheduler::new(
                    Box::new(FakeDecoder::new(Arc::default())),
                    SchedulerSettings::default(),
                )),
                beginnings: Vec::new(),
                health: Health::default(),
                text: Some(Box::new(FakeTextEncoder::new(Arc::default()))),
                text_health: Health::default(),
                archive: Some(Box::new(Shelf)),
                tally: Tally::default(),
                prompts,
                followers: Vec::new(),
                summaries: Vec::new(),
            };
            let asked = Asked {
                requests: empty(scope),
                questions: questions(scope, Some(inbox)),
                cuts: empty(scope),
            };
            decode(asked, service, &crew).1.inspect(move |_| {
                count.fetch_add(1, SeqCst);
            });
        });
        asking.ask(Question {
            hearing: Some(hearing),
            ..Question::new("What can be seen?").unwrap()
        });
        drop(asking);
        while worker.has_dataflows() {
            worker.step_or_park(Some(Duration::from_millis(10)));
        }
        crew.join();
    });
    let heard: Vec<String> = heard.into_iter().collect();
    assert_eq!(runs.load(SeqCst), 1);
    assert!(heard.len() > 3 && heard[0] == "In", "{heard:?}");
    assert!(
        heard.windows(2).all(|two| two[1].starts_with(&two[0])),
        "{heard:?}"
    );
}

proptest! {
    #![proptest_config(cases(48))]

    #[test]
    fn each_question_is_answered_once_and_as_if_it_were_alone(visits in vec(visit(), 1..12)) {
        let (told, tally) = answers(&visits);
        prop_assert_eq!(told.len(), visits.len());
        for (visit, told) in visits.iter().zip(&told) {
            let expected = match (visit.dropped, visit.late, visit.nowhere) {
                (true, _, _) => Err(Reason::Cancelled),
                (_, true, _) => Err(Reason::Late),
                (_, _, true) => Err(Reason::Missing),
                _ => answers(&[plainly(visit.text)]).0.remove(0),
            };
            prop_assert_eq!(told, &expected, "{:?}", visit);
        }
        let asked = tally.tasks().get(&Task::Ask).map_or(0, |tally| tally.requests);
        prop_assert!(asked <= 4 * visits.len() as u64);
    }
}
