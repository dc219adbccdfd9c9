//! Brings a pack into the cache folder: fetch the parts, build, check, and only then make it visible.
//!
//! Can be cut off at any moment and started again: what is there and right is kept. The manifest is written last, so a
//! pack with a manifest in the cache folder is whole. An older version is kept in a folder of its id.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::{
    cache,
    error::ModelError,
    fake,
    manifest::{Build, Family, FileEntry, Manifest},
    older,
    origin::{self, Origin},
    pack::{self, Pack},
    threads::Threads,
};

/// Is told what an installation does.
pub trait Watcher {
    /// A step of so many bytes begins; 0 if the amount is not known.
    fn begin(&mut self, step: &str, bytes: u64);
    /// So many bytes more of it are done.
    fn advance(&mut self, bytes: u64);
    /// The step is done.
    fn end(&mut self, outcome: &str);
}

/// What an installation came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Name and version of the pack.
    pub id: String,
    /// Where it lies.
    pub folder: PathBuf,
    /// Whether anything had to be fetched or built.
    pub fresh: bool,
}

/// Installs a pack by name or by the folder that holds its `pack.toml`.
///
/// # Errors
/// If the manifest cannot be found or read, no origin gives a file, the build fails, or what came is not what the
/// manifest says. What had come stays for the next try.
pub fn install(name: &str, watcher: &mut dyn Watcher) -> Result<Installation, ModelError> {
    let cache = cache::folder()?;
    let beside = source_folder(name)?;
    let manifest = Manifest::read(&beside.join("pack.toml"))?;
    let site = Site {
        folder: cache::packs(&cache).join(&manifest.name),
        parts: cache::parts(&cache, &manifest.name),
        environment: cache.join("build").join(&manifest.name),
        beside,
        manifest,
    };
    site.install(watcher)
}

/// The folder with the manifest: the one given, `models/packs/NAME` here, or the same beside the program's own tree.
fn source_folder(name: &str) -> Result<PathBuf, ModelError> {
    // Only what looks like a path is one: a folder that happens to have a pack's name must not decide what is built.
    if name.contains('/') {
        let folder = PathBuf::from(name);
        let looked = vec![folder.clone()];
        return match folder.join("pack.toml").is_file() {
            true => Ok(folder),
            false => Err(ModelError::NoManifest {
                name: name.to_owned(),
                looked,
            }),
        };
    }
    let mut looked = vec![Path::new("models/packs").join(name)];
    if let Ok(program) = std::env::current_exe() {
        looked.extend(
            program
                .ancestors()
                .skip(1)
                .take(4)
                .map(|folder| folder.join("models/packs").join(name)),
        );
    }
    if name == fake::NAME {
        looked.clear();
    }
    looked
        .iter()
        .find(|folder| folder.join("pack.toml").is_file())
        .cloned()
        .ok_or(ModelError::NoManifest {
            name: name.to_owned(),
            looked,
        })
}

/// One installation: the manifest and the folders it works in.
struct Site {
    manifest: Manifest,
    beside: PathBuf,
    folder: PathBuf,
    parts: PathBuf,
    environment: PathBuf,
}

impl Site {
    fn install(&self, watcher: &mut dyn Watcher) -> Result<Installation, ModelError> {
        older::keep(&self.folder, &self.manifest)?;
        make(&self.folder)?;
        let mut fresh = false;
        for entry in self.manifest.files.iter().filter(|entry| !built(entry)) {
            fresh |= self.bring(entry, &self.folder, watcher)?;
        }
        if !self.built_files_fit(watcher) {
            self.build(watcher)?;
            fresh = true;
        }
        let card = self
            .manifest
            .card
            .as_deref()
            .filter(|card| self.beside.join(card).is_file());
        for file in card.into_iter().chain(["pack.toml"]) {
            copy(&self.beside.join(file), &self.folder.join(file))?;
        }
        self.measure(watcher)?;
        Ok(Installation {
            id: self.manifest.id(),
            folder: self.folder.clone(),
            fresh,
        })
    }

