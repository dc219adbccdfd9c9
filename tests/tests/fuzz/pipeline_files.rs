//! Pipeline files: every problem has a line, and a file that is parsed, printed and parsed again is the same.

use std::{fmt::Debug, path::Path};

use atom_pipelines::{PipelineFile, check, parse, plan, warnings};
use atom_tests::program::workspace;
use proptest::prelude::*;
use serde::Serialize;
use toml::{Table, Value};

use crate::{
    cases, corpus,
    edited_text::{any_text, edited},
    texts,
};

const FRAGMENTS: &[&str] = &[
    "\n[node.x]\nkind = \"sample\"\ninputs = [\"video\"]\n",
    "\n[sink.y]\nkind = \"srt\"\ninputs = [\"captions\"]\npath = \"a.srt\"\n",
    "\n[query.z]\ntext = \"a van\"\n",
    "\n[source.\"a b\"]\nuri = \"rtsp://u:p@[::1]:1/x?y#z\"\n",
    "\n[[node]]\n",
    "\nfps = ",
    "\nlength_ms = ",
    "nan",
    "-inf",
    "1e400",
    "-1",
    "0",
    "9223372036854775807",
    "18446744073709551616",
    "2024-08-03T10:11:12Z",
    "'''",
    "\"\"\"",
    "\\u0000",
    "\\U0010FFFF",
    "{ a = { b = [[1]] } }",
    "[",
    "]",
    "=",
    "#",
    ".",
    "\r\n",
    "\u{feff}",
];

/// The content of a pipeline file, without the lines on which it says it. Not-a-number is equal to itself as text.
fn content(file: &PipelineFile) -> String {
    let mut items = Vec::new();
    let mut add = |item: &dyn Debug| items.push(format!("{item:?}"));
    for source in &file.sources {
        add(&("source", &source.name, &source.uri, &source.settings));
    }
    for node in &file.nodes {
        let inputs: Vec<_> = node.inputs.iter().map(|input| &input.name).collect();
        add(&("node", &node.name, &node.kind, inputs));
    }
    for sink in &file.sinks {
        let inputs: Vec<_> = sink.inputs.iter().map(|input| &input.name).collect();
        add(&("sink", &sink.name, &sink.kind, inputs));
    }
    for query in &file.queries {
        add(&("query", &query.name, &query.kind));
    }
    items.sort();
    format!("{:?} {:?} {items:#?}", file.name, file.pack)
}

/// Prints a pipeline file.
fn printed(file: &PipelineFile) -> String {
    let mut root = Table::new();
    root.insert("name".into(), file.name.clone().into());
    root.insert("pack".into(), file.pack.clone().into());
    let mut add = |section: &str, name: &str, settings: Table| {
        let section = root.entry(section).or_insert_with(|| Table::new().into());
        let section = section.as_table_mut().unwrap();
        section.insert(name.to_owned(), settings.into());
    };
    for source in &file.sources {
        let mut settings = table(&source.settings);
        let uri = source.uri.clone();
        settings.extend(uri.map(|uri| ("uri".to_owned(), uri.into())));
        add("source", &source.name, settings);
    }
    let with_inputs = |mut settings: Table, inputs: Vec<Value>| {
        settings.insert("inputs".into(), inputs.into());
        settings
    };
    for node in &file.nodes {
        let inputs = node.inputs.iter().map(|input| input.name.clone().into());
        add(
            "node",
            &node.name,
            with_inputs(table(&node.kind), inputs.collect()),
        );
    }
    for sink in &file.sinks {
        let inputs = sink.inputs.iter().map(|input| input.name.clone().into());
        add(
            "sink",
            &sink.name,
            with_inputs(table(&sink.kind), inputs.collect()),
        );
    }
    for query in &file.queries {
        add("query", &query.name, table(&query.kind));
    }
    toml::to_string(&root).unwrap()
}

fn table(settings: &impl Serialize) -> Table {
    Table::try_from(settings).unwrap()
}

#[track_caller]
fn assert_parsed_or_located(text: &str) {
    let lines = text.matches('\n').count() + 1;
    match parse(Path::new("p.toml"), text) {
        Err(problems) => {
            for problem in problems.iter() {
                let on_a_line = (1..=lines).contains(&problem.line);
                assert!(
                    on_a_line && !problem.message.is_empty(),
                    "{problem:?} in {text:?}"
                );
            }
        }
        Ok(file) => {
            let printed = printed(&file);
            let again = parse(Path::new("p.toml"), &printed)
                .unwrap_or_else(|problems| panic!("{problems}\n{printed}\nfrom {text:?}"));
            assert_eq!(content(&again), content(&file), "{printed}");
            let files = [file];
            warnings(&files);
            if check(&files).is_ok() {
                plan(&files);
            }
        }
    }
}

fn seeds() -> Vec<String> {
    let mut seeds = corpus("pipelines");
    seeds.extend(texts(&workspace().join("pipelines/library")));
    seeds
}

#[test]
fn the_corpus_of_pipeline_files_is_parsed_or_refused_with_lines() {
    seeds()
        .iter()
        .for_each(|text| assert_parsed_or_located(text));
}

#[test]
fn deeply_nested_text_is_an_error_and_not_an_overflow_of_the_stack() {
    for (open, close) in [("[", "]"), ("{a=", "}"), ("[{a=", "}]")] {
        let text = format!("x = {}{}", open.repeat(20_000), close.repeat(20_000));
        assert!(parse(Path::new("p.toml"), &text).is_err());
    }
    let name = vec!["a"; 20_000].join(".");
    assert_parsed_or_located(&format!("[{name}]\n"));
    assert_parsed_or_located(&format!("node.{name} = 1\n"));
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn an_edited_pipeline_file_is_parsed_or_refused_with_lines(text in edited(seeds(), FRAGMENTS)) {
        assert_parsed_or_located(&text);
    }

    #[test]
    fn any_text_is_parsed_or_refused_with_lines(text in any_text(FRAGMENTS)) {
        assert_parsed_or_located(&text);
    }
}
