use std::{collections::BTreeMap, sync::Arc, time::Duration};

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::fake::FakeDecoder;

fn scheduler(settings: SchedulerSettings) -> Scheduler {
    Scheduler::new(Box::new(FakeDecoder::new(Arc::default())), settings)
}

fn ask(evidence: &str, question: &str) -> Prompt {
    Prompt::from(&*format!("answer {evidence} ? {question} <|say|>"))
}

fn job(prompt: Prompt, urgency: Urgency) -> Job {
    Job {
        prompt,
        max_tokens: 24,
        urgency,
        deadline: None,
    }
}

/// Returns a prompt of `tokens` tokens whose answer is as long.
fn long(tokens: usize) -> Prompt {
    Prompt::from(&*format!(
        "caption {} <|say|>",
        vec!["dog"; tokens - 2].join(" ")
    ))
}

/// Advances until nothing is left to do.
fn finish(scheduler: &mut Scheduler) -> BTreeMap<u64, Result<GeneratedTexts, Fault>> {
    let mut results = BTreeMap::new();
    while !scheduler.idle() {
        let finished = scheduler.advance(Instant::now());
        results.extend(
            finished
                .into_iter()
                .map(|finished| (finished.id, finished.result)),
        );
    }
    results
}

fn text(result: &Result<GeneratedTexts, Fault>) -> Result<String, Reason> {
    let generation = result.as_ref().map_err(|fault| fault.reason)?;
    Ok(generation.text().to_owned())
}

const WORDS: [&str; 5] = ["a", "red", "dog", "runs", "far"];

fn prompt() -> impl Strategy<Value = Prompt> {
    let words = |most| vec(select(&WORDS), 0..most).prop_map(|words| words.join(" "));
    let question = prop_oneof![6 => words(4), 1 => select(&["fail", "fail2", "panic2"]).prop_map(str::to_owned)];
    let reason = (words(40), question).prop_map(|(evidence, question)| ask(&evidence, &question));
    let caption = words(40).prop_map(|tags| Prompt::from(&*format!("caption {tags} <|say|>")));
    let options = ["Yes", "No a far red dog", "a dog"].map(str::to_owned);
    (prop_oneof![reason, caption], 0..4usize).prop_map(move |(prompt, beams)| match beams {
        0 => prompt.with_options(&options),
        beams => prompt.with_beams(beams),
    })
}

fn urgency() -> impl Strategy<Value = Urgency> {
    select(&[
        Urgency::Person,
        Urgency::Live,
        Urgency::Recording,
        Urgency::Summary,
    ])
}