    /// Measures how many threads the modules run best on, unless that was done on this machine. A pack that cannot run yet, as
    /// without the runtime, is not measured.
    fn measure(&self, watcher: &mut dyn Watcher) -> Result<(), ModelError> {
        let kept = Threads::kept(&self.folder, &self.manifest.id());
        if self.manifest.family != Family::Composed || kept.is_some() {
            return Ok(());
        }
        watcher.begin("measure how many threads are best", 0);
        let measured = Pack::open(&self.manifest.name).and_then(|pack| Threads::measure(&pack));
        let threads = match measured {
            Ok(threads) => threads,
            Err(error) => {
                watcher.end(&format!("not now, the usual numbers are taken: {error}"));
                return Ok(());
            }
        };
        threads.keep(&self.folder, &self.manifest.id())?;
        watcher.end(&format!(
            "decoder {}, vision encoder {} beside it and {} alone",
            threads.decoder, threads.vision_beside, threads.vision
        ));
        Ok(())
    }

    /// Makes sure that a file is in `folder`; whether it had to be fetched.
    fn bring(
        &self,
        entry: &FileEntry,
        folder: &Path,
        watcher: &mut dyn Watcher,
    ) -> Result<bool, ModelError> {
        let target = folder.join(&entry.path);
        if target.is_file() && check(entry, &target, watcher).is_ok() {
            return Ok(false);
        }
        make(target.parent().unwrap_or(folder))?;
        let mut reasons = Vec::new();
        for text in &entry.origins {
            watcher.begin(&format!("fetch {}", entry.path), entry.size);
            let fetched = Origin::parse(text)
                .and_then(|origin| {
                    origin::fetch(&origin, &target, &self.beside, &mut |bytes| {
                        watcher.advance(bytes)
                    })
                })
                .and_then(|()| {
                    pack::matches(entry, &target, &mut |_| {}).map_err(|e| e.to_string())
                });
            match fetched {
                Ok(()) => {
                    watcher.end("fetched");
                    return Ok(true);
                }
                Err(reason) => {
                    watcher.end("failed");
                    // A whole file with another checksum must not be taken for the beginning of the right one.
                    let _ = fs::remove_file(&target);
                    reasons.push(format!("{text}: {reason}"));
                }
            }
        }
        let (pack, path) = (self.manifest.name.clone(), entry.path.clone());
        Err(ModelError::Fetch {
            pack,
            path,
            reasons: reasons.join("; "),
        })
    }

    fn built_files_fit(&self, watcher: &mut dyn Watcher) -> bool {
        let mut entries = self.manifest.files.iter().filter(|entry| built(entry));
        entries.all(|entry| {
            let path = self.folder.join(&entry.path);
            path.is_file() && check(entry, &path, watcher).is_ok()
        })
    }

    fn build(&self, watcher: &mut dyn Watcher) -> Result<(), ModelError> {
        let Some(build) = &self.manifest.build else {
            return Err(self.failed(
                "looking for its script",
                "files are to be built, but there is no [build]",
            ));
        };
        // A pack that is being rebuilt is not whole.
        let _ = fs::remove_file(self.folder.join("pack.toml"));
        make(&self.parts)?;
        for entry in &self.manifest.parts {
            self.bring(entry, &self.parts, watcher)?;
        }
        let python = self.environment(build, watcher)?;
        watcher.begin("build", 0);
        let mut script = Command::new(&python);
        script
            .arg(self.beside.join(&build.script))
            .arg("--parts")
            .arg(&self.parts)
            .arg("--out")
            .arg(&self.folder);
        self.run(script, "running its build script")?;
        watcher.end("built");
        for entry in self.manifest.files.iter().filter(|entry| built(entry)) {
            let path = self.folder.join(&entry.path);
            if !path.is_file() {
                return Err(ModelError::MissingFile {
                    pack: self.manifest.name.clone(),
                    path,
                });
            }
            check(entry, &path, watcher)?;
        }
        Ok(())
    }

