//! Answers and summaries with the pack `mini` say only what the video bears out: counts from the frames, sentences from captions; and
//! search finds the scenes of an annotated recording.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    env,
    ops::{Range, RangeInclusive},
    path::{Path, PathBuf},
};

use atom_index::{Hit, Query, Store, text_to_embed};
use atom_models::{Meters, Pack, TextEncoder, english::singular};
use atom_tests::{
    pack_cache,
    program::{Workdir, path_str},
};
use serde_json::Value;

/// Words of sentences that tell nothing about their content.
const FUNCTION_WORDS: &str = "\
    a an the of in on at to with and by for from next into down up over under is are it its his her their there some that this while \
    out off through along across as front side top lot many several who which";

/// Indexes a video with the pack `mini`.
fn indexed(video: &Path) -> Workdir {
    let dir = Workdir::new().with_cache(&pack_cache::installed());
    dir.atom(&["index", path_str(video), "--store", "s.db"])
        .ok();
    dir
}

fn ask(dir: &Workdir, question: &str) -> Value {
    let arguments = ["ask", question, "--json", "--store", "s.db"];
    let answer = dir.atom(&arguments).ok().json_lines().remove(0);
    println!("{question} -> {}", answer["text"].as_str().unwrap());
    answer
}

fn summary(dir: &Workdir) -> Value {
    let arguments = ["summarize", "--json", "--store", "s.db"];
    let mut summaries = dir.atom(&arguments).ok().json_lines().remove(0);
    let summary = summaries["summaries"][0].take();
    println!("{}", summary["text"].as_str().unwrap());
    summary
}

/// Returns the words with content in a sentence, nouns in the singular.
fn content_words(sentence: &str) -> BTreeSet<String> {
    let lower = sentence.to_lowercase();
    let words = lower.split(|letter: char| !letter.is_alphabetic());
    let content = words.filter(|word| {
        !word.is_empty() && !FUNCTION_WORDS.split(' ').any(|function| function == *word)
    });
    content.map(singular).collect()
}

/// Returns the content words of a summary that are in no caption of the index.
fn invented_words(dir: &Workdir, summary: &Value) -> BTreeSet<String> {
    let rows = Store::open_existing(&dir.path("s.db"))
        .unwrap()
        .rows(None, None, None)
        .unwrap();
    let captions = rows.iter().filter_map(|row| row.row.caption.as_deref());
    let said: BTreeSet<_> = captions.flat_map(content_words).collect();
    let sentences = summary["scenes"].as_array().unwrap().iter();
    let words = sentences.flat_map(|scene| content_words(scene["text"].as_str().unwrap()));
    words.filter(|word| !said.contains(word)).collect()
}

#[test]
fn cars_and_people_of_the_demo_video_are_counted_in_its_frames() {
    let dir = indexed(&pack_cache::demo_video());
    let cars = ask(&dir, "How many cars are there?");
    let text = cars["text"].as_str().unwrap();
    assert!(
        text.starts_with("At most ") && text.contains("in one frame, at 0:0"),
        "{cars}"
    );
    assert!((1..=6).contains(&cars["count"].as_u64().unwrap()), "{cars}");
    assert!(
        cars["segments"][0]["answer"]
            .as_str()
            .unwrap()
            .contains("car"),
        "{cars}"
    );
    let giraffes = ask(&dir, "How many giraffes?");
    assert!(
        giraffes["text"].as_str().unwrap().starts_with("None: "),
        "{giraffes}"
    );
    let unicorns = ask(&dir, "How many unicorns are there?");
    assert!(
        unicorns["text"]
            .as_str()
            .unwrap()
            .starts_with("Not known: "),
        "{unicorns}"
    );
    tells_what_can_be_seen(&dir);
}

