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

/// The problems of one file that begins with a sound branch of captions; the rest begins at line 15.
fn wrong(rest: &str) -> String {
    wrong_text(&format!("{HEAD}{CAPTIONS}{rest}"))
}

fn wrong_text(text: &str) -> String {
    check(&[file("a.toml", text)]).unwrap_err().to_string()
}

fn wrong_together(one: &str, other: &str) -> String {
    check(&[file("a.toml", one), file("b.toml", other)])
        .unwrap_err()
        .to_string()
}

#[test]
fn accepts_a_sound_file() {
    assert_eq!(
        check(&[file("a.toml", &format!("{HEAD}{CAPTIONS}"))]),
        Ok(())
    );
}

#[test]
fn reports_two_problems_of_one_file_with_their_lines() {
    let problems = wrong(
        "[node.who]\nkind = \"reason\"\nask = \"Who?\"\ninputs = [\n\"scens\",\n]\n\
         [node.more]\nkind = \"caption\"\ninputs = [\"scenes\"]\nmax_tokens = 1000\n",
    );
    assert_eq!(
        problems,
        "a.toml:19: node \"who\" takes \"scens\", which is no source or node of this file\n    \
         hint: did you mean \"scenes\"?\n\
         a.toml:24: max_tokens of node \"more\" is 1000\n    hint: expected 1 to 256"
    );
}

#[test]
fn says_what_to_put_between_two_nodes_that_do_not_fit() {
    let problems = wrong("[node.words]\nkind = \"caption\"\ninputs = [\"frames\"]\n");
    assert_eq!(
        problems,
        "a.toml:17: node \"words\" (caption) takes scenes, but \"frames\" sends sampled frames\n    \
         hint: put nodes between: \"frames\" -> encode -> segment -> \"words\"; or take \"scenes\""
    );
}

#[test]
fn a_sink_fed_by_scenes_needs_a_node_between() {
    let text = format!(
        "{HEAD}[sink.out]\nkind = \"srt\"\ninputs = [\"scenes\"]\npath = \"no-such/a.srt\"\n"
    );
    assert!(wrong_text(&text).contains("put a node between: \"scenes\" -> caption -> \"out\""));
}

#[test]
fn nothing_can_be_put_between_captions_and_a_sampler() {
    let problems = wrong("[node.again]\nkind = \"sample\"\ninputs = [\"captions\"]\n");
    assert!(
        problems.contains("but \"captions\" sends captions\n    hint: take \"video\""),
        "{problems}"
    );
}

#[test]
fn names_the_path_of_a_cycle_once() {
    let text = HEAD.replace("[\"seen\"]", "[\"captions\"]") + CAPTIONS;
    let problems = wrong_text(&text);
    assert!(
        problems.starts_with("a.toml:11: nodes form the cycle scenes -> captions -> scenes\n"),
        "{problems}"
    );
    assert_eq!(problems.matches("a.toml").count(), 1, "{problems}");
}

#[test]
fn a_node_that_takes_itself_is_a_cycle() {
    let problems = wrong("[node.who]\nkind = \"reason\"\nask = \"Who?\"\ninputs = [\"who\"]\n");
    assert!(problems.contains("cycle who -> who\n"), "{problems}");
}

#[test]
fn a_question_about_captions_of_a_cycle_would_wait_for_ever() {
    let text = HEAD.replace("[\"seen\"]", "[\"captions\"]") + CAPTIONS;
    let text = text + "[node.who]\nkind = \"reason\"\nask = \"Who?\"\ninputs = [\"captions\"]\n";
    assert!(
        wrong_text(&text).contains("a.toml:18: node \"who\" would wait for ever: \"captions\"")
    );
}

#[test]
fn refuses_inputs_that_are_empty_or_doubled_or_sinks() {
    let problems = wrong(
        "[sink.out]\nkind = \"srt\"\ninputs = []\npath = \"a.srt\"\n\
         [sink.two]\nkind = \"srt\"\ninputs = [\"captions\", \"captions\", \"out\"]\npath = \"b.srt\"\n",
    );
    for part in [
        "17: sink \"out\" has no inputs",
        "21: sink \"two\" takes \"captions\" twice",
        "21: sink \"two\" takes \"out\", but a sink sends nothing",
    ] {
        assert!(problems.contains(part), "{part} not in\n{problems}");
    }
}

#[test]
fn a_node_may_not_have_the_name_of_a_source() {
    let problems = wrong("[node.video]\nkind = \"sample\"\ninputs = [\"video\"]\n");
    assert!(
        problems.contains("15: node \"video\" has the name of a source"),
        "{problems}"
    );
}