fn settings() -> impl Strategy<Value = SchedulerSettings> {
    (any::<bool>(), 0..2000usize, 0..2000usize, 1..12usize).prop_map(
        |(reuse, prefix_bytes, batch_bytes, rows)| SchedulerSettings {
            reuse,
            prefix_bytes,
            batch_bytes,
            rows,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each job arrives a number of actions after the one before.
    #[test]
    fn a_result_depends_only_on_its_request(jobs in vec((0..6u8, prompt(), 1..30usize, urgency()), 1..30), settings in settings()) {
        let mut together = scheduler(settings);
        let mut results = BTreeMap::new();
        let mut alone = BTreeMap::new();
        for (id, (pause, prompt, max_tokens, urgency)) in jobs.into_iter().enumerate() {
            let none = SchedulerSettings { reuse: false, ..SchedulerSettings::default() };
            alone.insert(id as u64, text(&scheduler(none).generate(&prompt, max_tokens)));
            for _ in 0..pause {
                let finished = together.advance(Instant::now());
                results.extend(finished.into_iter().map(|finished| (finished.id, finished.result)));
            }
            together.submit(id as u64, Job { max_tokens, ..job(prompt, urgency) });
        }
        results.extend(finish(&mut together));
        let results: BTreeMap<_, _> = results.iter().map(|(id, result)| (*id, text(result))).collect();
        prop_assert_eq!(results, alone);
        let (tree, batch) = together.bytes();
        prop_assert!(tree <= settings.prefix_bytes && batch == 0);
    }
}

/// The fake decoder's vocabulary grows as it runs, so two runs may return different numbers of scores.
#[test]
fn requests_run_separately_keep_their_own_scores() {
    let options = ["Yes", "No a far red dog", "a dog"].map(str::to_owned);
    let chosen = |prompt: Prompt| prompt.with_options(&options);
    let caption = chosen(Prompt::from("caption  <|say|>"));
    let expected = scheduler(SchedulerSettings::default()).generate(&caption, 1);
    let prompts = [
        caption,
        chosen(ask("a", "fail2")),
        ask("", ""),
        chosen(ask("", "")),
    ];
    let mut scheduler = scheduler(SchedulerSettings::default());
    for (id, prompt) in (0..).zip(prompts) {
        let urgency = [Urgency::Summary, Urgency::Person][usize::from(id > 0)];
        let job = Job {
            max_tokens: 1,
            ..job(prompt, urgency)
        };
        scheduler.submit(id, job);
    }
    let results = finish(&mut scheduler);
    assert_eq!(text(&results[&0]).ok(), text(&expected).ok());
    assert_eq!(text(&results[&1]), Err(Reason::Model));
}

#[test]
fn ten_thousand_requests_leak_no_memory() {
    let settings = SchedulerSettings {
        prefix_bytes: 4000,
        ..SchedulerSettings::default()
    };
    let mut scheduler = scheduler(settings);
    let mut finished = 0;
    for id in 0..10_000u64 {
        let evidence = WORDS[id as usize % 5];
        let question = ["a dog?", "fail", "panic2", "is it red?"][id as usize / 3 % 4];
        let urgency = [Urgency::Person, Urgency::Summary][id as usize / 7 % 2];
        let deadline = (id % 11 == 0).then(Instant::now);
        scheduler.submit(
            id,
            Job {
                deadline,
                ..job(ask(evidence, question), urgency)
            },
        );
        if id % 13 == 0 {
            scheduler.cancel(id - id % 5);
        }
        finished += scheduler.advance(Instant::now()).len();
    }
    finished += finish(&mut scheduler).len();
    assert!((9_000..10_000).contains(&finished), "{finished}");
    let (tree, batch) = scheduler.bytes();
    assert!(tree <= 4000 && batch == 0);
}

#[test]
fn a_second_question_about_the_same_evidence_runs_only_its_own_tokens() {
    let mut scheduler = scheduler(SchedulerSettings::default());
    let prefix = Prompt::from("answer the picture shows that");
    assert_eq!(scheduler.pin_prefix(&prefix), Ok(4));
    let mut cost = |evidence: &str, question: &str| {
        let prompt = ask(&format!("the picture shows {evidence}"), question);
        let found = scheduler.generate(&prompt, 9).unwrap();
        (found.prefilled, found.reused)
    };
    // "the picture shows" is pinned; "?" and "<|say|>" belong to the prompt.
    assert_eq!(cost("a red dog", "a dog?"), (7, 0));
    assert_eq!(cost("a red dog", "a cat?"), (2, 5));
    assert_eq!(cost("a blue bird", "a cat?"), (6, 1));
    let none = SchedulerSettings {
        reuse: false,
        ..SchedulerSettings::default()
    };
    let found = self::scheduler(none)
        .generate(&ask("a red dog", "a dog?"), 9)
        .unwrap();
    assert_eq!((found.prefilled, found.reused), (8, 0));
}

#[test]
fn a_request_that_fails_in_a_batch_fails_alone() {
    let mut scheduler = scheduler(SchedulerSettings::default());
    let questions = ["a dog?", "fail2", "a cat?", "panic2"];
    for (id, question) in questions.iter().enumerate() {
        scheduler.submit(
            id as u64,
            job(ask("a dog there far away", question), Urgency::Live),
        );
    }
    let caption = Prompt::from("caption red dog <|say|>").with_beams(3);
    let alone = text(&self::scheduler(SchedulerSettings::default()).generate(&caption, 24));
    scheduler.submit(4, job(caption, Urgency::Live));
    let results = finish(&mut scheduler);
    let texts: Vec<_> = results.values().map(text).collect();
    let ok = |text: &str| Ok(text.to_owned());
    let expected = [
        ok("Yes"),
        Err(Reason::Model),
        ok("No"),
        Err(Reason::Panic),
        alone,
    ];
    assert_eq!(texts, expected);
}

fn actions_until(scheduler: &mut Scheduler, id: u64) -> usize {
    for action in 1..10_000 {
        if scheduler
            .advance(Instant::now())
            .iter()
            .any(|finished| finished.id == id)
        {
            return action;
        }
    }
    panic!("request {id} is starved");
}

#[test]
fn a_person_waits_for_one_action_only() {
    let mut scheduler = scheduler(SchedulerSettings::default());
    for id in 0..20 {
        scheduler.submit(id, job(long(200 + id as usize), Urgency::Recording));
    }
    (0..30).for_each(|_| assert!(scheduler.advance(Instant::now()).is_empty()));
    scheduler.submit(99, job(ask("a dog", "dog?"), Urgency::Person));
    // Its one chunk and the step after its only word, each possibly after one displaced action.
    assert!(actions_until(&mut scheduler, 99) <= 4);
}

#[test]
fn requests_that_can_wait_are_not_starved() {
    let mut scheduler = scheduler(SchedulerSettings {
        rows: 2,
        ..SchedulerSettings::default()
    });
    scheduler.submit(0, job(long(160), Urgency::Summary));
    let mut actions = 0;
    let mut next = 1;
    loop {
        while scheduler.queue.requests().len() < 5 {
            scheduler.submit(next, job(long(40), Urgency::Person));
            next += 1;
        }
        actions += 1;
        if scheduler
            .advance(Instant::now())
            .iter()
            .any(|finished| finished.id == 0)
        {
            break;
        }
        assert!(actions < 1000, "starved");
    }
}

#[test]
fn late_and_cancelled_requests_release_their_memory() {
    let mut scheduler = scheduler(SchedulerSettings {
        reuse: false,
        ..SchedulerSettings::default()
    });
    let now = Instant::now();
    for id in 0..3 {
        let deadline = (id == 0).then(|| now + Duration::from_millis(5));
        scheduler.submit(
            id,
            Job {
                deadline,
                ..job(long(30), Urgency::Live)
            },
        );
    }
    (0..9).for_each(|_| assert!(scheduler.advance(now).is_empty()));
    scheduler.cancel(1);
    let late = scheduler.advance(now + Duration::from_millis(6));
    assert_eq!((late[0].id, text(&late[0].result)), (0, Err(Reason::Late)));
    assert_eq!(finish(&mut scheduler).into_keys().collect::<Vec<_>>(), [2]);
    assert_eq!(scheduler.bytes(), (0, 0));
}

#[test]
fn the_likeliest_option_comes_first() {
    let mut scheduler = scheduler(SchedulerSettings::default());
    let options = ["No", "Yes", "Yes a dog"].map(str::to_owned);
    let found = scheduler
        .generate(&ask("a dog", "a dog?").with_options(&options), 1)
        .unwrap();
    let texts = found.candidates.iter().map(|candidate| &*candidate.text);
    assert_eq!(texts.collect::<Vec<_>>(), ["Yes", "Yes a dog", "No"]);
    assert!(found.candidates[0].score > -0.01 && found.candidates[1].score < -50.0);
    let empty = ask("a dog", "a dog?").with_options(&[String::new()]);
    assert!(scheduler.generate(&empty, 1).is_err());
}

#[test]
fn a_banned_word_is_not_generated() {
    let mut scheduler = scheduler(SchedulerSettings::default());
    let prompt = Prompt::from("caption red dog <|say|>").with_banned_words(vec!["red".to_owned()]);
    let generation = scheduler.generate(&prompt, 9).unwrap();
    assert_eq!(generation.text(), "A picture of");
}

#[test]
fn empty_and_too_long_prompts_are_refused() {
    let mut scheduler = scheduler(SchedulerSettings::default());
    for prompt in [Prompt::from(""), long(990)] {
        let fault = scheduler.generate(&prompt, 24).unwrap_err();
        assert_eq!(fault.reason, Reason::Model);
        assert!(fault.detail.contains("1000"), "{fault}");
    }
}

#[test]
fn live_requests_that_were_late_together_are_tried_one_by_one() {
    let mut scheduler = scheduler(SchedulerSettings {
        rows: 4,
        ..SchedulerSettings::default()
    });
    let start = Instant::now();
    let deadline = |after| Some(start + Duration::from_millis(after));
    let live = |id: u64, after| Job {
        deadline: deadline(after),
        ..job(long(80 + id as usize), Urgency::Live)
    };
    let decoding = |scheduler: &mut Scheduler, ids: std::ops::Range<u64>| {
        (0..60).for_each(|_| drop(scheduler.advance(start)));
        let started = |id: &u64| scheduler.partial_text(*id).is_some();
        ids.filter(started).count()
    };
    for (round, together) in [(0, 4), (1, 2), (2, 1), (3, 1)] {
        let (ids, after) = (round * 4..round * 4 + 4, 10 + round);
        ids.clone().for_each(|id| {
            scheduler.submit(
                id,
                Job {
                    max_tokens: 100,
                    ..live(id % 4, after)
                },
            )
        });
        assert_eq!(decoding(&mut scheduler, ids), together, "round {round}");
        let late = scheduler.advance(start + Duration::from_millis(after));
        assert_eq!(late.len(), 4);
    }
}

#[test]
fn the_newest_live_request_goes_first() {
    let settings = SchedulerSettings {
        rows: 1,
        ..SchedulerSettings::default()
    };
    let order = |urgency| {
        let mut scheduler = scheduler(settings);
        (0..4).for_each(|id| scheduler.submit(id, job(long(12), urgency)));
        let mut order = Vec::new();
        while !scheduler.idle() {
            let finished = scheduler.advance(Instant::now());
            order.extend(finished.into_iter().map(|one| one.id));
        }
        order
    };
    assert_eq!(order(Urgency::Live), [3, 2, 1, 0]);
    assert_eq!(order(Urgency::Recording), [0, 1, 2, 3]);
}

/// A long text leaves the batch, and its capacity is released, while another request is about to join a short one.
#[test]
fn a_long_text_that_leaves_keeps_the_others_intact() {
    // The first short text takes enough steps to be there when the second one arrives.
    let short = long(30);
    let alone = scheduler(SchedulerSettings::default())
        .generate(&short, 24)
        .unwrap();
    for wait in 0..8 {
        let mut scheduler = scheduler(SchedulerSettings::default());
        scheduler.submit(0, job(long(700), Urgency::Recording));
        while scheduler.partial_text(0).is_none() {
            scheduler.advance(Instant::now());
        }
        let mut gone = BTreeMap::new();
        scheduler.submit(1, job(short.clone(), Urgency::Recording));
        for _ in 0..wait {
            let finished = scheduler.advance(Instant::now()).into_iter();
            gone.extend(finished.map(|one| (one.id, one.result)));
        }
        assert!(!gone.contains_key(&0), "{wait}");
        scheduler.cancel(0);
        scheduler.submit(2, job(short.clone(), Urgency::Person));
        gone.extend(finish(&mut scheduler));
        for id in [1, 2] {
            assert_eq!(text(&gone[&id]).as_deref(), Ok(alone.text()), "{id} {wait}");
        }
        assert_eq!(scheduler.bytes().1, 0);
    }
}
