//! Checks that every source can be opened, as far as can be said before it is opened.

use std::path::Path;

use crate::{
    problem::Problem,
    spec::{PipelineFile, SourceSpec},
    uri::{Uri, UriError, same},
};

pub(super) fn check(file: &PipelineFile, problems: &mut Vec<Problem>) {
    if file.sources.is_empty() {
        let problem = Problem::new(
            &file.path,
            0,
            "the pipeline has no sources, so there is nothing to watch",
        );
        problems.push(problem.hint("add [source.NAME] with a uri; see: atom docs source"));
    }
    for source in file.sources.iter().filter(|source| source.sound) {
        let Some((message, hint)) = refused(source) else {
            continue;
        };
        let message = format!("source {:?} {message}", source.name);
        let problem = match source.overridden {
            true => Problem::new(Path::new("--source"), 0, message),
            false => Problem::new(&file.path, source.line, message),
        };
        problems.push(problem.hint(hint));
    }
}

/// One name means one thing in all files of a run.
pub(super) fn check_across(files: &[PipelineFile], problems: &mut Vec<Problem>) {
    let mut firsts: Vec<(&PipelineFile, &SourceSpec, &str)> = Vec::new();
    for file in files {
        for source in &file.sources {
            let Some(uri) = &source.uri else { continue };
            let Some((first, _, other)) = firsts
                .iter()
                .find(|(_, other, _)| other.name == source.name)
            else {
                firsts.push((file, source, uri));
                continue;
            };
            if !same(uri, other) {
                let first = first.path.display();
                let message = format!(
                    "source {:?} is {uri:?} here, but {other:?} in {first}",
                    source.name
                );
                let hint = "give one of them another name, or run the files one by one";
                problems.push(Problem::new(&file.path, source.line, message).hint(hint));
            }
        }
    }
}

/// What is wrong with a source, and what to do.
fn refused(source: &SourceSpec) -> Option<(String, String)> {
    let name = &source.name;
    let Some(text) = &source.uri else {
        let hint = format!("add uri = \"...\" to it, or give it for this run: --source {name}=URI");
        return Some(("has no uri".to_owned(), hint));
    };
    match Uri::parse(text) {
        Ok(Uri::File(path)) => unreadable(&path),
        Ok(Uri::Test(_)) => None,
        Ok(_) => Some((
            format!("has the uri {text:?}, which is not supported yet by this version"),
            "use the path of a recording, file:// or test://ball".to_owned(),
        )),
        Err(error @ UriError::NotAbsolute(_)) => Some((
            format!("cannot be opened: {error}"),
            "write file:///PATH, or the path alone".to_owned(),
        )),
        Err(error) => Some((
            format!("cannot be opened: {error}"),
            format!("a uri is {}", Uri::KNOWN),
        )),
    }
}

fn unreadable(path: &Path) -> Option<(String, String)> {
    let shown = path.display();
    if path.is_dir() {
        let hint = format!("name one recording; for all of them use: atom index {shown}");
        return Some((format!("is the folder \"{shown}\""), hint));
    }
    if !path.exists() {
        let hint = "paths are relative to the working directory".to_owned();
        return Some((
            format!("names the file \"{shown}\", which does not exist"),
            hint,
        ));
    }
    None
}
