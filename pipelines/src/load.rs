//! Turns paths of pipeline files into a plan: reads the files, applies the `--source` options, checks and plans.
//!
//! All files are read before the check, so that the problems of all of them are reported together. A path that is the name
//! of a built-in pipeline stands for it, unless there is a file of that name.

use std::{
    borrow::Cow,
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    built_in_pipelines, check,
    merge_nodes::plan,
    parse::parse_partially,
    pipeline_file::PipelineFile,
    plan::Plan,
    problem::{Problem, Problems},
    suggestion::{nearest, quoted},
};

/// The "file" of problems with a source given on the command line.
const SOURCE_OPTION: &str = "--source";

/// Reads, checks and plans all files of one run. A path may also be the name of a built-in pipeline. `sources` holds pairs of source name and URI, which override the files.
///
/// # Errors
/// All problems of all files, both of shape and of the graph.
pub fn load_plan(paths: &[PathBuf], sources: &[(String, String)]) -> Result<Plan, Problems> {
    load_files(paths, sources).map(|files| plan(&files))
}

/// Reads and checks all files of one run like [`load_plan`], but returns the files, from which [`crate::warnings`] and
/// [`crate::plan()`] can be called.
///
/// # Errors
/// The same as [`load_plan`].
pub fn load_files(
    paths: &[PathBuf],
    sources: &[(String, String)],
) -> Result<Vec<PipelineFile>, Problems> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        match read_text(path) {
            Ok(text) => {
                let (file, found) = parse_partially(path, &text);
                files.push(file);
                problems.extend(found);
            }
            Err(problem) => problems.push(problem),
        }
    }
    // A file that could not be read may have the source that seems to be unknown.
    let all_read = files.len() == paths.len() && files.iter().all(|file| file.valid_toml);
    let unknown = override_sources(&mut files, sources);
    problems.extend(unknown.into_iter().filter(|_| all_read));
    problems.extend(check::problems(&files, problems.is_empty()));
    Problems::ok_if_empty(problems).map(|()| files)
}

/// Replaces the URIs of sources by name, in all files. Returns a problem for each name that no file has or that is given
/// twice.
pub fn override_sources(files: &mut [PipelineFile], sources: &[(String, String)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (position, (name, uri)) in sources.iter().enumerate() {
        let report = |message| Problem::new(Path::new(SOURCE_OPTION), 0, message);
        if sources[..position].iter().any(|(other, _)| other == name) {
            let problem = report(format!("the source {name:?} is given twice"));
            problems.push(problem.with_hint("set each source only once"));
        }
        if !set_uri(files, name, uri) {
            let problem = report(format!("no pipeline file has a source {name:?}"));
            problems.push(problem.with_hint(known_sources(files)));
        }
    }
    problems
}

/// Sets the URI of all sources with this name. Returns true if there is one.
fn set_uri(files: &mut [PipelineFile], name: &str, uri: &str) -> bool {
    let sources = files.iter_mut().flat_map(|file| file.sources.iter_mut());
    let mut found = false;
    for source in sources.filter(|source| source.name == name) {
        source.uri = Some(uri.to_owned());
        source.overridden = true;
        source.uri_valid = true;
        found = true;
    }
    found
}

fn known_sources(files: &[PipelineFile]) -> String {
    let names = files.iter().flat_map(|file| &file.sources);
    let mut names: Vec<&str> = names.map(|source| source.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names.is_empty() {
        true => "the files have no sources".to_owned(),
        false => format!("the sources are {}", quoted(names)),
    }
}

/// Returns the text of a pipeline file, or of the built-in pipeline that the path names.
fn read_text(path: &Path) -> Result<Cow<'static, str>, Problem> {
    if let Some(text) = built_in_pipelines::named_by(path) {
        return Ok(text.into());
    }
    let report = |message: &str, hint: &str| Err(Problem::new(path, 0, message).with_hint(hint));
    if path.is_dir() {
        return report(
            "this is a folder; expected a pipeline file",
            "name one .toml file; to make a folder of recordings searchable, use: atom index FOLDER",
        );
    }
    match fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(text.into()),
            Err(_) => report(
                "the file is not UTF-8 text",
                "a pipeline file is TOML; to process a video, use: --source NAME=PATH",
            ),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            report("there is no such file", &hint_for_missing(path))
        }
        Err(error) => report(
            &format!("cannot read the file: {error}"),
            "check its permissions",
        ),
    }
}

