//! The decoder of the pack `mini` gives the same results with and without batching, and with and without prefix reuse.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use atom_models::{
    GeneratedTexts, InputToken, Job, KvCache, Pack, Prompt, PromptBuilder, Scheduler,
    SchedulerSettings, Urgency, VisualFeatures,
};
use atom_tests::pack_cache;

/// The time limit of all generations.
const TIMEOUT: Duration = Duration::from_secs(300);

fn pack() -> Pack {
    pack_cache::installed();
    Pack::open("mini").unwrap()
}

fn scheduler(pack: &Pack, settings: SchedulerSettings) -> Scheduler {
    Scheduler::new(pack.decoder(Arc::default()).unwrap(), settings)
}

/// Returns a caption prompt for the given concepts.
fn caption(prompts: &PromptBuilder, columns: &[usize]) -> Prompt {
    let mut concepts = vec![0.0; prompts.concept_count()];
    columns.iter().for_each(|column| concepts[*column] = 0.8);
    let features = VisualFeatures {
        embedding: vec![0.0; 384].into(),
        concepts: concepts.into(),
        ..VisualFeatures::default()
    };
    prompts.caption_prompt(&features, &[], &[])
}

/// Returns caption and question prompts of different lengths, some with a common prefix.
fn prompts(prompts: &PromptBuilder) -> Vec<Prompt> {
    let questions = [
        "Is there a dog?",
        "What can be seen?",
        "How many people are there?",
    ];
    let evidence = ["person, dog, grass; maybe run, field", "car"];
    let asked = evidence
        .iter()
        .flat_map(|seen| questions.map(|ask| prompts.reason_prompt(*seen, ask)));
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

/// Generates all prompts in one batch; later prompts join while earlier ones are in progress.
fn generate_batched(scheduler: &mut Scheduler, prompts: &[Prompt]) -> Vec<GeneratedTexts> {
    let (start, mut found) = (Instant::now(), BTreeMap::new());
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
            start.elapsed() < TIMEOUT,
            "{} of {} are done",
            found.len(),
            prompts.len()
        );
    }
    found.into_values().collect()
}

#[test]
fn texts_and_scores_do_not_depend_on_reuse_or_batching() {
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
        let found = generate_batched(&mut shared, &prompts);
        for (alone, found) in alone.iter().zip(&found) {
            assert_eq!(alone.candidates, found.candidates, "{round}");
        }
        let reused: usize = found.iter().map(|generation| generation.reused).sum();
        assert!(reused > 20, "{reused} {round}");
    }
}

#[test]
fn a_sequence_without_the_adapter_is_unchanged_in_a_batch_with_the_adapter() {
    let pack = pack();
    let mut decoder = pack.decoder(Arc::default()).unwrap();
    let shape = decoder.shape();
    let tokens = decoder.encode("A dog runs over the", &[]).unwrap();
    let tokens: Vec<_> = tokens.into_iter().map(InputToken::Text).collect();
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
    let beside = decoder
        .run(&[7, 7].map(InputToken::Text), &[true, false], &mut both)
        .unwrap();
    let mut alone = plain;
    let alone = decoder
        .run(&[InputToken::Text(7)], &[false], &mut alone)
        .unwrap();
    assert_eq!(beside[alone.len()..], alone);
}
