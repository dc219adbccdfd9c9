//! Tells the program what it is built from, and lists the files of all pack sources for the feature `embedded-packs`.
//!
//! The list holds what an installation reads: `scripts/dist.sh` copies the same files into the tarball and the package,
//! as far as git tracks them. A build needs no git, so here a new file counts at once.

mod build_facts;

use std::{
    env, fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Folders that only the training and the conversion of a pack need.
const UNNEEDED: [&str; 3] = ["train", "convert", "__pycache__"];

fn main() -> io::Result<()> {
    build_facts::write_build_facts()?;
    let packs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/packs");
    let mut files = Vec::new();
    if env::var_os("CARGO_FEATURE_EMBEDDED_PACKS").is_some() {
        // A folder is watched with all that is below it.
        watch(&packs)?;
        add_files(&packs, &mut files)?;
        files.sort();
    } else {
        watch(Path::new("build.rs"))?;
    }
    let out = env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    fs::write(
        Path::new(&out).join("embedded_packs.rs"),
        list(&packs, &files),
    )
}

fn watch(path: &Path) -> io::Result<()> {
    writeln!(io::stdout(), "cargo::rerun-if-changed={}", path.display())
}

fn add_files(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || UNNEEDED.contains(&name.as_ref()) {
            continue;
        }
        let kind = entry.file_type()?;
        if kind.is_dir() {
            add_files(&entry.path(), files)?;
        } else if kind.is_file() {
            // Not a symbolic link, which may lead out of the pack.
            files.push(entry.path());
        }
    }
    Ok(())
}

/// Returns a slice of embedded files as Rust.
fn list(packs: &Path, files: &[PathBuf]) -> String {
    let entry = |file: &PathBuf| {
        let path = file.strip_prefix(packs).expect("the file is in a pack");
        format!(
            "atom_models::EmbeddedFile {{ path: {path:?}, content: include_bytes!({file:?}) }},\n"
        )
    };
    format!("&[\n{}]", files.iter().map(entry).collect::<String>())
}
