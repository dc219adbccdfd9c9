//! Commands that set up a machine or build the workspace. They cannot run in a test, so each must be one that runs
//! elsewhere: a target of the Makefile, a line of a script, or a build of what the workspace has.

use std::{collections::BTreeSet, fs};

use crate::{program::workspace, rust_files::metadata};

use super::{commands::without_comment, page::Page};

/// A page whose sections run as a whole, by a script that installs Atom on a system of its own.
pub const INSTALL_PAGE: &str = "docs/install.md";
/// The script that runs [`INSTALL_PAGE`].
const INSTALL_SCRIPT: &str = "scripts/dist-check.sh";
/// Files and folders whose commands run outside the tests.
const SCRIPTS: [&str; 5] = [
    "Makefile",
    "scripts",
    ".ci",
    ".github/workflows",
    INSTALL_PAGE,
];

/// Returns the reason for which a section of [`INSTALL_PAGE`] is not known to work: a block that the script does not
/// run, or one that it would run and that the page does not have.
pub fn section_problem(section: &str) -> Option<String> {
    let page = Page::read(INSTALL_PAGE);
    let blocks = page.blocks.iter();
    let blocks = blocks.filter(|block| block.section == section && block.language == "sh");
    blocks_problem(&read(INSTALL_SCRIPT), section, blocks.count())
}

/// Compares the blocks of a section, numbered from 1, with those that a script runs.
fn blocks_problem(script: &str, section: &str, count: usize) -> Option<String> {
    let runs = run_blocks(script).filter(|(name, _)| *name == section);
    let wanted: BTreeSet<usize> = (1..=count).collect();
    let mut run = BTreeSet::new();
    for (_, numbers) in runs {
        match numbers.is_empty() {
            true => run.extend(&wanted),
            false => run.extend(numbers),
        }
    }
    let difference = run.symmetric_difference(&wanted).next()?;
    let problem = match run.contains(difference) {
        true => "runs a block that is not in",
        false => "does not run a block of",
    };
    Some(format!(
        "{INSTALL_SCRIPT} {problem} the section {section:?}: number {difference}"
    ))
}

/// Returns the sections that a script runs, each with the numbers of blocks; without numbers it runs all of them.
fn run_blocks(script: &str) -> impl Iterator<Item = (&str, Vec<usize>)> {
    let calls = script.split("$(commands ").skip(1);
    calls.filter_map(|call| {
        let call = call.split([')', '|']).next()?;
        let (section, numbers) = match call.strip_prefix('\'') {
            Some(quoted) => quoted.split_once('\'')?,
            None => call.split_once(' ').unwrap_or((call, "")),
        };
        let numbers = numbers.split_whitespace().map(str::parse::<usize>);
        Some((section, numbers.collect::<Result<Vec<_>, _>>().ok()?))
    })
}

/// Returns the reason for which a command is not known to work.
pub fn problem(command: &str) -> Option<String> {
    let command = normal(command);
    let mut words = command.split_whitespace();
    match (words.next(), words.next()) {
        (Some("make"), Some(target)) => {
            let makefile = read("Makefile");
            let start = format!("\n{target}:");
            (!makefile.contains(&start)).then(|| "the Makefile has no such target".into())
        }
        (Some("cargo"), Some("build" | "test" | "run")) => unknown_part(&command),
        (Some("git"), Some("diff")) => missing(words.next().unwrap_or(".")),
        (Some(script), _) if script.starts_with("scripts/") => missing(script),
        _ => {
            let known = script_texts().iter().any(|text| has_line(text, &command));
            (!known).then(|| format!("no line of {SCRIPTS:?} runs this command"))
        }
    }
}

fn missing(path: &str) -> Option<String> {
    let exists = workspace().join(path).exists();
    (!exists).then(|| format!("there is no {path}"))
}

/// Returns the first part of a build that the workspace does not have.
fn unknown_part(command: &str) -> Option<String> {
    let packages = metadata().packages;
    for build in command.split("&&") {
        let words: Vec<&str> = build.split_whitespace().collect();
        for pair in words.windows(2) {
            let targets = packages.iter().flat_map(|package| &package.targets);
            let target = |kind: &str| {
                let mut same = targets.clone().filter(|target| target.name == pair[1]);
                same.any(|target| target.kind.iter().any(|k| k.to_string() == kind))
            };
            let known = match pair[0] {
                "-p" => packages
                    .iter()
                    .any(|package| package.name.as_str() == pair[1]),
                "--test" => target("test"),
                "--example" => target("example"),
                _ => true,
            };
            if !known {
                return Some(format!("the workspace has no {} {}", pair[0], pair[1]));
            }
        }
    }
    None
}

fn script_texts() -> Vec<String> {
    let mut texts = Vec::new();
    for place in SCRIPTS.map(|place| workspace().join(place)) {
        let files = fs::read_dir(&place).map(|files| files.flatten().map(|file| file.path()));
        match files {
            Ok(files) => texts.extend(files.filter_map(|file| fs::read_to_string(file).ok())),
            Err(_) => texts.extend(fs::read_to_string(place).ok()),
        }
    }
    texts
}

fn has_line(script: &str, command: &str) -> bool {
    script.lines().any(|line| {
        let line = normal(line);
        line == command
            || line.contains(&format!(" {command}"))
            || line.contains(&format!("{command} "))
    })
}

/// Returns a command without its comment, its indentation, the variables before it, what makes it run as root, what
/// answers its questions, and the folders of its files.
fn normal(command: &str) -> String {
    let command = without_comment(command.trim());
    let command = command.replace("\"${root[@]}\" ", "").replace("sudo ", "");
    let words = command.split_whitespace();
    let words = words.skip_while(|word| word.contains('='));
    let words = words.filter(|word| !["-y", "-yq"].contains(word));
    let words = words.map(|word| match word.rsplit_once('/') {
        Some((folder, file)) if folder.starts_with('.') => file,
        _ => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

fn read(path: &str) -> String {
    fs::read_to_string(workspace().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_blocks_of_a_section_must_run() {
        let script = r#"
            block="$(commands 'Two words')"
            block="$(commands Service 1)"
            block="$(commands Service 2 3 | grep -v sudo)"
        "#;
        assert_eq!(blocks_problem(script, "Two words", 4), None);
        assert_eq!(blocks_problem(script, "Service", 3), None);
        for (section, count, problem) in [
            ("Service", 4, "does not run a block"),
            ("Service", 2, "runs a block that is not"),
            ("Two", 1, "does not run a block"),
        ] {
            let found = blocks_problem(script, section, count).unwrap_or_default();
            assert!(found.contains(problem), "{section} {count}: {found}");
        }
    }

    #[test]
    fn commands_must_run_elsewhere() {
        for known in [
            "make demo   # a comment",
            "cargo test --release -p atom-tests --test search",
            "cargo run -p atom-operators --example custom_operator",
            "scripts/setup.sh check",
            "sudo apt-get update",
        ] {
            assert_eq!(problem(known), None, "{known}");
        }
        for unknown in [
            "make everything",
            "cargo test -p atom-tests --test searches",
            "scripts/none.sh",
            "sudo apt install ./other.deb",
        ] {
            assert!(problem(unknown).is_some(), "{unknown}");
        }
    }
}