#[test]
fn sources_must_be_there_and_of_a_known_scheme() {
    let uri = |uri: &str| HEAD.replace("test://ball", uri) + CAPTIONS;
    for (text, part) in [
        (
            uri("no-such.mp4"),
            "2: source \"video\" names the file \"no-such.mp4\", which does not exist",
        ),
        (
            uri("file:///no/such.mp4"),
            "names the file \"/no/such.mp4\"",
        ),
        (
            uri("src"),
            "hint: for all recordings in it write folder://src",
        ),
        (
            uri("gopher://x"),
            "unknown scheme \"gopher\"\n    hint: a uri is a path, file://",
        ),
        (
            uri("folder://x"),
            "names the folder \"x\", which does not exist",
        ),
        (
            uri("test://ball\"\nwatch = true\npassword_file = \"x"),
            "watch or keep_gone, but is no folder",
        ),
        (
            uri("v4l2:///dev/video0\"\nuser = \"me"),
            "a user or a password, but nothing to log in to",
        ),
        (
            uri("rtsp://x/y\"\nuser = \"me"),
            "a user without a password\n    hint: give both",
        ),
        (
            uri("rtsp://x/y\"\nuser = \"me\"\npassword_file = \"no-such-file"),
            "\"no-such-file\", which does not exist",
        ),
        (
            uri("rtsp://x/y\"\nstall_ms = 5\nuser = \"me"),
            "a.toml:3: source \"video\": stall_ms is 5, expected 100 to 600000",
        ),
        (uri("test://"), "names nothing after its scheme"),
        (
            uri("").replace("uri = \"\"\n", ""),
            "1: source \"video\" has no uri\n    hint: add uri = \"...\" to it, or give it for this run: --source video=URI",
        ),
    ] {
        // An empty uri is refused by its shape, before this check.
        let problems = wrong_text(&text);
        assert!(problems.contains(part), "{part} not in\n{problems}");
    }
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
fn one_name_of_a_source_means_one_uri_in_all_files() {
    let text = format!("{HEAD}{CAPTIONS}");
    let problems = wrong_together(&text, &text.replace("ball", "bars"));
    assert!(
        problems.starts_with(
            "b.toml:2: source \"video\" is \"test://bars\" here, but \"test://ball\" in a.toml"
        ),
        "{problems}"
    );
}

#[test]
fn files_of_one_run_name_one_pack() {
    let text = format!("{HEAD}{CAPTIONS}");
    let problems = wrong_together(&text, &format!("\npack = \"fake\"\n{text}"));
    assert!(
        problems.starts_with("b.toml:2: pack \"fake\", but a.toml has pack \"mini\""),
        "{problems}"
    );
}

#[test]
fn two_outputs_may_not_write_one_file() {
    let sink = "[sink.out]\nkind = \"srt\"\ninputs = [\"captions\"]\npath = \"out.srt\"\n";
    let text = format!("{HEAD}{CAPTIONS}{sink}");
    let other = text.replace("\"out.srt\"", "\"./out.srt\"");
    let problems = wrong_together(&text, &other);
    assert!(
        problems.contains("b.toml:18: sink \"out\" writes \"./out.srt\", which sink \"out\" of a.toml:18 writes too"),
        "{problems}"
    );
    let index = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"out.srt\"\n";
    let problems = wrong_text(&format!("{text}{index}"));
    assert!(
        problems.contains("which node \"archive\" of a.toml:22 writes too"),
        "{problems}"
    );
}

#[test]
fn no_output_writes_over_a_source_or_a_folder() {
    let video = tempfile::NamedTempFile::new().unwrap();
    let path = video.path().display().to_string();
    let text = format!("{HEAD}{CAPTIONS}").replace("test://ball", &path);
    let sink = |path: &str| {
        format!("[sink.out]\nkind = \"srt\"\ninputs = [\"captions\"]\npath = \"{path}\"\n")
    };
    assert!(wrong_text(&(text.clone() + &sink(&path))).contains("which is a source"));
    assert!(wrong_text(&(text + &sink("src"))).contains("writes \"src\", which is a folder"));
}

#[test]
fn a_source_may_reach_a_node_by_one_way_only() {
    let problems = wrong(
        "[node.who]\nkind = \"reason\"\nask = \"Who?\"\ninputs = [\"scenes\", \"captions\"]\n",
    );
    assert!(
        problems.starts_with(
            "a.toml:18: source \"video\" reaches node \"who\" twice: by \"scenes\", \"captions\"\n"
        ),
        "{problems}"
    );
}

#[test]
fn a_row_rests_on_one_kind_of_segment() {
    let problems = wrong(
        "[node.long]\nkind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 9000\n\
         [node.archive]\nkind = \"index\"\ninputs = [\"long\", \"captions\"]\nstore = \"a.db\"\n",
    );
    assert!(
        problems.contains("21: inputs of node \"archive\" rest on different segments"),
        "{problems}"
    );
}

#[test]
fn segments_that_are_merged_are_one_for_an_index() {
    let text = "[node.same]\nkind = \"segment\"\ninputs = [\"seen\"]\n\
        [node.archive]\nkind = \"index\"\ninputs = [\"same\", \"captions\"]\nstore = \"a.db\"\n";
    assert_eq!(
        check(&[file("a.toml", &format!("{HEAD}{CAPTIONS}{text}"))]),
        Ok(())
    );
}

#[test]
fn two_indexes_share_a_store_if_they_write_no_row_twice() {
    let index = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"a.db\"\n";
    let text = format!("{HEAD}{CAPTIONS}{index}");
    let yard = text.replace("video", "yard").replace("ball", "bars");
    assert_eq!(
        check(&[file("a.toml", &text), file("b.toml", &yard)]),
        Ok(())
    );
    let problems = wrong_together(
        &text,
        &text.replace("[\"scenes\"]\nstore", "[\"captions\"]\nstore"),
    );
    assert!(
        problems.contains("writes rows of source \"video\" into \"a.db\", as a.toml:archive does"),
        "{problems}"
    );
}

#[test]
fn a_file_without_sources_and_nodes_asks_for_nothing() {
    let problems = wrong_text("name = \"empty\"\n");
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
fn what_has_no_effect_is_only_a_warning() {
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
fn subtitles_speak_about_the_segments_of_one_node() {
    let text = GOOD_TWO_LENGTHS;
    let said = |kind: &str| {
        let file =
            crate::parse(std::path::Path::new("a.toml"), &text.replace("KIND", kind)).unwrap();
        super::check(&[file]).map_err(|problems| problems.to_string())
    };
    assert!(said("webvtt").unwrap_err().contains("different segments"));
    assert_eq!(said("jsonl"), Ok(()));
}

const GOOD_TWO_LENGTHS: &str = r#"
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
