//! The decoder of the pack `mini` gives the same whatever runs beside a request and whatever was kept of earlier ones.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use atom_models::{
    Generation, Job, KvCache, Pack, Prompt, PromptBuilder, Scheduler, SchedulerSettings, Urgency,
    VisualFeatures,
};
use atom_tests::cache;

/// How long all of it may take.
const BOUND: Duration = Duration::from_secs(300);

fn pack() -> Pack {
    cache::installed();
    Pack::open("mini").unwrap()
}

fn scheduler(pack: &Pack, settings: SchedulerSettings) -> Scheduler {
    Scheduler::new(pack.decoder(Arc::default()).unwrap(), settings)
}

/// A caption of something seen, as columns of the concepts.
fn caption(prompts: &PromptBuilder, seen: &[usize]) -> Prompt {
    let mut concepts = vec![0.0; prompts.concept_count()];
    seen.iter().for_each(|column| concepts[*column] = 0.8);
    let features = VisualFeatures {
        embedding: vec![0.0; 384].into(),
        concepts: concepts.into(),
    };
    prompts.caption_prompt(&features, &[])
}

/// Captions and questions, some with a common beginning, of different lengths.
fn prompts(prompts: &PromptBuilder) -> Vec<Prompt> {
    let questions = [
        "Is there a dog?",
        "What can be seen?",
        "How many people are there?",
    ];
    let evidence = ["person, dog, grass; maybe run, field", "car"];
    let asked = evidence
        .iter()
        .flat_map(|seen| questions.map(|ask| prompts.reason_prompt(seen, ask)));
    let captions = [&[3, 40, 77][..], &[3, 40, 78], &[9]].map(|seen| caption(prompts, seen));
    captions.into_iter().chain(asked).collect()
}

fn job(prompt: &Prompt, urgency: Urgency) -> Job {
    Job {
        prompt: prompt.clone(),
        max_tokens: 12,
        urgency,
        deadline: None,
    }
}

/// All prompts at once, the later ones while the earlier ones are under way.
fn together(scheduler: &mut Scheduler, prompts: &[Prompt]) -> Vec<Generation> {
    let (begun, mut found) = (Instant::now(), BTreeMap::new());
    let mut waiting = prompts.iter().enumerate();
    while found.len() < prompts.len() {
        if let Some((id, prompt)) = waiting.next() {
            let urgency = [Urgency::Recording, Urgency::Person][id % 2];
            scheduler.submit(id as u64, job(prompt, urgency));
        }
        for finished in scheduler.advance(Instant::now()) {
            found.insert(finished.id, finished.result.unwrap());
        }
        assert!(
            begun.elapsed() < BOUND,
            "{} of {} are done",
            found.len(),
            prompts.len()
        );
    }
    found.into_values().collect()
}

#[test]
fn texts_and_scores_do_not_depend_on_reuse_or_on_what_runs_beside() {
    let pack = pack();
    let prompts = prompts(pack.prompts());
    let mut alone = scheduler(
        &pack,
        SchedulerSettings {
            reuse: false,
            ..SchedulerSettings::default()
        },
    );
    let alone: Vec<_> = prompts
        .iter()
        .map(|prompt| alone.generate(prompt, 12).unwrap())
        .collect();
    let mut shared = scheduler(&pack, SchedulerSettings::default());
    let loaded = shared.pin_prefix(&pack.prompts().reason_prefix()).unwrap();
    assert!(loaded > 50, "{loaded}");
    for round in ["at first", "again"] {
        let found = together(&mut shared, &prompts);
        for (alone, found) in alone.iter().zip(&found) {
            assert_eq!(alone.candidates, found.candidates, "{round}");
        }
        let reused: usize = found.iter().map(|generation| generation.reused).sum();
        assert!(reused > 20, "{reused} {round}");
    }
}

#[test]
fn a_sequence_without_the_adapter_is_the_same_beside_one_with_it() {
    let pack = pack();
    let mut decoder = pack.decoder(Arc::default()).unwrap();
    let shape = decoder.shape();
    let tokens = decoder.encode("A dog runs over the").unwrap();
    let mut run = |adapter: bool| {
        let mut kv = KvCache::from_tokens(shape, &[], 0);
        let logits = decoder.run(&tokens, &[adapter], &mut kv).unwrap();
        (logits, kv)
    };
    let ((plain_next, plain), (adapted_next, adapted)) = (run(false), run(true));
    assert_ne!(plain_next, adapted_next, "the adapter does something");
    let mut both = KvCache::new(shape);
    both.resize(2, adapted.capacity());
    both.copy_row_from(0, &adapted, 0);
    both.copy_row_from(1, &plain, 0);
    let beside = decoder.run(&[7, 7], &[true, false], &mut both).unwrap();
    let mut alone = plain;
    let alone = decoder.run(&[7], &[false], &mut alone).unwrap();
    assert_eq!(beside[alone.len()..], alone);
}