/// Returns the hint for a file that does not exist. It names the built-in pipeline whose name is near that of the file.
fn hint_for_missing(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let known: Vec<&str> = built_in_pipelines::names().collect();
    match nearest(&stem, &known) {
        Some(near) => format!(
            "did you mean the built-in pipeline {near:?}? To start a file from it: atom docs {near}.toml > {near}.toml"
        ),
        None => "paths are relative to the working directory; \"atom docs\" lists the built-in pipelines".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[source.video]\n[node.frames]\nkind = \"sample\"\ninputs = [\"video\"]\n\
        [node.seen]\nkind = \"encode\"\ninputs = [\"frames\"]\n\
        [node.scenes]\nkind = \"segment\"\ninputs = [\"seen\"]\n\
        [node.captions]\nkind = \"caption\"\ninputs = [\"scenes\"]\n";

    fn pair(name: &str, uri: &str) -> (String, String) {
        (name.to_owned(), uri.to_owned())
    }

    fn temporary_file(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn a_source_option_replaces_the_uri_of_the_file() {
        let (_folder, path) = temporary_file(GOOD.as_bytes());
        let plan = load_plan(&[path], &[pair("video", "test://ball")]).unwrap();
        assert_eq!(plan.sources[0].uri, "test://ball");
        assert_eq!((plan.name.as_str(), plan.pack.as_str()), ("a", "mini"));
    }

    #[test]
    fn a_source_option_with_an_unknown_name_lists_the_known_sources() {
        let (_folder, path) = temporary_file(GOOD.as_bytes());
        let given = [pair("video", "test://ball"), pair("door", "test://ball")];
        let problems = load_plan(&[path], &given).unwrap_err().to_string();
        assert_eq!(
            problems,
            "--source: no pipeline file has a source \"door\"\n    hint: the sources are \"video\""
        );
    }

    #[test]
    fn a_source_option_given_twice_is_rejected() {
        let (_folder, path) = temporary_file(GOOD.as_bytes());
        let given = [pair("video", "test://ball"), pair("video", "test://bars")];
        let problems = load_plan(&[path], &given).unwrap_err().to_string();
        assert!(problems.contains("\"video\" is given twice"), "{problems}");
    }

    #[test]
    fn a_missing_file_in_a_source_option_is_reported_for_the_option() {
        let (_folder, path) = temporary_file(GOOD.as_bytes());
        let problems = load_plan(&[path], &[pair("video", "no-such.mp4")]).unwrap_err();
        assert!(
            problems
                .to_string()
                .starts_with("--source: source \"video\""),
            "{problems}"
        );
    }

    #[test]
    fn problems_of_shape_and_of_the_graph_are_reported_together() {
        let text = GOOD.replace("inputs = [\"seen\"]", "inputs = [\"sen\"]\nlenght_ms = 5");
        let (_folder, path) = temporary_file(text.as_bytes());
        let problems = load_plan(&[path], &[pair("video", "test://ball")])
            .unwrap_err()
            .to_string();
        assert!(
            problems.contains(":10: node \"scenes\" has the input \"sen\""),
            "{problems}"
        );
        assert!(
            problems.contains(":11: node \"scenes\" (segment) has the unknown key \"lenght_ms\""),
            "{problems}"
        );
        assert_eq!(
            problems.matches("hint: did you mean").count(),
            2,
            "{problems}"
        );
        assert_eq!(problems.lines().count(), 4, "{problems}");
    }

    #[test]
    fn a_broken_file_does_not_hide_the_problems_of_another() {
        let (_one, broken) = temporary_file(b"[node.frames\n");
        let (_two, other) = temporary_file(GOOD.replace("\"scenes\"]", "\"scene\"]").as_bytes());
        let problems = load_plan(&[broken, other], &[pair("video", "test://ball")])
            .unwrap_err()
            .to_string();
        assert!(problems.contains(":1: invalid TOML"), "{problems}");
        assert!(problems.contains("did you mean \"scenes\"?"), "{problems}");
        assert!(
            !problems.contains("pipeline file has a source"),
            "{problems}"
        );
    }

    #[test]
    fn the_name_of_a_built_in_pipeline_stands_for_it() {
        let plan = load_plan(&["live".into()], &[pair("camera", "test://ball")]).unwrap();
        assert_eq!((plan.name.as_str(), plan.nodes.len()), ("live", 5));
        let problems = load_plan(&["diary".into()], &[]).unwrap_err().to_string();
        assert!(problems.starts_with("diary:"), "{problems}");
    }

    #[test]
    fn a_missing_file_whose_name_is_near_a_built_in_pipeline_gets_its_name() {
        for (path, near) in [
            ("live.toml", "live"),
            ("old/diary.toml", "diary"),
            ("three-branch", "three-branches"),
        ] {
            let hint = hint_for_missing(Path::new(path));
            let start = format!("did you mean the built-in pipeline {near:?}?");
            assert!(hint.starts_with(&start), "{hint}");
        }
        let hint = hint_for_missing(Path::new("doorway.toml"));
        assert!(hint.starts_with("paths are relative"), "{hint}");
    }

    #[test]
    fn missing_files_folders_and_videos_are_rejected_with_hints() {
        let (folder, video) = temporary_file(&[0, 255, 254]);
        let missing = folder.path().join("none.toml");
        for (path, part) in [
            (missing.as_path(), "there is no such file"),
            (folder.path(), "atom index FOLDER"),
            (video.as_path(), "not UTF-8 text"),
        ] {
            let problems = load_plan(&[path.to_owned()], &[]).unwrap_err().to_string();
            assert!(
                problems.contains(part) && problems.contains("hint: "),
                "{problems}"
            );
        }
    }
}
