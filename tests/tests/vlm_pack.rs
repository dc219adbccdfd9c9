//! A pack of a vision-language model: its modules and frames are shared as those of other packs are, all uses of the program work with
//! it, and files that do not belong together are refused.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{fmt::Write, path::PathBuf};

use atom_index::Store;
use atom_pipelines::built_in_pipelines;
use atom_tests::{
    eval_dataset, generated_media,
    program::{Workdir, path_str},
    vlm_pack,
};
use serde_json::Value;

const QUESTIONS: [&str; 3] = [
    "What is in the foreground?",
    "What moves?",
    "Is there a person in this video?",
];

fn video() -> PathBuf {
    generated_media::moving("vlm.mp4", 10.0, &[])
}

/// Returns a pipeline of the pack with these nodes after `scenes`, all of them in one file of lines.
fn pipeline(nodes: &[(&str, String)]) -> String {
    let names: Vec<_> = nodes
        .iter()
        .map(|(name, _)| format!("\"{name}\""))
        .collect();
    let mut text = format!(
        "pack = \"{}\"\n[source.video]\n[node.frames]\nkind = \"sample\"\ninputs = [\"video\"]\n\
         [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n[node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\n",
        vlm_pack::NAME
    );
    for (name, settings) in nodes {
        writeln!(text, "[node.{name}]\ninputs = [\"scenes\"]\n{settings}").unwrap();
    }
    text + &format!(
        "[sink.lines]\nkind = \"jsonl\"\ninputs = [{}]\npath = \"lines.jsonl\"\n",
        names.join(", ")
    )
}

fn caption() -> (&'static str, String) {
    ("captions", "kind = \"caption\"".to_owned())
}

fn questions() -> Vec<(&'static str, String)> {
    let node = |ask: &str| format!("kind = \"reason\"\nask = \"{ask}\"");
    ["one", "two", "three"]
        .into_iter()
        .zip(QUESTIONS.map(node))
        .collect()
}

/// Returns the probability of an answer about the index.
fn yes(dir: &Workdir, question: &str) -> String {
    let answer = dir
        .atom(&["ask", question, "--store", "index.db", "--json"])
        .ok();
    answer.json_lines()[0]["probability"].to_string()
}

/// Returns the node of a line; captions do not name theirs.
fn node(line: &Value) -> String {
    line["node"].as_str().unwrap_or("captions").to_owned()
}

/// Runs a pipeline over the video; returns the report, and the lines in order of node and time.
#[track_caller]
fn run(dir: &Workdir, nodes: &[(&str, String)]) -> (Value, Vec<Value>) {
    dir.write("p.toml", pipeline(nodes));
    let source = format!("video={}", path_str(&video()));
    dir.atom(&["run", "p.toml", "--report", "r.json", "--source", &source])
        .ok();
    let text = dir.read("lines.jsonl");
    let lines = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut lines: Vec<_> = lines.filter(|line| line.get("text").is_some()).collect();
    lines.sort_by_key(|line| (node(line), line["start_ms"].as_u64()));
    (dir.report("r.json"), lines)
}

#[test]
fn branches_load_each_module_once_and_share_the_frames_of_a_segment() {
    let dir = vlm_pack::workdir();
    let mut nodes = vec![caption()];
    nodes.extend(questions());
    let (report, lines) = run(&dir, &nodes);
    for module in ["vision", "decoder"] {
        assert_eq!(report["modules"][module]["loads"], 1, "{module}: {report}");
    }
    assert_eq!(
        report["modules"]["vision"]["items"],
        report["sources"]["video"]["frames_sampled"]
    );
    assert_eq!(report["failures"], serde_json::json!({}));
    assert_eq!(lines.len(), 4 * 3, "{report}");
    let tokens = &report["decoder"]["tokens"]["reason"];
    let count = |key: &str| tokens[key].as_f64().unwrap();
    let reused = count("reused") / (count("reused") + count("prefilled"));
    assert!(
        reused >= 0.6,
        "{reused} of the questions' prompts reused: {tokens}"
    );
}

#[test]
fn a_branch_gives_the_same_texts_alone_and_beside_others() {
    let dir = vlm_pack::workdir();
    let mut nodes = vec![caption()];
    nodes.extend(questions());
    let (_, together) = run(&dir, &nodes);
    for own in &nodes {
        let (_, alone) = run(&dir, std::slice::from_ref(own));
        let beside = together.iter().filter(|line| node(line) == own.0);
        let text = |line: &Value| (line["start_ms"].clone(), line["text"].clone());
        assert_eq!(
            alone.iter().map(text).collect::<Vec<_>>(),
            beside.map(text).collect::<Vec<_>>(),
            "{}",
            own.0
        );
    }
}

