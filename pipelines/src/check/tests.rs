//! The graph of pipeline files: accepted graphs, and each problem with its line and hint.

use super::*;
use crate::parse;

const HEAD: &str = "[source.video]\nuri = \"test://ball\"\n\
    [node.frames]\nkind = \"sample\"\ninputs = [\"video\"]\n\
    [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
    [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\n";
const CAPTIONS: &str = "[node.captions]\nkind = \"caption\"\ninputs = [\"scenes\"]\n";

fn file(name: &str, text: &str) -> PipelineFile {
    parse(Path::new(name), text).unwrap()
}

/// Returns the problems of one file that starts with a valid caption branch; `rest` starts at line 15.
fn problems_after_captions(rest: &str) -> String {
    problems_in(&format!("{HEAD}{CAPTIONS}{rest}"))
}

fn problems_in(text: &str) -> String {
    check(&[file("a.toml", text)]).unwrap_err().to_string()
}

fn problems_in_both(one: &str, other: &str) -> String {
    check(&[file("a.toml", one), file("b.toml", other)])
        .unwrap_err()
        .to_string()
}

#[test]
fn a_valid_file_is_accepted() {
    assert_eq!(
        check(&[file("a.toml", &format!("{HEAD}{CAPTIONS}"))]),
        Ok(())
    );
}

#[test]
fn several_problems_of_one_file_are_reported_with_their_lines() {
    let problems = problems_after_captions(
        "[node.who]\nkind = \"reason\"\nask = \"Who?\"\ninputs = [\n\"scens\",\n]\n\
         [node.more]\nkind = \"caption\"\ninputs = [\"scenes\"]\nmax_tokens = 1000\n",
    );
    assert_eq!(
        problems,
        "a.toml:19: node \"who\" has the input \"scens\", which is not a source or node of this file\n    \
         hint: did you mean \"scenes\"?\n\
         a.toml:24: max_tokens of node \"more\" is 1000\n    hint: expected 1 to 256"
    );
}

#[test]
fn nodes_are_suggested_between_two_nodes_that_do_not_fit() {
    let problems =
        problems_after_captions("[node.words]\nkind = \"caption\"\ninputs = [\"frames\"]\n");
    assert_eq!(
        problems,
        "a.toml:17: node \"words\" (caption) accepts segments, but \"frames\" outputs sampled frames\n    \
         hint: insert nodes: \"frames\" -> encode -> segment -> \"words\"; or use the input \"scenes\""
    );
}

#[test]
fn a_node_is_suggested_between_scenes_and_a_sink() {
    let text = format!(
        "{HEAD}[sink.out]\nkind = \"srt\"\ninputs = [\"scenes\"]\npath = \"no-such/a.srt\"\n"
    );
    assert!(problems_in(&text).contains("insert a node: \"scenes\" -> caption -> \"out\""));
}

#[test]
fn another_input_is_suggested_where_no_node_can_be_inserted() {
    let problems =
        problems_after_captions("[node.again]\nkind = \"sample\"\ninputs = [\"captions\"]\n");
    assert!(
        problems.contains("but \"captions\" outputs captions\n    hint: use the input \"video\""),
        "{problems}"
    );
}

#[test]
fn the_path_of_a_cycle_is_reported_once() {
    let text = HEAD.replace("[\"seen\"]", "[\"captions\"]") + CAPTIONS;
    let problems = problems_in(&text);
    assert!(
        problems.starts_with("a.toml:11: nodes form a cycle: scenes -> captions -> scenes\n"),
        "{problems}"
    );
    assert_eq!(problems.matches("a.toml").count(), 1, "{problems}");
}

#[test]
fn a_node_that_takes_itself_is_a_cycle() {
    let problems = problems_after_captions(
        "[node.who]\nkind = \"reason\"\nask = \"Who?\"\ninputs = [\"who\"]\n",
    );
    assert!(problems.contains("cycle: who -> who\n"), "{problems}");
}

#[test]
fn a_question_that_depends_on_a_cycle_is_reported() {
    let text = HEAD.replace("[\"seen\"]", "[\"captions\"]") + CAPTIONS;
    let text = text + "[node.who]\nkind = \"reason\"\nask = \"Who?\"\ninputs = [\"captions\"]\n";
    assert!(
        problems_in(&text)
            .contains("a.toml:18: node \"who\" would never run: its input \"captions\"")
    );
}

#[test]
fn empty_and_duplicate_inputs_and_sinks_as_inputs_are_rejected() {
    let problems = problems_after_captions(
        "[sink.out]\nkind = \"srt\"\ninputs = []\npath = \"a.srt\"\n\
         [sink.two]\nkind = \"srt\"\ninputs = [\"captions\", \"captions\", \"out\"]\npath = \"b.srt\"\n",
    );
    for part in [
        "17: sink \"out\" has no inputs",
        "21: sink \"two\" lists the input \"captions\" twice",
        "21: sink \"two\" has the input \"out\", but a sink has no output",
    ] {
        assert!(problems.contains(part), "{part} not in\n{problems}");
    }
}

#[test]
fn a_node_may_not_have_the_name_of_a_source() {
    let problems =
        problems_after_captions("[node.video]\nkind = \"sample\"\ninputs = [\"video\"]\n");
    assert!(
        problems.contains("15: node \"video\" has the same name as a source"),
        "{problems}"
    );
}

/// Asserts that each URI, put into a valid file, gives a problem that contains the text beside it.
fn assert_rejected(cases: &[(&str, &str)]) {
    for (uri, expected) in cases {
        let problems = problems_in(&(HEAD.replace("test://ball", uri) + CAPTIONS));
        assert!(problems.contains(expected), "{expected} not in\n{problems}");
    }
}

#[test]
fn sources_that_do_not_exist_or_have_an_unknown_scheme_are_rejected() {
    assert_rejected(&[
        (
            "no-such.mp4",
            "2: source \"video\" names the file \"no-such.mp4\", which does not exist",
        ),
        ("file:///no/such.mp4", "names the file \"/no/such.mp4\""),
        (
            "src",
            "hint: to process all recordings in it, write folder://src",
        ),
        (
            "gopher://x",
            "unknown scheme \"gopher\"\n    hint: expected a path, file://",
        ),
        ("folder://x", "names the folder \"x\", which does not exist"),
        ("test://", "has nothing after its scheme"),
        (
            "rtsp://::1:8554/x",
            "an IPv6 address without brackets; write [::1]:8554\n    hint: for example rtsp://",
        ),
        ("http://cam:99999/x", "no valid host and port"),
    ]);
}

#[test]
fn source_settings_that_do_not_fit_the_uri_are_rejected() {
    assert_rejected(&[
        (
            "test://ball\"\nwatch = true\npassword_file = \"x",
            "watch or keep_gone, but is not a folder",
        ),
        (
            "v4l2:///dev/video0\"\nuser = \"me",
            "a user or a password, but its uri needs no login",
        ),
        (
            "rtsp://x/y\"\nuser = \"me",
            "a user without a password\n    hint: set both",
        ),
        (
            "rtsp://x/y\"\nuser = \"me\"\npassword_file = \"no-such-file",
            "\"no-such-file\", which does not exist",
        ),
        (
            "rtsp://x/y\"\nstall_ms = 5\nuser = \"me",
            "a.toml:3: source \"video\": stall_ms is 5, expected 100 to 600000",
        ),
        (
            "rtsps://x/y\"\ntls_fingerprint = \"AB:CD",
            "a.toml:3: source \"video\": tls_fingerprint is \"AB:CD\", expected the SHA-256 fingerprint",
        ),
        (
            "rtsp://x/y\"\ntls = \"insecure",
            "its uri does not use TLS\n    hint: write rtsps://",
        ),
        (
            "rtsps://x/y\"\ntls = \"insecure\"\ntls_fingerprint = \"0000000000000000000000000000000000000000000000000000000000000000",
            "which contradict each other",
        ),
    ]);
}

#[test]
fn a_source_without_a_uri_is_rejected() {
    let problems = problems_in(&(HEAD.replace("uri = \"test://ball\"\n", "") + CAPTIONS));
    let expected = "1: source \"video\" has no uri\n    \
        hint: add uri = \"...\", or set it for this run: --source video=URI";
    assert!(problems.contains(expected), "{expected} not in\n{problems}");
}

#[test]
fn a_recording_that_exists_is_accepted() {
    let video = tempfile::NamedTempFile::new().unwrap();
    let path = video.path().display().to_string();
    for uri in [path.clone(), format!("file://{path}")] {
        let text = HEAD.replace("test://ball", &uri) + CAPTIONS;
        assert_eq!(check(&[file("a.toml", &text)]), Ok(()), "{uri}");
    }
}

#[test]
fn a_source_name_means_the_same_uri_in_all_files() {
    let text = format!("{HEAD}{CAPTIONS}");
    let problems = problems_in_both(&text, &text.replace("ball", "bars"));
    assert!(
        problems.starts_with(
            "b.toml:2: source \"video\" is \"test://bars\" here, but \"test://ball\" in a.toml"
        ),
        "{problems}"
    );
}

#[test]
fn all_files_of_a_run_name_the_same_pack() {
    let text = format!("{HEAD}{CAPTIONS}");
    let problems = problems_in_both(&text, &format!("\npack = \"fake\"\n{text}"));
    assert!(
        problems.starts_with("b.toml:2: the pack is \"fake\", but a.toml uses pack \"mini\""),
        "{problems}"
    );
}

#[test]
fn two_outputs_cannot_write_the_same_file() {
    let sink = "[sink.out]\nkind = \"srt\"\ninputs = [\"captions\"]\npath = \"out.srt\"\n";
    let text = format!("{HEAD}{CAPTIONS}{sink}");
    let other = text.replace("\"out.srt\"", "\"./out.srt\"");
    let problems = problems_in_both(&text, &other);
    assert!(
        problems.contains(
            "b.toml:18: sink \"out\" writes \"./out.srt\", and so does sink \"out\" of a.toml:18"
        ),
        "{problems}"
    );
    let index = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"out.srt\"\n";
    let problems = problems_in(&format!("{text}{index}"));
    assert!(
        problems.contains("and so does node \"archive\" of a.toml:22"),
        "{problems}"
    );
}

#[test]
fn an_output_cannot_overwrite_a_source_or_a_folder() {
    let video = tempfile::NamedTempFile::new().unwrap();
    let path = video.path().display().to_string();
    let text = format!("{HEAD}{CAPTIONS}").replace("test://ball", &path);
    let sink = |path: &str| {
        format!("[sink.out]\nkind = \"srt\"\ninputs = [\"captions\"]\npath = \"{path}\"\n")
    };
    assert!(problems_in(&(text.clone() + &sink(&path))).contains("which is a source"));
    assert!(problems_in(&(text + &sink("src"))).contains("writes \"src\", which is a folder"));
}

#[test]
fn a_source_cannot_reach_a_node_by_two_paths() {
    let problems = problems_after_captions(
        "[node.who]\nkind = \"reason\"\nask = \"Who?\"\ninputs = [\"scenes\", \"captions\"]\n",
    );
    assert!(
        problems.starts_with(
            "a.toml:18: source \"video\" reaches node \"who\" more than once, through the inputs \"scenes\", \"captions\"\n"
        ),
        "{problems}"
    );
}

#[test]
fn an_index_takes_segments_of_one_segment_node() {
    let problems = problems_after_captions(
        "[node.long]\nkind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 9000\n\
         [node.archive]\nkind = \"index\"\ninputs = [\"long\", \"captions\"]\nstore = \"a.db\"\n",
    );
    assert!(
        problems.contains("21: the inputs of node \"archive\" come from different segment nodes"),
        "{problems}"
    );
}

#[test]
fn merged_segment_nodes_count_as_one_for_an_index() {
    let text = "[node.same]\nkind = \"segment\"\ninputs = [\"seen\"]\n\
        [node.archive]\nkind = \"index\"\ninputs = [\"same\", \"captions\"]\nstore = \"a.db\"\n";
    assert_eq!(
        check(&[file("a.toml", &format!("{HEAD}{CAPTIONS}{text}"))]),
        Ok(())
    );
}

#[test]
fn two_indexes_can_share_a_store_if_they_write_different_rows() {
    let index = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"a.db\"\n";
    let text = format!("{HEAD}{CAPTIONS}{index}");
    let yard = text.replace("video", "yard").replace("ball", "bars");
    assert_eq!(
        check(&[file("a.toml", &text), file("b.toml", &yard)]),
        Ok(())
    );
    let problems = problems_in_both(
        &text,
        &text.replace("[\"scenes\"]\nstore", "[\"captions\"]\nstore"),
    );
    assert!(
        problems
            .contains("writes rows of source \"video\" into \"a.db\", and so does a.toml:archive"),
        "{problems}"
    );
}

#[test]
fn a_file_without_sources_and_nodes_is_rejected() {
    let problems = problems_in("name = \"empty\"\n");
    assert!(
        problems.contains("a.toml: the pipeline has no nodes"),
        "{problems}"
    );
    assert!(
        problems.contains("a.toml: the pipeline has no sources"),
        "{problems}"
    );
}

#[test]
fn an_item_without_effect_is_only_a_warning() {
    let rest = "[source.idle]\nuri = \"test://bars\"\n[node.lone]\nkind = \"encode\"\ninputs = [\"frames\"]\n";
    let files = [file("a.toml", &format!("{HEAD}{CAPTIONS}{rest}"))];
    assert_eq!(check(&files), Ok(()));
    let warnings: Vec<String> = warnings(&files)
        .into_iter()
        .map(|warning| warning.message)
        .collect();
    assert_eq!(
        warnings,
        [
            "source \"idle\" has no effect",
            "node \"lone\" has no effect"
        ]
    );
}

#[test]
fn subtitles_take_segments_of_one_segment_node() {
    let checked = |kind: &str| {
        let file = file("a.toml", &TWO_SEGMENT_LENGTHS.replace("KIND", kind));
        check(&[file]).map_err(|problems| problems.to_string())
    };
    assert!(
        checked("webvtt")
            .unwrap_err()
            .contains("different segment nodes")
    );
    assert_eq!(checked("jsonl"), Ok(()));
}

const TWO_SEGMENT_LENGTHS: &str = r#"
[source.video]
uri = "test://ball"
[node.frames]
kind = "sample"
inputs = ["video"]
[node.seen]
kind = "encode"
inputs = ["frames"]
[node.short]
kind = "segment"
inputs = ["seen"]
length_ms = 4000
[node.long]
kind = "segment"
inputs = ["seen"]
length_ms = 12000
[node.captions]
kind = "caption"
inputs = ["short"]
[node.answers]
kind = "reason"
inputs = ["long"]
ask = "What can be seen?"
[sink.out]
kind = "KIND"
inputs = ["captions", "answers"]
path = "out.txt"
"#;
