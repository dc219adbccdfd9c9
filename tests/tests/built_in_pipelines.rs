//! Built-in pipelines run by their name, and are printed as a start for a file of one's own.
#![allow(clippy::unwrap_used, missing_docs)]

use atom_pipelines::{built_in_pipelines, kind_docs};
use atom_tests::{
    pack_cache, pipeline_text,
    program::{Workdir, path_str},
};

const SOURCE: [&str; 2] = ["--source", "video=test://ball"];

fn workdir() -> Workdir {
    Workdir::new().with_cache(&pack_cache::installed())
}

#[test]
fn a_built_in_pipeline_runs_by_its_name_and_writes_into_the_working_directory() {
    let dir = workdir();
    let source = format!("video={}", path_str(&pack_cache::demo_video()));
    dir.atom(&["run", "caption", "--source", &source]).ok();
    let subtitles = dir.read("captions.vtt");
    assert!(subtitles.starts_with("WEBVTT\n"), "{subtitles}");
    let given = built_in_pipelines::text("caption").unwrap();
    dir.write("mine.toml", given);
    dir.atom(&["run", "mine.toml", "--source", &source]).ok();
    assert_eq!(dir.read("captions.vtt"), subtitles);
}

#[test]
fn every_built_in_pipeline_is_checked_and_drawn_by_its_name() {
    let dir = workdir();
    for name in built_in_pipelines::names() {
        let source = match name {
            "live" => "camera=test://ball",
            _ => "video=test://ball",
        };
        let check = dir.atom(&["check", name, "--source", source]).ok();
        assert!(check.stdout.starts_with("ok: 1 source, "), "{check}");
        let graph = dir.atom(&["graph", name, "--source", source]).ok();
        assert!(graph.stdout.starts_with("flowchart"), "{graph}");
    }
}

#[test]
fn a_file_of_the_same_name_goes_before_the_built_in_pipeline_and_a_folder_does_not() {
    let dir = Workdir::new();
    std::fs::create_dir(dir.path("caption")).unwrap();
    let graph = |name| [&["graph", name][..], &SOURCE].concat();
    dir.atom(&graph("caption")).ok();
    dir.write("diary", pipeline_text::built_in("caption"));
    let drawn = dir.atom(&graph("diary")).ok().stdout;
    assert!(!drawn.contains("minutes"), "{drawn}");
    dir.atom(&graph("./live")).fails_with(&[
        "./live: there is no such file",
        "did you mean",
        "\"live\"",
    ]);
}

#[test]
fn a_built_in_pipeline_beside_a_file_of_its_name_is_pointed_out() {
    let dir = workdir();
    let check = [&["check", "diary"][..], &SOURCE].concat();
    assert_eq!(dir.atom(&check).ok().stderr, "");
    dir.write("diary.toml", pipeline_text::built_in("diary"));
    dir.atom(&check).warns_with(&[
        "diary: this is the built-in pipeline, not the file diary.toml",
        "name it with its extension: diary.toml",
    ]);
}

#[test]
fn a_missing_file_whose_name_is_near_a_built_in_pipeline_is_pointed_to_it() {
    let dir = Workdir::new();
    for command in ["run", "check", "graph"] {
        dir.atom(&[command, "pipelines/library/live.toml"])
            .fails_with(&[
                "there is no such file",
                "did you mean the built-in pipeline \"live\"?",
                "atom docs live.toml > live.toml",
            ]);
    }
    dir.atom(&["run", "garden.toml"])
        .fails_with(&["paths are relative to the working directory"]);
}

#[test]
fn a_source_that_is_missing_is_reported_for_the_built_in_pipeline() {
    let output = Workdir::new().atom(&["run", "live"]);
    output.fails_with(&["live:", "--source camera="]);
}

#[test]
fn docs_print_each_built_in_pipeline_byte_for_byte() {
    let dir = Workdir::new();
    for (name, text) in built_in_pipelines::ALL {
        let printed = dir.atom(&["docs", &format!("{name}.toml")]).ok();
        assert_eq!(printed.stdout, text);
        let by_name = dir.atom(&["docs", name]).ok().stdout;
        match kind_docs::kind(name) {
            Ok(kind) => assert!(by_name.starts_with(&kind), "{by_name}"),
            Err(_) => assert_eq!(by_name, text),
        }
    }
    let caption = dir.atom(&["docs", "caption"]).ok().stdout;
    assert!(caption.ends_with(": atom docs caption.toml\n"), "{caption}");
}

#[test]
fn docs_list_every_built_in_pipeline_with_its_description() {
    let list = Workdir::new().atom(&["docs"]).ok().stdout;
    for (name, description) in built_in_pipelines::descriptions() {
        let first_words: Vec<_> = description.split(' ').take(4).collect();
        let entry = format!("\n  {name:<16}{}", first_words.join(" "));
        assert!(list.contains(&entry), "no {entry:?} in {list}");
    }
}
