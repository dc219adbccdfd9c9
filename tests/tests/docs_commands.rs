//! The commands of README.md, CONTRIBUTING.md and `docs/` work as they are written, and print what the pages show.
//!
//! The blocks of a page run from top to bottom in a folder of their own, which `scripts/docs-folder.sh` fills:
//!
//! | file | content |
//! |---|---|
//! | `street.mp4`, `holiday.mp4`, `door.mp4`, `other.mp4` | the demo video, 10 s of a street |
//! | `recordings/street.mp4` | the same |
//! | `recordings/2026-11-22/VID_20261122_140500.mp4` | its first 4 s; the name tells when the recording began |
//! | `song.m4a` | 2 s of sound |
//! | `clips/` | `street.mp4`, `bicycle.jpg` and `captions.json`, their reference captions |
//! | `door.password` | the password of a camera |
//!
//! `tests/README.md` says how pages are written. `ATOM_DOCS_PAGE` runs one page only.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{env, sync::Mutex, thread};

use atom_tests::docs::{
    page::{Page, markdown_files},
    page_run,
};

/// Pages that are made from the code; their own test compares them.
const GENERATED: &str = "docs/reference/";
/// Pages that run at the same time.
const WORKERS: usize = 2;

fn pages() -> Vec<String> {
    if let Ok(page) = env::var("ATOM_DOCS_PAGE") {
        return vec![page];
    }
    let mut pages = markdown_files("docs");
    pages.retain(|page| !page.starts_with(GENERATED));
    pages.extend(["README.md", "CONTRIBUTING.md"].map(str::to_owned));
    pages
}

#[test]
fn the_commands_of_the_documentation_work_as_written() {
    let waiting = Mutex::new(pages());
    let problems = Mutex::new(Vec::new());
    let work = || {
        loop {
            let next = waiting.lock().unwrap().pop();
            let Some(path) = next else { break };
            let found = page_run::problems(&Page::read(&path));
            problems.lock().unwrap().extend(found);
        }
    };
    thread::scope(|threads| {
        for _ in 0..WORKERS {
            threads.spawn(work);
        }
    });
    let problems = problems.into_inner().unwrap();
    let count = problems.len();
    assert!(
        problems.is_empty(),
        "{count} problems\n\n{}",
        problems.join("\n\n")
    );
}