#[test]
fn every_built_in_pipeline_runs_and_its_index_is_searched_asked_and_summarized() {
    let dir = vlm_pack::workdir();
    for (name, text) in built_in_pipelines::ALL {
        let named = format!("name = \"{name}\"\n");
        dir.write(
            &format!("{name}.toml"),
            text.replacen(
                &named,
                &format!("{named}pack = \"{}\"\n", vlm_pack::NAME),
                1,
            ),
        );
        let source = match name {
            "live" => "camera".to_owned(),
            _ => "video".to_owned(),
        };
        let source = format!("{source}={}", path_str(&video()));
        let file = format!("{name}.toml");
        dir.atom(&["run", &file, "--source", &source, "--report", "r.json"])
            .ok();
        assert_eq!(
            dir.report("r.json")["failures"],
            serde_json::json!({}),
            "{name}"
        );
    }
    let store = "three-branches.db";
    let hits = dir
        .atom(&["search", "the", "--store", store, "--json"])
        .ok();
    assert!(
        hits.json_lines()[0]["complete_through_ms"]["video"].as_u64() >= Some(10_000),
        "{hits}"
    );
    for question in ["What can be seen?", "Is there a dog?", "Who is there?"] {
        dir.atom(&["ask", question, "--store", store]).ok();
    }
    dir.atom(&["summarize", "--store", store]).ok();
    dir.atom(&["query", "add", "dog", "a dog", "--store", store])
        .ok();
    dir.atom(&["stats", "--store", store]).ok();
}

#[test]
fn captions_of_pictures_and_clips_are_evaluated() {
    let dir = vlm_pack::workdir();
    let data = eval_dataset::dataset();
    let folder = data.path("dataset");
    let arguments = [
        "eval",
        "caption",
        path_str(&folder),
        "--pack",
        vlm_pack::NAME,
        "--json",
    ];
    let lines = dir.atom(&arguments).stdout;
    assert!(
        lines.lines().count() == 3 && lines.contains("\"cider_d\""),
        "{lines}"
    );
    dir.atom(&[
        "eval",
        "retrieval",
        path_str(&folder),
        "--pack",
        vlm_pack::NAME,
    ])
    .fails_with(&["has no text encoder"]);
}

#[test]
fn a_dual_encoder_beside_the_model_makes_segments_searchable_and_answers_yes_or_no() {
    let dir = vlm_pack::workdir_with_index();
    let nodes = [
        caption(),
        (
            "archive",
            "kind = \"index\"\nstore = \"index.db\"".to_owned(),
        ),
    ];
    let text = pipeline(&nodes[..1]);
    let (_, archive) = &nodes[1];
    dir.write(
        "p.toml",
        format!("{text}[node.archive]\ninputs = [\"scenes\", \"captions\"]\n{archive}\n"),
    );
    let source = format!("video={}", path_str(&video()));
    dir.atom(&["run", "p.toml", "--report", "r.json", "--source", &source])
        .ok();
    let report = dir.report("r.json");
    for module in ["vision", "decoder", "text"] {
        assert_eq!(report["modules"][module]["loads"], 1, "{module}: {report}");
    }
    assert_eq!(report["failures"], serde_json::json!({}));
    let store = Store::open_existing(&dir.path("index.db")).unwrap();
    for stored in store.rows(None, None, None).unwrap() {
        let length: f32 = stored.row.embedding.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 0.02, "{length}");
    }
    let search = ["search", "zebra crossing", "--store", "index.db", "--json"];
    let found = dir.atom(&search).ok();
    let hits = found.json_lines()[0]["hits"].as_array().unwrap().len();
    assert_eq!(hits, 3, "segments that have none of the words: {found}");
    assert_ne!(yes(&dir, "Is there a zebra?"), yes(&dir, "Is it night?"));
    dir.atom(&["query", "add", "zebra", "a zebra", "--store", "index.db"])
        .ok();
    let data = eval_dataset::dataset();
    let folder = data.path("dataset");
    dir.atom(&[
        "eval",
        "retrieval",
        path_str(&folder),
        "--pack",
        vlm_pack::NAME,
        "--json",
    ])
    .ok();
}