/// Asserts that the demo video is told and summarized in English, by what its frames bear out.
fn tells_what_can_be_seen(dir: &Workdir) {
    let seen = ask(dir, "What can be seen?");
    let text = seen["text"].as_str().unwrap();
    assert!(
        text.contains("can be seen") && text.contains("car") && text.contains(" from 0:0"),
        "{seen}"
    );
    assert!(!text.to_lowercase().contains("a people"), "{seen}");
    // Its first caption tells of a clock, which nothing else bears out.
    let summary = summary(dir);
    assert!(
        !summary["text"].as_str().unwrap().contains("clock"),
        "{summary}"
    );
    assert_eq!(invented_words(dir, &summary), BTreeSet::new());
}

/// The part of the recording in which the moment of a count must be, in milliseconds.
type Moments = Vec<RangeInclusive<u64>>;

/// Counts in the recording: the question, the numbers that are right or nearly so, and when.
fn expected_counts() -> Vec<(&'static str, Range<u64>, Moments)> {
    let roads = || vec![1900..=31_900, 173_300..=201_700];
    vec![
        // Up to a dozen, most of them far away.
        ("How many cars?", 4..13, roads()),
        (
            "How many cars can be seen at the same time?",
            4..13,
            roads(),
        ),
        // Spectators on a meadow, some of them hardly visible. Of the skateboarder the detector sees parts, too.
        (
            "How many people are there?",
            2..8,
            vec![59_100..=70_300, 118_600..=125_700],
        ),
        // Three stand in a row.
        ("How many bottles?", 2..4, vec![70_300..=110_200]),
        (
            "How many dogs?",
            1..2,
            vec![118_600..=125_700, 201_700..=204_100],
        ),
        ("How many bicycles are there?", 1..4, vec![40_900..=50_900]),
        ("How many planes?", 1..2, vec![59_100..=70_300]),
    ]
}

#[test]
fn an_annotated_recording_is_found_counted_and_summarized_as_it_is() {
    // A folder with `recording.mp4` and `timeline.json`, the list of its scenes with their captions.
    let Some(folder) = env::var_os("ATOM_TEST_RECORDING").map(PathBuf::from) else {
        println!("skipped: ATOM_TEST_RECORDING is not set");
        return;
    };
    let dir = indexed(&folder.join("recording.mp4"));
    let scenes = timeline(&folder);
    search_finds_the_scenes(&dir, &scenes);
    ten_questions_get_the_expected_answers(&dir);
    summary_mentions_the_scenes(&dir, &scenes);
}

