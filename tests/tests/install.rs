//! Installation of packs by a program that is installed itself: from the folder beside it, and the packs that a pack requires.
#![allow(clippy::unwrap_used, missing_docs)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use atom_tests::program::{Process, ProgramOutput, TIMEOUT, Workdir, program};

/// The SHA-256 hash of the text "data".
const DATA_HASH: &str = "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7";

/// A folder as `make dist` lays it out: the program in `bin`, packs in `share/atom/packs`.
struct Installed(Workdir);

impl Installed {
    fn new() -> Self {
        let dir = Workdir::new();
        fs::create_dir_all(dir.path("root/bin")).unwrap();
        let target = dir.path("root/bin/atom");
        fs::hard_link(program(), &target)
            .or_else(|_| fs::copy(program(), &target).map(drop))
            .unwrap();
        Self(dir)
    }

    /// Adds a pack of one file that requires others.
    fn add_pack(&self, name: &str, requires: &str) {
        let folder = self.0.path("root/share/atom/packs").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("data"), "data").unwrap();
        let manifest = format!(
            "name = \"{name}\"\nversion = \"1\"\nfamily = \"runtime\"\nabout = \"A test.\"\nrequires = [{requires}]\n\
             [[files]]\npath = \"data\"\nsize = 4\nsha256 = \"{DATA_HASH}\"\norigins = [\"file:data\"]\nlicence = \"MIT\"\n"
        );
        fs::write(folder.join("pack.toml"), manifest).unwrap();
    }

    fn cache(&self) -> PathBuf {
        self.0.path("cache")
    }

    /// Runs the installed program in an empty folder.
    fn install(&self, program: &Path, name: &str) -> ProgramOutput {
        let elsewhere = self.0.path("elsewhere");
        fs::create_dir_all(&elsewhere).unwrap();
        let mut command = Command::new(program);
        command
            .args(["models", "install", name])
            .env("ATOM_CACHE", self.cache())
            .current_dir(elsewhere);
        Process::start(command).wait(TIMEOUT)
    }
}

#[test]
fn a_pack_comes_from_the_folder_beside_the_program_after_what_it_requires() {
    let installed = Installed::new();
    installed.add_pack("top", "\"base\"");
    installed.add_pack("base", "");
    let output = installed.install(&installed.0.path("root/bin/atom"), "top");
    let lines: Vec<_> = output.ok().stdout.lines().map(str::to_owned).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with("base-1 installed in "), "{lines:?}");
    assert!(lines[1].starts_with("top-1 installed in "), "{lines:?}");
    for name in ["top", "base"] {
        let file = installed.cache().join("packs").join(name).join("data");
        assert_eq!(fs::read_to_string(file).unwrap(), "data");
    }
}

#[test]
fn the_folder_beside_the_program_is_found_through_a_symbolic_link() {
    let installed = Installed::new();
    installed.add_pack("base", "");
    let link = installed.0.path("atom");
    std::os::unix::fs::symlink(installed.0.path("root/bin/atom"), &link).unwrap();
    installed.install(&link, "base").ok();
}

#[test]
fn a_pack_that_requires_an_unknown_one_is_refused_before_anything_is_installed() {
    let installed = Installed::new();
    installed.add_pack("top", "\"nowhere\"");
    installed
        .install(&installed.0.path("root/bin/atom"), "top")
        .fails_with(&["nowhere", "share/atom/packs/nowhere", "pack.toml"]);
    assert!(!installed.cache().join("packs").exists());
}
