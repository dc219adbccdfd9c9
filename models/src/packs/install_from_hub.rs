//! Installations of packs whose files a loopback hub delivers: first fetch, lock, repetition and refusal.

use std::{fs, path::Path};

use crate::{
    Manifest, ModelError, error_chain,
    packs::{
        file_integrity::verified_path,
        hub::{
            hub_settings::HubSettings,
            loopback_hub::{LoopbackHub, Reply},
        },
        install::{Installation, Installer},
        install_observer::InstallObserver,
        manifest::MANIFEST_FILE,
        pack_lock::{LOCK_FILE, PackLock, read_installed},
        pip::Pip,
    },
};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// The SHA-256 of `right`.
const CHECKSUM: &str = "27042f4e6eca7d0b2a7ee4026df2ecfa51d3339e6d122aa099118ecd8563bad9";

/// An observer that keeps the lines of output.
#[derive(Default)]
struct Lines(Vec<String>);

impl InstallObserver for Lines {
    fn begin(&mut self, _step: &str, _bytes: u64) {}
    fn advance(&mut self, _bytes: u64) {}
    fn output(&mut self, line: &str) {
        self.0.push(line.to_owned());
    }
    fn end(&mut self, _outcome: &str) {}
}

/// A pack whose manifest does not know its files, and its installation in a temporary folder.
struct Trial {
    folder: tempfile::TempDir,
    lines: Lines,
}

impl Trial {
    fn new(origins: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let entry = |(path, origin): &(&str, &str)| {
            format!("[[files]]\npath = \"{path}\"\norigins = [\"{origin}\"]\nlicence = \"MIT\"\n")
        };
        let files: String = origins.iter().map(entry).collect();
        let text = format!(
            "name = \"held\"\nversion = \"1\"\nfamily = \"runtime\"\nabout = \"x\"\n{files}"
        );
        fs::create_dir(folder.path().join("source")).unwrap();
        fs::write(folder.path().join("source").join(MANIFEST_FILE), text).unwrap();
        Self {
            folder,
            lines: Lines::default(),
        }
    }

    fn install(&mut self, hub: HubSettings) -> Result<Installation, ModelError> {
        let path = |name| self.folder.path().join(name);
        let source = path("source");
        let installer = Installer {
            manifest: Manifest::read(&source.join(MANIFEST_FILE)).unwrap(),
            source: &source,
            pip: Pip::new(path("pip")),
            hub,
            folder: path("held"),
            parts: path("parts"),
            environment: path("environment"),
            lock: PackLock::default(),
            observer: &mut self.lines,
        };
        installer.install()
    }

    fn installed(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join("held").join(name)
    }
}

fn right() -> Reply {
    let reply = Reply::file(b"right").with("X-Repo-Commit", COMMIT);
    reply.with("ETag", format!("\"{CHECKSUM}\""))
}

#[test]
fn a_file_is_recorded_when_it_is_first_fetched_and_checked_from_then_on() {
    let mut trial = Trial::new(&[("f", "hub:a/b@main:f")]);
    let hub = LoopbackHub::start([right()]);
    assert!(trial.install(hub.settings()).unwrap().fresh);
    assert_eq!(
        trial.lines.0,
        [format!(
            "held/f: first fetched, sha256 {CHECKSUM} is recorded in pack.lock"
        )]
    );
    let lock = fs::read_to_string(trial.installed(LOCK_FILE)).unwrap();
    for part in ["path = \"f\"", "size = 5", CHECKSUM, COMMIT] {
        assert!(lock.contains(part), "{lock}");
    }
    let folder = trial.installed("");
    let manifest = read_installed(&folder).unwrap();
    assert_eq!(manifest.bytes(), 5);
    verified_path(&manifest, &folder, "f").unwrap();
    // Correct files need no hub, so they can be installed again offline.
    let mut offline = hub.settings();
    offline.offline = true;
    assert!(!trial.install(offline).unwrap().fresh);
    fs::write(trial.installed("f"), "wrong").unwrap();
    let error = verified_path(&manifest, &folder, "f").unwrap_err();
    assert!(error.to_string().contains("pack.lock says"), "{error}");
}

