//! The examples of `docs/http-api.md` work when they are pasted into a shell.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{collections::BTreeSet, fs, process::Command};

use atom_tests::{
    live_run::{RUN_ARGUMENTS, StatusClient, pipeline},
    program::{Workdir, workspace},
};
use serde_json::Value;

/// A command of the page, and its answer as the page shows it.
struct Example {
    command: String,
    answer: Option<Value>,
}

/// Returns the commands of the page that ask the server, in order.
fn examples() -> Vec<Example> {
    let page = fs::read_to_string(workspace().join("docs/http-api.md")).unwrap();
    let mut examples: Vec<Example> = Vec::new();
    // Every second part is a block; its first line is the language.
    for block in page.split("```").skip(1).step_by(2) {
        match block.split_once('\n').unwrap() {
            ("sh", command) if command.starts_with("curl") => examples.push(Example {
                command: command.to_owned(),
                answer: None,
            }),
            ("json", answer) => {
                let example = examples.last_mut().unwrap();
                example.answer = Some(serde_json::from_str(answer).unwrap());
            }
            _ => {}
        }
    }
    examples
}

fn keys(object: &Value) -> BTreeSet<&String> {
    object.as_object().unwrap().keys().collect()
}

#[test]
fn the_examples_of_the_http_api_work_as_written() {
    let dir = Workdir::new();
    let index = "[node.archive]\nkind = \"index\"\ninputs = [\"scenes\"]\nstore = \"live.db\"\n";
    let text = pipeline(&[("camera", "test://red?fps=2")], "live = true") + index;
    dir.write("live.toml", text);
    let process = dir.start(&RUN_ARGUMENTS);
    let port = StatusClient::of(&process).address().port().to_string();
    let examples = examples();
    assert_eq!(examples.len(), 6);
    for Example { command, answer } in examples {
        let output = Command::new("sh")
            .args(["-c", &command.replace("9600", &port)])
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{command}");
        match answer {
            // The state of a camera is that of the moment.
            Some(expected) if command.contains("/healthz") => {
                let found: Value = serde_json::from_str(&stdout).unwrap();
                assert_eq!(keys(&found), keys(&expected));
                let camera = |health: &Value| health["sources"]["camera"].clone();
                assert_eq!(keys(&camera(&found)), keys(&camera(&expected)));
            }
            Some(expected) => {
                let found: Value = serde_json::from_str(&stdout).unwrap();
                assert_eq!(found, expected, "{command}");
            }
            None => assert_eq!(stdout, "", "{command}"),
        }
    }
    process.interrupt().ok();
}
