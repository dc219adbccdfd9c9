//! Checks that every source can be opened, as far as can be said before it is opened.

use std::path::Path;

use crate::{
    problem::Problem,
    source::SourceSettings,
    spec::{PipelineFile, SourceSpec},
    uri::{Uri, UriError, same, shown, without_login},
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
    for source in &file.sources {
        if let Err(wrong) = source.settings.check() {
            let line = source.lines.get(wrong.key).copied();
            let message = format!("source {:?}: {wrong}", source.name);
            let problem = Problem::new(&file.path, line.unwrap_or(source.line), message);
            problems.push(problem.hint("see: atom docs source"));
        }
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
            let Some(uri) = source.uri.as_deref() else {
                continue;
            };
            let Some((first, known, other)) = firsts
                .iter()
                .find(|(_, other, _)| other.name == source.name)
            else {
                firsts.push((file, source, uri));
                continue;
            };
            if !same(uri, other) || source.settings != known.settings {
                let first = first.path.display();
                let [here, there] = [uri, other].map(shown);
                let message = match here == there {
                    true => format!(
                        "source {:?} has other settings here than in {first}",
                        source.name
                    ),
                    false => format!(
                        "source {:?} is {here:?} here, but {there:?} in {first}",
                        source.name
                    ),
                };
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
        Ok(Uri::File(path)) if !source.settings.watch => unreadable(&path),
        Ok(Uri::Folder(path)) => no_folder(&path),
        Ok(_) if source.settings.watch || source.settings.keep_gone => Some((
            "has watch or keep_gone, but is no folder".to_owned(),
            "write uri = \"folder://DIR\", or take these settings away".to_owned(),
        )),
        Ok(_) => unable_to_log_in(source, text),
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

/// What is wrong with a login, and what to do.
fn unable_to_log_in(source: &SourceSpec, uri: &str) -> Option<(String, String)> {
    let SourceSettings {
        user,
        password_file,
        ..
    } = &source.settings;
    let hint = "give both: user = \"NAME\" and password_file = \"FILE\" with the password as its first line";
    if user.is_none() && password_file.is_none() {
        return None;
    }
    if !matches!(Uri::parse(uri), Ok(Uri::Rtsp(_) | Uri::Http(_))) {
        let told = "has a user or a password, but nothing to log in to".to_owned();
        return Some((told, "only rtsp:// and http:// ask for them".to_owned()));
    }
    let Some(path) = password_file else {
        return Some(("has a user without a password".to_owned(), hint.to_owned()));
    };
    let in_uri = without_login(uri).1.is_some();
    if user.is_none() && !in_uri {
        return Some(("has a password without a user".to_owned(), hint.to_owned()));
    }
    (!path.is_file()).then(|| {
        let told = format!(
            "has the password file \"{}\", which does not exist",
            path.display()
        );
        (told, hint.to_owned())
    })
}

/// What is wrong with a folder; a pattern is not looked up here.
fn no_folder(path: &Path) -> Option<(String, String)> {
    let shown = path.display();
    let pattern = shown.to_string().contains(['*', '?', '[']);
    let hint = "paths are relative to the working directory".to_owned();
    (!pattern && !path.exists()).then(|| {
        (
            format!("names the folder \"{shown}\", which does not exist"),
            hint,
        )
    })
}

fn unreadable(path: &Path) -> Option<(String, String)> {
    let shown = path.display();
    if path.is_dir() {
        let hint = format!("for all recordings in it write folder://{shown}");
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