#[test]
fn a_dual_encoder_alone_indexes_and_searches_and_writes_no_texts() {
    let dir = vlm_pack::workdir_with_dual_encoder();
    let video = video();
    let (path, pack) = (path_str(&video), vlm_pack::NAME);
    let indexed = dir.atom(&["index", path, "--store", "index.db", "--pack", pack]);
    let said = indexed.ok().to_string();
    assert!(
        said.contains("no decoder, so segments get no captions"),
        "{said}"
    );
    let store = Store::open_existing(&dir.path("index.db")).unwrap();
    let rows = store.rows(None, None, None).unwrap();
    assert_eq!(rows.len(), 3);
    for stored in rows {
        let length: f32 = stored.row.embedding.iter().map(|x| x * x).sum();
        assert!((length - 1.0).abs() < 0.02, "{length}");
        assert_eq!(stored.row.caption, None);
    }
    let search = ["search", "zebra crossing", "--store", "index.db", "--json"];
    let found = dir.atom(&search).ok();
    assert_eq!(found.json_lines()[0]["hits"].as_array().unwrap().len(), 3);
    let captions = dir.atom(&["caption", path, "--pack", pack]);
    captions.fails_with(&["has no decoder, so it writes no texts", "mini"]);
    let data = eval_dataset::dataset();
    let folder = data.path("dataset");
    let args = ["eval", "retrieval", path_str(&folder), "--pack", pack];
    dir.atom(&args).ok();
}

#[test]
fn sections_of_another_family_are_refused() {
    let yes_no = vlm_pack::install_with_sections("[yes_no]\nscale = 1.0\nshift = 0.0\n");
    yes_no.fails_with(&["[yes_no] needs [index]"]);
    let text = "[text]\nfile = \"x\"\ntokenizer = \"x\"\nembedding = 5\nmax_tokens = 9\n";
    vlm_pack::install_with_sections(text)
        .fails_with(&["[text] does not belong in a pack of the family \"vlm\""]);
}

#[test]
fn files_that_are_missing_damaged_or_of_another_model_are_refused_with_the_reason() {
    let cut = |content: &mut Vec<u8>| content.truncate(content.len() / 2);
    let set = |content: &mut Vec<u8>, from: &str, to: &str| {
        let text = String::from_utf8(content.clone()).unwrap();
        assert!(text.contains(from), "{from}");
        *content = text.replacen(from, to, 1).into();
    };
    type Change = Box<dyn Fn(&mut Vec<u8>)>;
    let cases: Vec<(&str, Change, &str)> = vec![
        (
            "vision_encoder.onnx",
            Box::new(cut),
            "cannot load the module",
        ),
        ("embed_tokens.onnx", Box::new(cut), "cannot load the module"),
        (
            "decoder_model_merged.onnx",
            Box::new(cut),
            "cannot load the module",
        ),
        ("tokenizer.json", Box::new(cut), "cannot load the tokenizer"),
        ("config.json", Box::new(cut), "is not JSON"),
        (
            "config.json",
            Box::new(move |text| set(text, "\"smolvlm\"", "\"mammoth\"")),
            "the architecture \"mammoth\" is not supported",
        ),
        (
            "config.json",
            Box::new(move |text| {
                set(
                    text,
                    "\"max_position_embeddings\": 1024",
                    "\"max_position_embeddings\": 0",
                )
            }),
            "/text_config/max_position_embeddings must be a whole number, at least 1, found 0",
        ),
        (
            "config.json",
            Box::new(move |text| set(text, "\"scale_factor\": 2", "\"scale_factor\": 4")),
            "embeddings for an image that takes",
        ),
        (
            "generation_config.json",
            Box::new(|text| *text = b"{}".to_vec()),
            "/eos_token_id must be",
        ),
        (
            "preprocessor_config.json",
            Box::new(move |text| set(text, "\"longest_edge\": 32", "\"longest_edge\": 40")),
            "/max_image_size/longest_edge must be",
        ),
        (
            "chat_template.jinja",
            Box::new(|text| *text = b"{{ raise_exception('no images, please') }}".to_vec()),
            "no images, please",
        ),
        (
            "chat_template.jinja",
            Box::new(|text| {
                *text =
                    b"{% for a in range(9999) %}{% for b in range(9999) %}.{% endfor %}{% endfor %}"
                        .to_vec()
            }),
            "cannot render the chat template",
        ),
        (
            "tokenizer.json",
            Box::new(move |text| set(text, "\"added_tokens\": [", EXTRA_TOKENS)),
            "tokens, the decoder scores",
        ),
    ];
    for (file, change, reason) in cases {
        let dir = vlm_pack::workdir_with(|name, content| {
            if name == file {
                change(content);
            }
        });
        dir.write("p.toml", pipeline(&[caption()]));
        let source = format!("video={}", path_str(&video()));
        let output = dir.atom(&["run", "p.toml", "--source", &source]);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(output.code != Some(0), "{file}: {said}");
        assert!(said.contains(reason), "{file}: {reason:?} is not in {said}");
    }
}

/// More tokens than the decoder scores.
const EXTRA_TOKENS: &str = r#""added_tokens": [
    {"id": 900, "content": "<more>", "single_word": false, "lstrip": false, "rstrip": false, "normalized": false, "special": true},"#;