fn timeline(folder: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("timeline.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// Asserts that search finds most scenes of the timeline by one of their sentences.
fn search_finds_the_scenes(dir: &Workdir, scenes: &[Value]) {
    let searcher = Searcher::open(&dir.path("s.db"));
    let (mut scenes_found, mut at_rank_1, mut at_rank_5, mut queries) = (0, 0, 0, 0);
    for scene in scenes {
        let sentences = scene["captions"].as_array().unwrap().iter();
        let mut ranks = Vec::new();
        for sentence in sentences {
            ranks.push(searcher.rank(sentence.as_str().unwrap(), scene));
        }
        let within = |limit: usize| {
            ranks
                .iter()
                .flatten()
                .filter(|rank| **rank <= limit)
                .count()
        };
        at_rank_1 += within(1);
        at_rank_5 += within(5);
        queries += ranks.len();
        scenes_found += usize::from(within(5) > 0);
        println!("{}: ranks {ranks:?}", scene["clip"]);
    }
    println!(
        "{scenes_found} of {} scenes at rank 5 by one of their sentences; of {queries} sentences {at_rank_1} at rank 1, {at_rank_5} at rank 5",
        scenes.len()
    );
    assert!(
        scenes_found >= 10,
        "only {scenes_found} of {} scenes",
        scenes.len()
    );
}

fn ten_questions_get_the_expected_answers(dir: &Workdir) {
    for (question, numbers, moments) in expected_counts() {
        let answer = ask(dir, question);
        let count = answer["count"].as_u64().unwrap_or_default();
        assert!(
            numbers.contains(&count),
            "{question} expected {numbers:?}: {answer}"
        );
        let best = &answer["segments"][0];
        let at = u64::midpoint(
            best["start_ms"].as_u64().unwrap(),
            best["end_ms"].as_u64().unwrap(),
        );
        assert!(
            moments.iter().any(|range| range.contains(&at)),
            "{question} at {at} ms: {answer}"
        );
    }
    let beginnings = [
        ("How many trees are there?", "In "),
        ("How many giraffes?", "None: in none of 69 segments."),
        ("How many unicorns?", "Not known: "),
    ];
    for (question, beginning) in beginnings {
        let answer = ask(dir, question);
        assert!(
            answer["text"].as_str().unwrap().starts_with(beginning),
            "{answer}"
        );
    }
    let seen = ask(dir, "What can be seen?");
    let text = seen["text"].as_str().unwrap();
    for thing in ["cars", "bottle", "can be seen: "] {
        assert!(text.contains(thing), "{seen}");
    }
}

/// Asserts that the summary mentions most scenes of the timeline at their time, in words of captions only.
fn summary_mentions_the_scenes(dir: &Workdir, timeline: &[Value]) {
    let summary = summary(dir);
    assert_eq!(invented_words(dir, &summary), BTreeSet::new());
    assert!(
        !summary["text"]
            .as_str()
            .unwrap()
            .contains("sits on a plate"),
        "{summary}"
    );
    let told = summary["scenes"].as_array().unwrap();
    let mentioned = timeline.iter().filter(|scene| {
        let sentence = told.iter().find(|told| is_mentioned(scene, told));
        println!(
            "{} <- {:?}",
            scene["clip"],
            sentence.map(|told| &told["text"])
        );
        sentence.is_some()
    });
    let count = mentioned.count();
    println!("{count} of {} scenes", timeline.len());
    assert!(count >= 10, "only {count} scenes: {summary}");
}

/// Returns true if a sentence of the summary is about some of a scene's time and shares a content word with one of its captions.
fn is_mentioned(scene: &Value, told: &Value) -> bool {
    let ms = |value: &Value, key: &str| value[key].as_u64().unwrap();
    let spans = told["spans"].as_array().unwrap();
    let overlaps = |span: &Value| {
        ms(span, "start_ms").max(ms(scene, "start_ms")) + 500
            < ms(span, "end_ms").min(ms(scene, "end_ms"))
    };
    let captions = scene["captions"].as_array().unwrap().iter();
    let words: BTreeSet<_> = captions
        .flat_map(|text| content_words(text.as_str().unwrap()))
        .collect();
    let shared = content_words(told["text"].as_str().unwrap())
        .intersection(&words)
        .count();
    spans.iter().any(overlaps) && shared > 0
}

/// A search like that of `atom search`, with the text encoder loaded once for all sentences.
struct Searcher {
    store: Store,
    encoder: RefCell<Box<dyn TextEncoder>>,
}

impl Searcher {
    fn open(store: &Path) -> Self {
        let encoder = Pack::open("mini").unwrap().text(Meters::default().text);
        Self {
            store: Store::open_existing(store).unwrap(),
            encoder: encoder.unwrap().into(),
        }
    }

    /// Returns the rank, counted from 1, of the first hit whose middle is inside the scene.
    fn rank(&self, sentence: &str, scene: &Value) -> Option<usize> {
        let vector = self.encoder.borrow_mut().embed(&text_to_embed(sentence));
        let query = Query {
            text: sentence.to_owned(),
            vectors: BTreeMap::from([(Pack::open("mini").unwrap().id(), vector.unwrap())]),
            limit: 10,
            ..Query::default()
        };
        let hits = self.store.search(&query).unwrap().hits;
        let ms = |key: &str| scene[key].as_u64().unwrap();
        let scene = ms("start_ms")..ms("end_ms");
        let inside = |hit: &Hit| scene.contains(&((hit.start_ms + hit.end_ms) / 2));
        hits.iter().position(inside).map(|index| index + 1)
    }
}
