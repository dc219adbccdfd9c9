//! Versions, help, shell completions and manual pages of an installed program.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    collections::BTreeSet,
    fs,
    process::{Command, Stdio},
};

use atom_tests::{
    pack_cache,
    program::{Process, TIMEOUT, Workdir, path_str, program, workspace},
    rust_files::{in_workspace, paths},
};

#[test]
fn the_version_is_one_line() {
    let line = format!("atom {}\n", env!("CARGO_PKG_VERSION"));
    for option in ["--version", "-V"] {
        assert_eq!(Workdir::new().atom(&[option]).ok().stdout, line);
    }
}

#[test]
fn verbose_versions_name_commit_compiler_and_libraries_in_any_order() {
    let dir = Workdir::new().with_cache(&pack_cache::installed());
    let expected = dir.atom(&["--version", "--verbose"]).ok().stdout;
    let names: Vec<_> = expected
        .lines()
        .skip(1)
        .map(|line| line.split_once(": ").unwrap().0)
        .collect();
    assert_eq!(
        names,
        [
            "commit",
            "target",
            "built with",
            "build features",
            "GStreamer",
            "ONNX Runtime"
        ]
    );
    assert!(expected.contains("\nbuilt with: rustc 1."), "{expected}");
    for other in [&["-v", "-V"][..], &["-Vv"], &["--verbose", "--version"]] {
        assert_eq!(dir.atom(other).ok().stdout, expected, "{other:?}");
    }
    let nothing = dir.path("nothing");
    let without = Workdir::new().with_cache(&nothing);
    let versions = without.atom(&["-V", "-v"]).ok().stdout;
    assert!(versions.ends_with("\nONNX Runtime: not installed\n"));
}

#[test]
fn without_arguments_the_help_is_on_stderr_with_exit_code_2() {
    let output = Workdir::new().atom(&[]);
    assert_eq!((output.code, output.stdout.as_str()), (Some(2), ""));
    let help = output.stderr;
    assert!(help.contains("Usage: atom "), "{help}");
    assert!(
        !help.contains("pipelines/") && !help.contains("make setup"),
        "{help}"
    );
    assert!(!help.contains("man-pages"), "{help}");
}

