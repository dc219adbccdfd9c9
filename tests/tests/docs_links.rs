//! Every link of every Markdown file leads somewhere, and every page of `docs/` can be found.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Component, Path, PathBuf},
};

use atom_tests::{
    docs::{
        links::{PageLinks, is_outside},
        page::markdown_files,
    },
    program::workspace,
};
use percent_encoding::percent_decode_str;

fn pages() -> BTreeMap<String, PageLinks> {
    let parsed = |path: String| {
        let text = fs::read_to_string(workspace().join(&path)).unwrap();
        (path, PageLinks::parse(&text))
    };
    markdown_files("").into_iter().map(parsed).collect()
}

/// Returns the path of a link's target, relative to the workspace; none if it is above the workspace.
fn resolved(page: &str, target: &str) -> Option<String> {
    let target = percent_decode_str(target).decode_utf8().unwrap();
    let mut path = PathBuf::from(page);
    path.pop();
    for part in Path::new(target.as_ref()).components() {
        match part {
            Component::ParentDir => drop(path.pop().then_some(())?),
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path.to_str().map(str::to_owned)
}

/// Returns the reason for which a link of a page leads nowhere.
fn broken(pages: &BTreeMap<String, PageLinks>, page: &str, target: &str) -> Option<String> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = match path {
        "" => page.to_owned(),
        _ if path.starts_with('/') => {
            return Some("begins with /; expected a relative link".into());
        }
        _ => match resolved(page, path) {
            Some(file) => file,
            None => return Some("leaves the repository".into()),
        },
    };
    if !workspace().join(&file).exists() {
        return Some(format!("there is no {file}"));
    }
    let known = |page: &PageLinks| page.anchors.contains(anchor);
    let found = anchor.is_empty() || pages.get(&file).is_none_or(known);
    (!found).then(|| format!("{file} has no heading #{anchor}"))
}

#[test]
fn every_link_leads_to_a_file_and_to_one_of_its_headings() {
    let pages = pages();
    let mut wrong = Vec::new();
    for (path, page) in &pages {
        for link in page.links.iter().filter(|link| !is_outside(&link.target)) {
            if let Some(reason) = broken(&pages, path, &link.target) {
                wrong.push(format!("{path}:{}: {}: {reason}", link.line, link.target));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Returns the pages that a page links to.
fn linked(pages: &BTreeMap<String, PageLinks>, page: &str) -> BTreeSet<String> {
    let links = pages[page].links.iter();
    let inside = links.filter(|link| !is_outside(&link.target));
    let paths = inside.filter_map(|link| resolved(page, link.target.split('#').next()?));
    paths.filter(|path| pages.contains_key(path)).collect()
}

#[test]
fn every_page_of_the_documentation_is_in_the_summary_of_the_book_and_reachable_from_the_readme() {
    let pages = pages();
    let mut reachable = BTreeSet::from(["README.md".to_owned()]);
    let mut waiting = vec!["README.md".to_owned()];
    while let Some(page) = waiting.pop() {
        for other in linked(&pages, &page) {
            if reachable.insert(other.clone()) {
                waiting.push(other);
            }
        }
    }
    let summary = linked(&pages, "docs/SUMMARY.md");
    let docs = pages
        .keys()
        .filter(|path| path.starts_with("docs/") && !path.ends_with("SUMMARY.md"));
    let lost: Vec<_> = docs
        .filter(|path| !summary.contains(*path) || !reachable.contains(*path))
        .collect();
    assert!(lost.is_empty(), "{lost:#?}");
}
