//! The plans of one and of several files: order, merging, and names.

use std::path::Path;

use super::*;
use crate::{built_in_pipelines, check, parse};

const HEAD: &str = "[source.video]\nuri = \"test://ball\"\n\
    [node.frames]\nkind = \"sample\"\ninputs = [\"video\"]\n\
    [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
    [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\n";
const CAPTIONS: &str = "[node.captions]\nkind = \"caption\"\ninputs = [\"scenes\"]\n";
const ARCHIVE: &str =
    "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\", \"captions\"]\nstore = \"a.db\"\n";

fn file(name: &str, parts: &[&str]) -> PipelineFile {
    parse(Path::new(name), &parts.concat()).unwrap()
}

fn checked_plan(files: &[PipelineFile]) -> Plan {
    check(files).unwrap();
    plan(files)
}

fn node_names(plan: &Plan) -> Vec<&str> {
    plan.nodes.iter().map(|node| node.name.as_str()).collect()
}

#[test]
fn nodes_come_after_their_inputs_in_any_order_of_the_file() {
    let plan = checked_plan(&[file("a.toml", &[CAPTIONS, HEAD])]);
    assert_eq!(node_names(&plan), ["frames", "seen", "scenes", "captions"]);
    assert_eq!(plan.nodes[0].inputs, [Input::Source(0)]);
    assert_eq!(plan.nodes[3].inputs, [Input::Node(2)]);
}

#[test]
fn equal_nodes_of_one_file_are_merged() {
    let again = CAPTIONS.replace("node.captions", "node.words");
    let plan = checked_plan(&[file("a.toml", &[HEAD, CAPTIONS, &again])]);
    assert_eq!(node_names(&plan), ["frames", "seen", "scenes", "captions"]);
    assert_eq!(plan.nodes[3].origins, ["a.toml:captions", "a.toml:words"]);
}

#[test]
fn branches_of_two_files_are_merged_from_their_source_downwards() {
    let other = format!("{CAPTIONS}max_tokens = 9\n");
    let plan = checked_plan(&[
        file("a.toml", &[HEAD, CAPTIONS]),
        file("b.toml", &[HEAD, &other]),
    ]);
    assert_eq!(
        node_names(&plan),
        ["frames", "seen", "scenes", "captions", "captions"]
    );
    assert_eq!(plan.nodes[2].origins, ["a.toml:scenes", "b.toml:scenes"]);
    assert_eq!(plan.name, "a+b");
}

#[test]
fn the_order_of_inputs_does_not_prevent_merging() {
    let reversed = ARCHIVE.replace("\"scenes\", \"captions\"", "\"captions\", \"scenes\"");
    let files = [
        file("a.toml", &[HEAD, CAPTIONS, ARCHIVE]),
        file("b.toml", &[HEAD, CAPTIONS, &reversed]),
    ];
    assert_eq!(checked_plan(&files).nodes.len(), 5);
}

#[test]
fn samplers_with_segments_of_different_lengths_are_not_merged() {
    let longer = HEAD.replace(
        "kind = \"segment\"\n",
        "kind = \"segment\"\nlength_ms = 6000\n",
    );
    let plan = checked_plan(&[
        file("a.toml", &[HEAD, CAPTIONS]),
        file("b.toml", &[&longer, CAPTIONS]),
    ]);
    assert_eq!(plan.sources.len(), 1);
    assert_eq!(plan.nodes.len(), 8);
    assert_eq!(plan.nodes[0].segment_lengths_ms, [4000]);
    assert_eq!(plan.nodes[4].segment_lengths_ms, [6000]);
}

#[test]
fn a_sampler_lists_the_lengths_of_all_segments_below_it() {
    let second = "[node.long]\nkind = \"segment\"\ninputs = [\"seen\"]\nlength_ms = 1000\n";
    let plan = checked_plan(&[file("a.toml", &[HEAD, CAPTIONS, second])]);
    assert_eq!(plan.nodes[0].segment_lengths_ms, [1000, 4000]);
    assert!(
        plan.nodes[1..]
            .iter()
            .all(|node| node.segment_lengths_ms.is_empty())
    );
}

#[test]
fn one_uri_with_two_names_is_one_source_and_each_sink_keeps_its_own_name() {
    let sink = "[sink.out]\nkind = \"srt\"\ninputs = [\"captions\"]\npath = \"a.srt\"\n";
    let renamed = |text: &str| text.replace("video", "door").replace("a.srt", "b.srt");
    let plan = checked_plan(&[
        file("a.toml", &[HEAD, CAPTIONS, sink]),
        file("b.toml", &[&renamed(HEAD), CAPTIONS, &renamed(sink)]),
    ]);
    assert_eq!(plan.sources.len(), 1);
    assert_eq!(plan.sources[0].aliases, ["door"]);
    assert_eq!(plan.nodes.len(), 4);
    assert_eq!(plan.sinks[0].source_names[&0], "video");
    assert_eq!(plan.sinks[1].source_names[&0], "door");
    assert_eq!(
        plan.sinks[1].inputs,
        [SinkInput {
            node: 3,
            name: "captions".to_owned()
        }]
    );
}

#[test]
fn indexes_with_different_source_names_are_not_merged() {
    let renamed = HEAD.replace("video", "door");
    let plan = checked_plan(&[
        file("a.toml", &[HEAD, CAPTIONS, ARCHIVE]),
        file("b.toml", &[&renamed, CAPTIONS, ARCHIVE]),
    ]);
    assert_eq!(
        node_names(&plan),
        ["frames", "seen", "scenes", "captions", "archive", "archive"]
    );
    assert_eq!(plan.nodes[5].source_names[&0], "door");
}

#[test]
fn two_sources_of_one_file_are_not_merged_but_match_those_of_another_file() {
    let two = |first: &str, second: &str| {
        format!(
            "[source.{first}]\nuri = \"test://ball\"\n[source.{second}]\nuri = \"test://ball\"\n\
             [node.frames]\nkind = \"sample\"\ninputs = [\"{first}\", \"{second}\"]\n"
        )
    };
    let plan = plan(&[
        file("a.toml", &[&two("x", "y")]),
        file("b.toml", &[&two("z", "y")]),
        file("c.toml", &[&two("z", "x")]),
    ]);
    let names: Vec<&str> = plan
        .sources
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    assert_eq!(names, ["x", "y"]);
    assert_eq!(plan.sources[0].aliases, ["z"]);
    assert_eq!(plan.nodes.len(), 1);
}

#[test]
fn no_two_planned_sources_share_a_name() {
    let sources = |names: &[&str]| {
        let tables = names
            .iter()
            .map(|name| format!("[source.{name}]\nuri = \"test://ball\"\n"));
        tables.collect::<String>()
    };
    let orders: [&[&str]; 6] = [
        &["x"],
        &["y"],
        &["y", "x"],
        &["z", "y", "x"],
        &["w", "z"],
        &["x", "y", "z", "w"],
    ];
    let files: Vec<PipelineFile> = orders
        .iter()
        .map(|names| file("a.toml", &[&sources(names)]))
        .collect();
    let plan = plan(&files);
    let names: BTreeSet<&str> = plan
        .sources
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    assert_eq!((names.len(), plan.sources.len()), (4, 4));
}

#[test]
fn a_file_planned_twice_adds_no_nodes() {
    for (name, text) in built_in_pipelines::ALL {
        let mut once = parse(Path::new(name), text).unwrap();
        once.sources[0].uri = Some("test://ball".to_owned());
        let mut again = once.clone();
        again.path = "again.toml".into();
        let (alone, both) = (plan(std::slice::from_ref(&once)), plan(&[once, again]));
        assert_eq!(alone.nodes.len(), both.nodes.len(), "{name}");
        assert_eq!(alone.sources, both.sources, "{name}");
        assert!(
            both.nodes.iter().all(|node| node.origins.len() == 2),
            "{name}"
        );
    }
}