#[test]
fn completions_are_scripts_of_their_shells() {
    let dir = Workdir::new();
    for (shell, part) in [
        ("bash", "complete "),
        ("zsh", "#compdef atom"),
        ("fish", "complete -c atom"),
        ("elvish", "edit:completion"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = dir.atom(&["completions", shell]).ok().stdout;
        assert!(script.contains(part), "{shell}: {script}");
        assert!(script.contains("caption") && script.contains("doctor"));
        assert!(!script.contains("man-pages"), "{shell}");
    }
    dir.atom(&["completions", "tcsh"])
        .fails_with(&["bash", "zsh"]);
}

#[test]
fn bash_completes_commands_and_options() {
    let dir = Workdir::new();
    dir.write("atom.bash", dir.atom(&["completions", "bash"]).ok().stdout);
    for (words, expected) in [
        ("atom cap", "caption"),
        ("atom store ch", "check"),
        ("atom caption --for", "--format"),
    ] {
        let count = words.split(' ').count() - 1;
        let last = words.rsplit(' ').next().unwrap();
        let previous = words.rsplit(' ').nth(1).unwrap();
        let script = format!(
            "source ./atom.bash; COMP_WORDS=({words}); COMP_CWORD={count}; _atom atom {last} {previous}; echo \"${{COMPREPLY[@]}}\""
        );
        let mut bash = Command::new("bash");
        bash.args(["--norc", "-c", &script])
            .current_dir(dir.path("."));
        let output = Process::start(bash).wait(TIMEOUT).ok();
        assert_eq!(
            (output.stdout.trim(), output.stderr.as_str()),
            (expected, "")
        );
    }
}

/// Writes the manual pages, and returns the directory with the names of the files in `man`.
fn manual_pages() -> (Workdir, BTreeSet<String>) {
    let dir = Workdir::new();
    dir.atom(&["man-pages", "man"]).ok();
    let files = fs::read_dir(dir.path("man")).unwrap();
    let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
    let names = names.collect();
    (dir, names)
}

#[test]
fn every_command_and_subcommand_has_a_manual_page_without_warnings() {
    let (dir, names) = manual_pages();
    for name in [
        "atom.1",
        "atom-caption.1",
        "atom-store-check.1",
        "atom-doctor.1",
    ] {
        assert!(names.contains(name), "no {name} in {names:?}");
    }
    assert!(
        !names
            .iter()
            .any(|name| name.contains("-help") || name.contains("man-pages"))
    );
    for name in &names {
        let path = dir.path("man").join(name);
        let mut groff = Command::new("groff");
        groff.args(["-man", "-Tutf8", "-ww", "-b", "-z", path_str(&path)]);
        let output = Process::start(groff).wait(TIMEOUT).ok();
        assert_eq!(output.stderr, "", "{name}");
        let mut lexgrog = Command::new("lexgrog");
        lexgrog.arg(&path);
        let output = Process::start(lexgrog).wait(TIMEOUT).ok();
        let page = name.trim_end_matches(".1");
        let described = format!(": \"{page} - ");
        assert!(output.stdout.contains(&described), "{output}");
        let text = fs::read_to_string(&path).unwrap();
        for section in [
            "NAME",
            "SYNOPSIS",
            "DESCRIPTION",
            "OPTIONS",
            "\"EXIT STATUS\"",
        ] {
            assert!(
                text.contains(&format!("\n.SH {section}\n")),
                "{section}: {name}"
            );
        }
    }
}

#[test]
fn examples_of_manual_pages_keep_their_lines() {
    let (dir, _) = manual_pages();
    let mut groff = Command::new("groff");
    groff
        .args(["-man", "-Tascii", "-P-c", "-P-b", "-P-u", "-rLL=100n"])
        .arg(dir.path("man/atom-graph.1"))
        .stderr(Stdio::null());
    let page = Process::start(groff).wait(TIMEOUT).ok().stdout;
    let line = "atom graph door.toml --format dot | dot -Tsvg > door.svg";
    assert!(page.contains(line), "{page}");
    assert!(page.contains("\nSEE ALSO\n       atom(1)\n"), "{page}");
    let header = page.lines().next().unwrap();
    assert!(header.contains(" Atom Manual "), "{header}");
}

#[test]
fn the_manual_lists_every_environment_variable_that_the_program_reads() {
    let (dir, _) = manual_pages();
    let page = dir.read("man/atom.1").replace('\\', "");
    let missing: Vec<_> = variables_in_sources()
        .into_iter()
        .filter(|name| !page.contains(name.as_str()))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Returns the names in calls that read a variable, such as `env::var_os("HOME")`, of all crates of the program.
fn variables_in_sources() -> BTreeSet<String> {
    const CALLS: [&str; 5] = [
        "var(\"",
        "var_os(\"",
        "set(\"",
        "variable(\"",
        "try_from_env(\"",
    ];
    let folders = ["models/src", "operators/src", "pipelines/src", "engine"];
    let files = folders
        .map(|folder| paths(&workspace().join(folder)))
        .concat();
    let mut found = BTreeSet::new();
    for file in files {
        let in_tests = ["tests", "benches", "examples", "/build"];
        if in_tests
            .iter()
            .any(|part| in_workspace(&file).contains(part))
        {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for call in CALLS {
            for rest in code.split(call).skip(1) {
                let name = rest.split('"').next().unwrap();
                if name.chars().all(|c| c.is_ascii_uppercase() || c == '_') {
                    found.insert(name.to_owned());
                }
            }
        }
    }
    assert!(found.contains("ATOM_CACHE") && found.contains("NO_COLOR"));
    found
}

#[test]
fn a_program_without_its_clone_says_its_version_and_help() {
    let dir = Workdir::new();
    let copy = dir.copy(&program(), "atom");
    for arguments in [
        &["--version"][..],
        &["--help"],
        &["docs"],
        &["docs", "live"],
    ] {
        let mut command = Command::new(&copy);
        command.args(arguments).current_dir("/");
        Process::start(command).wait(TIMEOUT).ok();
    }
}
