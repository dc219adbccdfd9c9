//! The outputs of the library's pipelines and of the commands that read an index equal the files in `tests/golden/`.
//!
//! `UPDATE_GOLDEN=1` rewrites the files; review the difference before you commit it. Everything runs with the fake pack
//! on one generated video. Values that differ between two runs are left out: times, memory, and how requests meet in the
//! decoder's batches.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{env, fs, path::PathBuf};

use atom_pipelines::built_in_pipelines;
use atom_tests::{
    generated_media,
    program::{Workdir, path_str, workspace},
};
use serde_json::Value;

/// Compares texts with the golden files of a folder and reports all differences together.
struct Golden {
    folder: PathBuf,
    compared: Vec<String>,
    different: Vec<String>,
}

impl Golden {
    fn new(folder: &str) -> Self {
        Self {
            folder: workspace().join("tests/golden").join(folder),
            compared: Vec::new(),
            different: Vec::new(),
        }
    }

    fn compare(&mut self, name: &str, text: &str) {
        let path = self.folder.join(name);
        if updating() {
            fs::create_dir_all(&self.folder).unwrap();
            fs::write(&path, text).unwrap();
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if text != expected {
            self.different.push(format!(
                "{}\n--- expected\n{expected}\n--- got\n{text}",
                path.display()
            ));
        }
        self.compared.push(name.to_owned());
    }

    /// Fails if a text differed, or if a golden file was never compared.
    #[track_caller]
    fn finish(mut self) {
        let files = fs::read_dir(&self.folder).unwrap();
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        self.compared.sort();
        assert!(
            self.different.is_empty(),
            "outputs changed; if that is intended, run this test with UPDATE_GOLDEN=1\n{}",
            self.different.join("\n\n")
        );
        assert_eq!(names, self.compared, "files in {}", self.folder.display());
    }
}

fn updating() -> bool {
    env::var_os("UPDATE_GOLDEN").is_some_and(|set| set == "1")
}

/// A folder with a video of 11.5 seconds in four colours.
fn workdir() -> Workdir {
    let dir = Workdir::new();
    let parts = [("red", 4.0), ("blue", 2.5), ("white", 3.0), ("lime", 2.0)];
    dir.copy(&generated_media::colours("golden.mp4", &parts), "video.mp4");
    dir
}

/// Removes the values of a report that differ between two runs.
fn without_times(report: &str) -> String {
    let mut report: Value = serde_json::from_str(report).unwrap();
    for key in ["wall_seconds", "peak_rss_bytes"] {
        report.as_object_mut().unwrap().remove(key).unwrap();
    }
    for (name, module) in report["modules"].as_object_mut().unwrap() {
        let module = module.as_object_mut().unwrap();
        module.remove("seconds").unwrap();
        if name == "decoder" {
            module.retain(|key, _| key == "loads");
        }
    }
    serde_json::to_string_pretty(&report).unwrap() + "\n"
}

/// Sorts the lines of a sink with drafts, which are written as soon as they are ready.
fn sorted(lines: &str) -> String {
    let mut lines: Vec<_> = lines.lines().collect();
    lines.sort_unstable();
    lines.join("\n") + "\n"
}

#[test]
fn every_library_pipeline_matches_its_golden_files() {
    let mut golden = Golden::new("library");
    for name in built_in_pipelines::names() {
        let dir = workdir();
        let text = built_in_pipelines::text(name).unwrap();
        let file = format!("{name}.toml");
        dir.write(&file, format!("pack = \"fake\"\n{text}"));
        let source = match name {
            "live" => "camera=video.mp4",
            _ => "video=video.mp4",
        };
        let command = [
            "run",
            &file,
            "--source",
            source,
            "--json",
            "--report",
            "report.json",
        ];
        golden.compare(
            &format!("{name}.stdout.jsonl"),
            &dir.atom(&command).ok().stdout,
        );
        golden.compare(
            &format!("{name}.report.json"),
            &without_times(&dir.read("report.json")),
        );
        for output in ["captions.vtt".to_owned(), format!("{name}.jsonl")] {
            if dir.path(&output).exists() {
                let text = dir.read(&output);
                let text = if name == "live" { sorted(&text) } else { text };
                golden.compare(&output, &text);
            }
        }
    }
    golden.finish();
}

#[test]
fn captions_match_their_golden_files_in_every_format() {
    let mut golden = Golden::new("caption");
    let dir = workdir();
    for format in ["vtt", "srt", "jsonl"] {
        let command = ["caption", "video.mp4", "--pack", "fake", "--format", format];
        golden.compare(&format!("video.{format}"), &dir.atom(&command).ok().stdout);
    }
    golden.finish();
}

/// Commands that read an index, each with its golden file.
const READERS: [(&str, &[&str]); 14] = [
    ("search.txt", &["search", "red"]),
    ("search.json", &["search", "red", "--json"]),
    (
        "search-moments.json",
        &["search", "picture", "--json", "--moments"],
    ),
    (
        "search-page.json",
        &["search", "picture", "--limit", "2", "--json"],
    ),
    (
        "search-span.json",
        &["search", "picture", "--from", "3", "--to", "0:07", "--json"],
    ),
    ("ask.txt", &["ask", "Is there something red?"]),
    ("ask.json", &["ask", "Is there something red?", "--json"]),
    ("ask-moments.json", &["ask", "What is blue?", "--json"]),
    ("summarize.txt", &["summarize"]),
    ("summarize.json", &["summarize", "--json"]),
    ("stats.txt", &["stats", "--heat"]),
    ("stats.json", &["stats", "--json"]),
    (
        "query.json",
        &["query", "add", "red", "something red", "--json"],
    ),
    ("query.txt", &["query", "list"]),
];

#[test]
fn commands_that_read_an_index_match_their_golden_files() {
    let mut golden = Golden::new("read");
    let dir = workdir();
    fs::create_dir(dir.path("recordings")).unwrap();
    dir.copy(&dir.path("video.mp4"), "recordings/video.mp4");
    let store = ["--store", "store.db"];
    let index = ["index", "recordings", "--pack", "fake"];
    dir.atom(&[&index[..], &store].concat()).ok();
    for (name, command) in READERS {
        let text = dir.atom(&[command, &store].concat()).ok().stdout;
        golden.compare(name, &without_folder(&text, &dir));
    }
    golden.finish();
}

/// Replaces the temporary folder in the paths of hits.
fn without_folder(text: &str, dir: &Workdir) -> String {
    let folder = dir.path(".").canonicalize().unwrap();
    text.replace(path_str(&folder), "/DIR")
}