    /// A virtual environment with the script's requirements; gives its Python.
    fn environment(&self, build: &Build, watcher: &mut dyn Watcher) -> Result<PathBuf, ModelError> {
        let (python, wanted) = (
            self.environment.join("bin/python"),
            self.beside.join(&build.requirements),
        );
        let installed = self.environment.join("requirements.txt");
        let same = fs::read(&installed)
            .ok()
            .is_some_and(|have| fs::read(&wanted).ok() == Some(have));
        if same && python.is_file() {
            return Ok(python);
        }
        watcher.begin("prepare the build's Python environment", 0);
        let mut venv = Command::new("python3");
        venv.args(["-m", "venv", "--clear"]).arg(&self.environment);
        self.run(
            venv,
            "making a virtual environment (python3-venv must be installed)",
        )?;
        let mut pip = Command::new(&python);
        pip.args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "-r",
        ])
        .arg(&wanted);
        self.run(pip, "installing its requirements")?;
        copy(&wanted, &installed)?;
        watcher.end("ready");
        Ok(python)
    }

    /// Runs a command; what it prints goes to our stderr.
    fn run(&self, mut command: Command, step: &str) -> Result<(), ModelError> {
        let status = command
            .stdin(Stdio::null())
            .stdout(std::io::stderr())
            .status()
            .map_err(|e| self.failed(step, &e.to_string()))?;
        if status.success() {
            Ok(())
        } else {
            Err(self.failed(step, &status.to_string()))
        }
    }

    fn failed(&self, step: &str, reason: &str) -> ModelError {
        ModelError::Build {
            pack: self.manifest.name.clone(),
            step: step.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

fn built(entry: &FileEntry) -> bool {
    entry.origins.iter().any(|origin| origin == "build")
}

fn check(entry: &FileEntry, path: &Path, watcher: &mut dyn Watcher) -> Result<(), ModelError> {
    watcher.begin(&format!("check {}", entry.path), entry.size);
    let outcome = pack::matches(entry, path, &mut |bytes| watcher.advance(bytes));
    watcher.end(if outcome.is_ok() { "right" } else { "wrong" });
    outcome
}

pub(crate) fn make(folder: &Path) -> Result<(), ModelError> {
    let io = |source| ModelError::Io {
        action: "make",
        path: folder.to_owned(),
        source,
    };
    fs::create_dir_all(folder).map_err(io)
}

pub(crate) fn copy(from: &Path, to: &Path) -> Result<(), ModelError> {
    let io = |source| ModelError::Io {
        action: "copy",
        path: from.to_owned(),
        source,
    };
    fs::copy(from, to).map(drop).map_err(io)
}

/// The packs in the cache folder, whole ones, by id.
pub fn list() -> Result<Vec<(Manifest, PathBuf)>, ModelError> {
    let folder = cache::packs(&cache::folder()?);
    let mut found = Vec::new();
    for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
        if entry.path().join("pack.toml").is_file() {
            found.push((
                Manifest::read(&entry.path().join("pack.toml"))?,
                entry.path(),
            ));
        }
    }
    found.sort_by_key(|(manifest, _)| manifest.id());
    Ok(found)
}

/// Compares every file of an installed pack with its manifest; the first difference is the error.
pub fn verify(name: &str, watcher: &mut dyn Watcher) -> Result<Manifest, ModelError> {
    let (manifest, folder) = pack::installed(name)?;
    for entry in &manifest.files {
        let path = folder.join(&entry.path);
        if !path.is_file() {
            return Err(ModelError::MissingFile {
                pack: name.to_owned(),
                path,
            });
        }
        check(entry, &path, watcher)?;
    }
    Ok(manifest)
}
