//! Tells the program what it is built from: commit, target, compiler, profile and features.
//!
//! The commit is that of the clone which this folder belongs to; it is empty elsewhere. Nothing here fails a build or uses the
//! network.

use std::{
    env,
    io::{self, Write},
    path::Path,
    process::{Command, Stdio},
};

/// Folders and files of the workspace that the program is built from.
const SOURCES: [&str; 11] = [
    "models/src",
    "operators/src",
    "pipelines/src",
    "pipelines/library",
    "engine/media/src",
    "engine/index/src",
    "engine/runtime/src",
    "engine/server/src",
    "engine/lab/src",
    "engine/cli/src",
    "Cargo.lock",
];

/// Sets the variables that `versions.rs` reads, and asks cargo to run the build script again when they may change.
///
/// # Errors
/// If cargo does not read what this writes.
pub(crate) fn write_build_facts() -> io::Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let facts = [
        ("ATOM_COMMIT", commit(&workspace)),
        ("ATOM_TARGET", env::var("TARGET").ok()),
        ("ATOM_PROFILE", env::var("PROFILE").ok()),
        ("ATOM_FEATURES", Some(features())),
        ("ATOM_RUSTC", output(Command::new(rustc).arg("--version"))),
    ];
    for (name, value) in facts {
        let value = value.unwrap_or_default();
        writeln!(io::stdout(), "cargo::rustc-env={name}={value}")?;
    }
    for source in SOURCES {
        watch_existing(&workspace.join(source))?;
    }
    // A commit or a checkout changes these files, which are elsewhere in a linked work tree.
    for file in ["HEAD", "logs/HEAD"] {
        let path = git(&workspace, &["rev-parse", "--git-path", file]);
        if let Some(path) = path {
            watch_existing(&workspace.join(path))?;
        }
    }
    Ok(())
}

/// Asks cargo to watch a file; one that does not exist would always count as changed.
fn watch_existing(path: &Path) -> io::Result<()> {
    match path.exists() {
        true => writeln!(io::stdout(), "cargo::rerun-if-changed={}", path.display()),
        false => Ok(()),
    }
}

/// Returns the features of the program, separated by commas.
fn features() -> String {
    let names = env::vars_os().filter_map(|(name, _)| {
        let feature = name.to_str()?.strip_prefix("CARGO_FEATURE_")?;
        (feature != "DEFAULT").then(|| feature.to_lowercase().replace('_', "-"))
    });
    let mut names: Vec<_> = names.collect();
    names.sort();
    names.join(", ")
}

/// Returns the commit of the clone, with a mark if tracked files differ from it.
fn commit(workspace: &Path) -> Option<String> {
    // Sources that were unpacked inside another repository do not belong to it.
    git(
        workspace,
        &["ls-files", "--error-unmatch", "engine/cli/build.rs"],
    )?;
    let commit = git(workspace, &["rev-parse", "--short=12", "HEAD"])?;
    // A build takes no lock: another git command of the user may be at work in the clone.
    let changes = git(
        workspace,
        &[
            "--no-optional-locks",
            "status",
            "--porcelain",
            "--untracked-files=no",
        ],
    )?;
    Some(match changes.is_empty() {
        true => commit,
        false => commit + " with changes",
    })
}

fn git(workspace: &Path, arguments: &[&str]) -> Option<String> {
    output(Command::new("git").current_dir(workspace).args(arguments))
}

/// Returns the output of a command that succeeds.
fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
