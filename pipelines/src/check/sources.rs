//! Checks each source, as far as possible without opening it: its settings, its URI, its file and its login.

use std::path::Path;

use crate::{
    pipeline_file::{PipelineFile, SourceSpec},
    problem::Problem,
    source_settings::SourceSettings,
    tls_settings::TlsCheck,
    uri::{Uri, UriError, redacted, same_source, split_login},
};

/// The message and the hint of a problem; the message continues `source "NAME"`.
type MessageAndHint = (String, String);

pub(super) fn check(file: &PipelineFile, problems: &mut Vec<Problem>) {
    if file.sources.is_empty() {
        let problem = Problem::new(
            &file.path,
            0,
            "the pipeline has no sources, so there is nothing to watch",
        );
        problems.push(problem.with_hint("add [source.NAME] with a uri; see: atom docs source"));
    }
    for source in &file.sources {
        if let Err(error) = source.settings.check() {
            let line = source.key_lines.get(error.key).copied();
            let message = format!("source {:?}: {error}", source.name);
            let problem = Problem::new(&file.path, line.unwrap_or(source.line), message);
            problems.push(problem.with_hint("see: atom docs source"));
        }
    }
    for source in file.sources.iter().filter(|source| source.uri_valid) {
        let Some((message, hint)) = problem_of(source) else {
            continue;
        };
        let message = format!("source {:?} {message}", source.name);
        let problem = match source.overridden {
            true => Problem::new(Path::new("--source"), 0, message),
            false => Problem::new(&file.path, source.line, message),
        };
        problems.push(problem.with_hint(hint));
    }
}

/// Checks that a source name means the same source in all files of a run.
pub(super) fn check_across_files(files: &[PipelineFile], problems: &mut Vec<Problem>) {
    let mut firsts: Vec<(&PipelineFile, &SourceSpec, &str)> = Vec::new();
    for file in files {
        for source in &file.sources {
            let Some(uri) = source.uri.as_deref() else {
                continue;
            };
            let Some((first, known, other)) = firsts
                .iter()
                .find(|(_, known, _)| known.name == source.name)
            else {
                firsts.push((file, source, uri));
                continue;
            };
            if !same_source(uri, other) || source.settings != known.settings {
                let first = first.path.display();
                let [here, there] = [uri, other].map(redacted);
                let message = match here == there {
                    true => format!("source {:?} has different settings in {first}", source.name),
                    false => format!(
                        "source {:?} is {here:?} here, but {there:?} in {first}",
                        source.name
                    ),
                };
                let hint = "rename one of them, or run the files separately";
                problems.push(Problem::new(&file.path, source.line, message).with_hint(hint));
            }
        }
    }
}

/// Returns the problem of a source's URI or login.
fn problem_of(source: &SourceSpec) -> Option<MessageAndHint> {
    let name = &source.name;
    let Some(text) = &source.uri else {
        let hint = format!("add uri = \"...\", or set it for this run: --source {name}=URI");
        return Some(("has no uri".to_owned(), hint));
    };
    let parsed = Uri::parse(text);
    let tls = parsed
        .as_ref()
        .ok()
        .and_then(|uri| unusable_tls(source, uri));
    if tls.is_some() {
        return tls;
    }
    match parsed {
        Ok(Uri::File(path)) if !source.settings.watch => missing_file(&path),
        Ok(Uri::Folder(path)) => missing_folder(&path),
        Ok(_) if source.settings.watch || source.settings.keep_gone => Some((
            "has watch or keep_gone, but is not a folder".to_owned(),
            "write uri = \"folder://DIR\", or remove these settings".to_owned(),
        )),
        Ok(_) => unusable_login(source, text),
        Err(error @ UriError::NotAbsolute(_)) => Some((
            format!("cannot be opened: {error}"),
            "write file:///PATH, or only the path".to_owned(),
        )),
        Err(error @ UriError::Authority(_)) => Some((
            format!("cannot be opened: {error}"),
            "for example rtsp://192.0.2.7:8554/door or rtsp://[2001:db8::7]:8554/door".to_owned(),
        )),
        Err(error) => Some((
            format!("cannot be opened: {error}"),
            format!("expected {}", Uri::KNOWN),
        )),
    }
}

/// Returns the problem of a login that is incomplete or not needed.
fn unusable_login(source: &SourceSpec, uri: &str) -> Option<MessageAndHint> {
    let SourceSettings {
        user,
        password_file,
        ..
    } = &source.settings;
    let hint = "set both: user = \"NAME\" and password_file = \"FILE\" with the password on its first line";
    if user.is_none() && password_file.is_none() {
        return None;
    }
    if !matches!(Uri::parse(uri), Ok(Uri::Rtsp(_) | Uri::Http(_))) {
        let message = "has a user or a password, but its uri needs no login".to_owned();
        return Some((message, "only rtsp:// and http:// ask for them".to_owned()));
    }
    let Some(path) = password_file else {
        return Some(("has a user without a password".to_owned(), hint.to_owned()));
    };
    let in_uri = split_login(uri).1.is_some();
    if user.is_none() && !in_uri {
        return Some(("has a password without a user".to_owned(), hint.to_owned()));
    }
    (!path.is_file()).then(|| {
        let message = format!(
            "has the password file \"{}\", which does not exist",
            path.display()
        );
        (message, hint.to_owned())
    })
}

/// Returns the problem of TLS settings that contradict each other, or whose source has no TLS.
fn unusable_tls(source: &SourceSpec, uri: &Uri) -> Option<MessageAndHint> {
    let SourceSettings {
        tls,
        tls_fingerprint,
        ..
    } = &source.settings;
    let (insecure, pinned) = (*tls == TlsCheck::Insecure, tls_fingerprint.is_some());
    if insecure && pinned {
        return Some((
            "has tls = \"insecure\" and tls_fingerprint, which contradict each other".to_owned(),
            "remove tls = \"insecure\": the fingerprint identifies the certificate".to_owned(),
        ));
    }
    if pinned && matches!(uri, Uri::Http(_)) {
        return Some((
            "has tls_fingerprint, which works with rtsps:// only".to_owned(),
            "add the certificate to those that the system trusts, or write tls = \"insecure\""
                .to_owned(),
        ));
    }
    ((insecure || pinned) && !uri.has_tls()).then(|| {
        (
            "has tls or tls_fingerprint, but its uri does not use TLS".to_owned(),
            "write rtsps:// or https://, or remove these settings".to_owned(),
        )
    })
}

/// Returns a problem if a folder does not exist. Patterns such as `clips/*.mp4` are not expanded here.
fn missing_folder(path: &Path) -> Option<MessageAndHint> {
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

/// Returns a problem if a path does not exist or is a folder.
fn missing_file(path: &Path) -> Option<MessageAndHint> {
    let shown = path.display();
    if path.is_dir() {
        let hint = format!("to process all recordings in it, write folder://{shown}");
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