#[test]
fn another_file_is_refused_after_the_first_installation() {
    let mut trial = Trial::new(&[("f", "hub:a/b@main:f")]);
    trial
        .install(LoopbackHub::start([right()]).settings())
        .unwrap();
    fs::remove_file(trial.installed("f")).unwrap();
    let hub = LoopbackHub::start([Reply::file(b"wrong"), right()]);
    let error = error_chain(&trial.install(hub.settings()).unwrap_err());
    for part in ["pack.lock holds", CHECKSUM, "delete "] {
        assert!(error.contains(part), "{error}");
    }
    assert!(!trial.installed("f").exists());
    // The commit that holds the file is asked for, wherever the branch is now.
    assert_eq!(hub.requests()[0].path, format!("/a/b/resolve/{COMMIT}/f"));
    trial.install(hub.settings()).unwrap();
    assert_eq!(fs::read(trial.installed("f")).unwrap(), b"right");
}

#[test]
fn a_content_that_is_not_what_the_hub_states_is_not_recorded() {
    let mut trial = Trial::new(&[("f", "hub:a/b@main:f")]);
    let hub = LoopbackHub::start([Reply::file(b"wrong").with("X-Linked-Etag", CHECKSUM)]);
    let error = error_chain(&trial.install(hub.settings()).unwrap_err());
    assert!(error.contains("states"), "{error}");
    for name in ["f", LOCK_FILE, MANIFEST_FILE] {
        assert!(!trial.installed(name).exists(), "{name}");
    }
}

#[test]
fn an_interrupted_first_installation_goes_on_at_the_same_commit() {
    let mut trial = Trial::new(&[("f", "hub:a/b@main:f"), ("g", "hub:a/b@main:g")]);
    let hub = LoopbackHub::start([right(), Reply::status(404), right()]);
    trial.install(hub.settings()).unwrap_err();
    assert!(trial.installed(LOCK_FILE).exists());
    assert!(!trial.installed(MANIFEST_FILE).exists());
    trial.install(hub.settings()).unwrap();
    let paths: Vec<_> = hub.requests().into_iter().map(|r| r.path).collect();
    let at_commit = format!("/a/b/resolve/{COMMIT}/g");
    assert_eq!(paths, ["/a/b/resolve/main/f", &at_commit, &at_commit]);
}

#[test]
fn a_file_that_is_there_but_not_recorded_is_fetched_and_never_loaded() {
    let mut trial = Trial::new(&[("f", "hub:a/b@main:f")]);
    fs::create_dir(trial.installed("")).unwrap();
    fs::write(trial.installed("f"), "whatever").unwrap();
    let source = trial.folder.path().join("source").join(MANIFEST_FILE);
    let manifest = Manifest::read(&source).unwrap();
    let error = verified_path(&manifest, &trial.installed(""), "f").unwrap_err();
    assert!(error.to_string().contains("not recorded"), "{error}");
    trial
        .install(LoopbackHub::start([right()]).settings())
        .unwrap();
    assert_eq!(fs::read(trial.installed("f")).unwrap(), b"right");
}

#[test]
fn a_url_without_checksum_is_recorded_too_and_its_old_part_is_not_continued() {
    let hub = LoopbackHub::start([Reply::file(b"right")]);
    let mut trial = Trial::new(&[("f", &format!("{}/f", hub.url))]);
    fs::create_dir(trial.installed("")).unwrap();
    fs::write(trial.installed("f.part"), "wr").unwrap();
    trial.install(hub.settings()).unwrap();
    assert_eq!(fs::read(trial.installed("f")).unwrap(), b"right");
    assert!(trial.lines.0[0].contains(CHECKSUM), "{:?}", trial.lines.0);
}

#[test]
fn only_downloads_can_do_without_size_and_checksum() {
    let parse = |lines: &str| {
        let head = "name = \"x\"\nversion = \"1\"\nfamily = \"runtime\"\nabout = \"x\"\n";
        let text = format!("{head}[[files]]\npath = \"f\"\nlicence = \"MIT\"\n{lines}\n");
        Manifest::parse(Path::new("x"), &text)
    };
    parse("origins = [\"hub:a/b@main:f\", \"https://c/f\"]").unwrap();
    for (lines, problem) in [
        ("origins = [\"file:f\"]", "only downloads"),
        (
            "origins = [\"https://c/f\", \"package:a==1:f\"]",
            "only downloads",
        ),
        ("size = 1\norigins = [\"hub:a/b@main:f\"]", "both"),
    ] {
        let error = parse(lines).unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
    }
}
