//! The shape of pipeline files: accepted files, and each problem with its line.

use atom_operators::node::NodeKind;

use super::*;
use crate::sink_settings::SinkKind;

fn parsed(text: &str) -> PipelineFile {
    parse(Path::new("door.toml"), text).unwrap()
}

fn problems_of(text: &str) -> String {
    parse(Path::new("door.toml"), text).unwrap_err().to_string()
}

#[test]
fn items_keep_the_order_and_the_lines_of_the_file() {
    let file = parsed(
        "pack = \"fake\"\n[sink.out]\nkind = \"srt\"\ninputs = [\"words\"]\npath = \"a.srt\"\n\
         [source.door]\nuri = \"test://ball\"\n[node.words]\nkind = \"caption\"\ninputs = [\n\"a\",\n\"b\"]\n\
         [node.a]\nkind = \"segment\"\ninputs = []\n",
    );
    assert_eq!((file.name.as_str(), file.pack.as_str()), ("door", "fake"));
    assert_eq!(file.source("door").unwrap().line, 7);
    let names: Vec<&str> = file.nodes.iter().map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["words", "a"]);
    let words = file.node("words").unwrap();
    assert_eq!((words.line, words.inputs[1].line), (8, 12));
    assert!(matches!(&file.sinks[0].kind, SinkKind::Srt(spec) if spec.path == Path::new("a.srt")));
}

#[test]
fn several_problems_of_one_file_are_reported_with_their_lines() {
    let problems = problems_of(
        "nmae = \"x\"\n[node.frames]\nkind = \"sample\"\ninputs = [\"video\"]\nfsp = 2\nchange = \"much\"\n",
    );
    assert_eq!(
        problems,
        "door.toml:1: the file has the unknown key \"nmae\"\n    hint: did you mean \"name\"?\n\
         door.toml:5: node \"frames\" (sample) has the unknown key \"fsp\"\n    hint: did you mean \"fps\"?\n\
         door.toml:6: change of node \"frames\" is the text \"much\", expected a number\n    \
         hint: see: atom docs sample"
    );
}

#[test]
fn a_wrong_value_leaves_the_other_settings_of_its_node_intact() {
    let text =
        "[node.cut]\nkind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 2000\nshortest_ms = -1\n";
    let (file, problems) = parse_partially(Path::new("a.toml"), text);
    assert!(matches!(&file.nodes[0].kind, NodeKind::Segment(spec) if spec.length_ms == 2000));
    assert!(!file.nodes[0].settings_valid);
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0]
            .message
            .ends_with("is -1, expected a whole number, 0 or more")
    );
}

#[test]
fn missing_kinds_inputs_and_settings_are_reported() {
    let problems = problems_of("[node.who]\nkind = \"reason\"\n[sink.out]\ninputs = [\"who\"]\n");
    for part in [
        "1: node \"who\" has no inputs",
        "1: node \"who\" (reason) requires the key \"ask\"",
        "hint: for example: ask = \"Is there a person?\"",
        "3: sink \"out\" has no kind",
    ] {
        assert!(problems.contains(part), "{part} not in\n{problems}");
    }
}

#[test]
fn a_required_key_of_a_wrong_type_is_reported_once() {
    let problems = problems_of("[node.who]\nkind = \"reason\"\ninputs = [\"a\"]\nask = 3\n");
    assert_eq!(problems.matches("door.toml:").count(), 1, "{problems}");
    assert!(problems.contains("4: ask of node \"who\" is 3, expected text in quotes"));
}

#[test]
fn an_unknown_kind_gets_a_suggestion_of_a_kind_or_a_section() {
    let problems = problems_of(
        "[node.a]\nkind = \"captoin\"\ninputs = [\"x\"]\n[node.b]\nkind = \"webvtt\"\ninputs = [\"x\"]\n",
    );
    assert!(problems.contains("did you mean \"caption\"?"), "{problems}");
    assert!(
        problems.contains("\"webvtt\" is a kind of sink: write [sink.NAME]"),
        "{problems}"
    );
}

