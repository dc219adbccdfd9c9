//! From paths to a plan: reads files, puts in the sources given for this run, checks and plans.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::{
    check,
    near::quoted,
    parse::{parse, parse_all},
    plan::{Plan, plan},
    problem::{Problem, Problems},
    spec::PipelineFile,
};

/// What problems of a source given on the command line name as their file.
const OPTION: &str = "--source";

/// Reads and parses one file.
///
/// # Errors
/// A file that cannot be read as text, and all problems of [`parse`].
pub fn load(path: &Path) -> Result<PipelineFile, Problems> {
    parse(path, &text_of(path)?)
}

/// Reads, checks and plans all files of one run; `sources` gives uris by the names of sources.
///
/// # Errors
/// All problems of all files together, those of shape and those of the graph.
pub fn read(paths: &[PathBuf], sources: &[(String, String)]) -> Result<Plan, Problems> {
    read_files(paths, sources).map(|files| plan(&files))
}

/// Does all of [`read`] but the plan, for who wants the files' [`crate::warnings`] too.
///
/// # Errors
/// As of [`read`].
pub fn read_files(
    paths: &[PathBuf],
    sources: &[(String, String)],
) -> Result<Vec<PipelineFile>, Problems> {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for path in paths {
        match text_of(path) {
            Ok(text) => {
                let (file, found) = parse_all(path, &text);
                files.push(file);
                problems.extend(found);
            }
            Err(problem) => problems.push(problem),
        }
    }
    let all_read = files.len() == paths.len() && files.iter().all(|file| file.whole);
    let unknown = override_sources(&mut files, sources);
    problems.extend(unknown.into_iter().filter(|_| all_read));
    problems.extend(check::problems(&files, problems.is_empty()));
    Problems::none_in(problems).map(|()| files)
}

/// Gives sources other uris by name, in all files; returns a problem for each name that no file has or that is
/// given twice.
pub fn override_sources(files: &mut [PipelineFile], sources: &[(String, String)]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (at, (name, uri)) in sources.iter().enumerate() {
        let report = |message| Problem::new(Path::new(OPTION), 0, message);
        if sources[..at].iter().any(|(other, _)| other == name) {
            let problem = report(format!("the source {name:?} is given twice"));
            problems.push(problem.hint("give each source once"));
        }
        if !put(files, name, uri) {
            let problem = report(format!("no pipeline file has a source {name:?}"));
            problems.push(problem.hint(sources_of(files)));
        }
    }
    problems
}

/// Sets the uri of all sources of that name; says whether there was one.
fn put(files: &mut [PipelineFile], name: &str, uri: &str) -> bool {
    let sources = files.iter_mut().flat_map(|file| file.sources.iter_mut());
    let mut any = false;
    for source in sources.filter(|source| source.name == name) {
        source.uri = Some(uri.to_owned());
        source.overridden = true;
        source.sound = true;
        any = true;
    }
    any
}

fn sources_of(files: &[PipelineFile]) -> String {
    let names = files.iter().flat_map(|file| &file.sources);
    let mut names: Vec<&str> = names.map(|source| source.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    match names.is_empty() {
        true => "there are no sources at all".to_owned(),
        false => format!("the sources are {}", quoted(names)),
    }
}

fn text_of(path: &Path) -> Result<String, Problem> {
    let report = |message: &str, hint: &str| Err(Problem::new(path, 0, message).hint(hint));
    if path.is_dir() {
        return report(
            "this is a folder, expected a pipeline file",
            "name one .toml file; to make a folder of recordings searchable, use: atom index FOLDER",
        );
    }
    match fs::read(path) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(text),
            Err(_) => report(
                "the file is no UTF-8 text",
                "a pipeline file is TOML; name a video with: --source NAME=PATH",
            ),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => report(
            "there is no such file",
            "paths are relative to the working directory",
        ),
        Err(error) => report(
            &format!("cannot read the file: {error}"),
            "check who may read it",
        ),
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

    fn written(text: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.toml");
        fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn takes_the_uri_given_for_this_run() {
        let (_folder, path) = written(GOOD.as_bytes());
        let plan = read(&[path], &[pair("video", "test://ball")]).unwrap();
        assert_eq!(plan.sources[0].uri, "test://ball");
        assert_eq!((plan.name.as_str(), plan.pack.as_str()), ("a", "mini"));
    }

    #[test]
    fn says_which_sources_there_are_when_another_one_is_given() {
        let (_folder, path) = written(GOOD.as_bytes());
        let given = [pair("video", "test://ball"), pair("door", "test://ball")];
        let problems = read(&[path], &given).unwrap_err().to_string();
        assert_eq!(
            problems,
            "--source: no pipeline file has a source \"door\"\n    hint: the sources are \"video\""
        );
    }

    #[test]
    fn refuses_a_source_given_twice() {
        let (_folder, path) = written(GOOD.as_bytes());
        let given = [pair("video", "test://ball"), pair("video", "test://bars")];
        let problems = read(&[path], &given).unwrap_err().to_string();
        assert!(problems.contains("\"video\" is given twice"), "{problems}");
    }

    #[test]
    fn a_missing_file_given_for_this_run_is_reported_at_the_option() {
        let (_folder, path) = written(GOOD.as_bytes());
        let problems = read(&[path], &[pair("video", "no-such.mp4")]).unwrap_err();
        assert!(
            problems
                .to_string()
                .starts_with("--source: source \"video\""),
            "{problems}"
        );
    }

    #[test]
    fn reports_problems_of_shape_and_of_the_graph_together() {
        let text = GOOD.replace("inputs = [\"seen\"]", "inputs = [\"sen\"]\nlenght_ms = 5");
        let (_folder, path) = written(text.as_bytes());
        let problems = read(&[path], &[pair("video", "test://ball")])
            .unwrap_err()
            .to_string();
        assert!(
            problems.contains(":10: node \"scenes\" takes \"sen\""),
            "{problems}"
        );
        assert!(
            problems.contains(":11: node \"scenes\" (segment) has no key \"lenght_ms\""),
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
        let (_one, broken) = written(b"[node.frames\n");
        let (_two, other) = written(GOOD.replace("\"scenes\"]", "\"scene\"]").as_bytes());
        let problems = read(&[broken, other], &[pair("video", "test://ball")])
            .unwrap_err()
            .to_string();
        assert!(problems.contains(":1: not TOML"), "{problems}");
        assert!(problems.contains("did you mean \"scenes\"?"), "{problems}");
        assert!(
            !problems.contains("pipeline file has a source"),
            "{problems}"
        );
    }

    #[test]
    fn a_missing_file_a_folder_and_a_video_are_problems_with_hints() {
        let (folder, video) = written(&[0, 255, 254]);
        let missing = folder.path().join("none.toml");
        for (path, part) in [
            (missing.as_path(), "there is no such file"),
            (folder.path(), "atom index FOLDER"),
            (video.as_path(), "no UTF-8 text"),
        ] {
            let problems = load(path).unwrap_err().to_string();
            assert!(
                problems.contains(part) && problems.contains("hint: "),
                "{problems}"
            );
        }
    }
}