#[test]
fn malformed_inputs_and_sections_are_reported_with_the_right_form() {
    let problems = problems_of(
        "[source]\nuri = \"x.mp4\"\n[node.a]\nkind = \"encode\"\ninputs = \"frames\"\n",
    );
    assert!(
        problems.contains("2: \"source.uri\" is not a table"),
        "{problems}"
    );
    assert!(problems.contains("[source.NAME]"), "{problems}");
    assert!(
        problems.contains("5: inputs of node \"a\" is the text \"frames\""),
        "{problems}"
    );
    let problems = problems_of("[[node]]\nkind = \"encode\"\n");
    assert!(problems.contains("\"node\" is not a table"), "{problems}");
}

#[test]
fn names_with_other_characters_are_rejected() {
    let problems = problems_of("[source.\"front door\"]\nuri = \"x.mp4\"\n[source.\"\"]\n");
    assert_eq!(
        problems.matches("has an invalid name").count(),
        2,
        "{problems}"
    );
}

#[test]
fn every_line_that_is_not_toml_is_reported() {
    let problems =
        problems_of("name = door\n[source.a]\nuri = \"x.mp4\"\n[source.b\nuri = \"y.mp4\"\n");
    assert!(problems.contains("door.toml:1: invalid TOML"), "{problems}");
    assert!(problems.contains("door.toml:4: invalid TOML"), "{problems}");
}

#[test]
fn a_duplicate_section_is_rejected_at_its_line() {
    let problems = problems_of("[source.a]\nuri = \"x\"\n[source.a]\nuri = \"y\"\n");
    assert!(
        problems.contains("door.toml:3: invalid TOML: duplicate key"),
        "{problems}"
    );
}

#[test]
fn every_example_parses_as_an_item() {
    let nodes = kind_schema::node_kinds()
        .into_iter()
        .map(|kind| ("node", kind.example));
    let sinks = kind_schema::sink_kinds()
        .into_iter()
        .map(|kind| ("sink", kind.example));
    for (section, example) in nodes.chain(sinks) {
        let file = parsed(&format!("[{section}.it]\n{example}"));
        assert_eq!(file.nodes.len() + file.sinks.len(), 1, "{example}");
        assert!(
            file.nodes.iter().all(|node| node.kind.check().is_ok()),
            "{example}"
        );
    }
}

#[test]
fn byte_order_marks_and_crlf_do_not_shift_line_numbers() {
    let problems = problems_of("\u{feff}name = \"door\"\r\n\r\n[source.a]\r\nurl = \"x\"\r\n");
    assert!(
        problems.starts_with("door.toml:4: source \"a\" has the unknown key \"url\""),
        "{problems}"
    );
}

#[test]
fn rejected_text_is_reported_with_the_reason() {
    let problems_of_keep = |keep: &str| {
        problems_of(&format!(
            "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"a.db\"\nkeep = {keep}\n"
        ))
    };
    assert_eq!(
        problems_of_keep("\"30d, 5 moons\""),
        "door.toml:5: keep of node \"archive\" is the text \"30d, 5 moons\": \"moons\" is not a unit, expected min, h, d or w \
         for an age, MB, GB or TB for a size, or segments\n    hint: see: atom docs index"
    );
    for (wrong, part) in [
        ("\"0d\"", "would keep nothing"),
        ("\"-3d\"", "is not an amount"),
        ("\"99999999999999d\"", "is too large"),
        ("\"30d, 2w\"", "is a second limit on age"),
        (
            "30",
            "keep of node \"archive\" is 30, expected text in quotes",
        ),
    ] {
        let problems = problems_of_keep(wrong);
        assert!(
            problems.starts_with("door.toml:5: ") && problems.contains(part),
            "{problems}"
        );
    }
}
