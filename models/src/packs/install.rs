//! Installation of a pack into the cache folder: fetch the parts, build, check, and only then make it visible.
//!
//! An installation can be interrupted at any moment and repeated: correct files are kept. The manifest is written last, so
//! a pack with a manifest in the cache folder is complete. The lock with the checksums that the manifest
//! does not know comes before it, file by file: what is fetched and not yet recorded is fetched again. The previous version moves
//! to a folder of its id.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    FileEntry, Manifest, ModelError, PackSource,
    packs::{
        cache_folder,
        file_integrity::{check_file, sha256},
        file_operations::{copy, create_folder},
        file_origin::{FetchContext, Origin},
        hub::{hub_download::StatedFacts, hub_settings::HubSettings},
        install_observer::InstallObserver,
        installation_lock::InstallationLock,
        installed_packs::installed,
        manifest::MANIFEST_FILE,
        pack_lock::{LOCK_FILE, LockedFile, PackLock},
        pip::Pip,
        previous_version,
        python_build::PythonBuild,
    },
};

/// A completed installation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installation {
    /// Name and version of the pack.
    pub id: String,
    /// Its folder.
    pub folder: PathBuf,
    /// True if a file had to be fetched or built.
    pub fresh: bool,
}

/// Installs a pack; the packs that it requires must be installed before ([`pack_sources`](crate::pack_sources) returns both).
/// Only one installation at a time changes the cache folder: another one waits.
///
/// # Errors
/// If no origin delivers a file, the build fails, or a file differs from the manifest. Fetched files stay for the next
/// attempt.
pub fn install_pack(
    source: &PackSource,
    observer: &mut dyn InstallObserver,
) -> Result<Installation, ModelError> {
    let cache = cache_folder::folder()?;
    let _lock = InstallationLock::take(&cache, observer)?;
    let manifest = source.manifest.clone();
    let staged = source.stage(&cache)?;
    let installer = Installer {
        folder: cache_folder::packs(&cache).join(&manifest.name),
        parts: cache_folder::parts(&cache, &manifest.name),
        environment: cache.join("build").join(&manifest.name),
        pip: Pip::new(cache.join("build/pip")),
        hub: HubSettings::from_environment(),
        source: &staged.folder,
        lock: PackLock::default(),
        manifest,
        observer,
    };
    installer.install()
}

/// Compares every file of an installed pack with its manifest; the first difference is the error.
///
/// # Errors
/// If the pack is not installed, or a file is missing or wrong.
pub fn verify_pack(name: &str, observer: &mut dyn InstallObserver) -> Result<Manifest, ModelError> {
    let (manifest, folder) = installed(name)?;
    for entry in &manifest.files {
        check_present(name, entry, &folder.join(&entry.path), observer)?;
    }
    Ok(manifest)
}

/// An installation in progress.
pub(super) struct Installer<'o> {
    pub(super) manifest: Manifest,
    pub(super) source: &'o Path,
    pub(super) pip: Pip,
    pub(super) hub: HubSettings,
    pub(super) folder: PathBuf,
    pub(super) parts: PathBuf,
    pub(super) environment: PathBuf,
    /// The lock of the installed pack, read when the installation begins.
    pub(super) lock: PackLock,
    pub(super) observer: &'o mut dyn InstallObserver,
}

impl Installer<'_> {
    pub(super) fn install(mut self) -> Result<Installation, ModelError> {
        previous_version::move_aside(&self.folder, &self.manifest)?;
        create_folder(&self.folder)?;
        self.lock = PackLock::read(&self.folder)?;
        self.lock.fill(&mut self.manifest.files);
        let (built, fetched): (Vec<_>, Vec<_>) = self
            .manifest
            .files
            .clone()
            .into_iter()
            .partition(FileEntry::built);
        let mut fresh = false;
        for entry in &fetched {
            fresh |= self.ensure(entry, &self.folder.clone())?;
        }
        if !built.iter().all(|entry| self.is_correct(entry)) {
            self.build(&built)?;
            fresh = true;
        }
        let card = self
            .manifest
            .card
            .as_deref()
            .filter(|card| self.source.join(card).is_file());
        for file in card.into_iter().chain([MANIFEST_FILE]) {
            copy(&self.source.join(file), &self.folder.join(file))?;
        }
        Ok(Installation {
            id: self.manifest.id(),
            folder: self.folder,
            fresh,
        })
    }

    /// Ensures that a correct file is in `folder`; returns true if it had to be fetched.
    fn ensure(&mut self, entry: &FileEntry, folder: &Path) -> Result<bool, ModelError> {
        let target = folder.join(&entry.path);
        if entry.known() && target.is_file() && check(entry, &target, self.observer).is_ok() {
            return Ok(false);
        }
        create_folder(target.parent().unwrap_or(folder))?;
        let mut attempts = Vec::new();
        for origin in &entry.origins {
            self.observer
                .begin(&format!("fetch {}", entry.path), entry.size.unwrap_or(0));
            match self.fetch(entry, origin, &target) {
                Ok(()) => {
                    self.observer.end("fetched");
                    return Ok(true);
                }
                Err(error) => {
                    self.observer.end("failed");
                    // A complete file with another checksum must not pass for the beginning of the right one.
                    let _ = fs::remove_file(&target);
                    attempts.push((origin.clone(), error));
                }
            }
        }
        Err(ModelError::Fetch {
            pack: self.manifest.name.clone(),
            path: entry.path.clone(),
            attempts,
        })
    }

    /// Fetches a file from one origin and checks it, or records it if nothing is known about it.
    fn fetch(&mut self, entry: &FileEntry, origin: &str, target: &Path) -> Result<(), ModelError> {
        let context = FetchContext {
            source: self.source,
            pip: &self.pip,
            hub: &self.hub,
            commit: self.lock.commit(entry, origin),
            known: entry.known(),
        };
        let observer = &mut *self.observer;
        let mut progress = |bytes| observer.advance(bytes);
        let stated = Origin::parse(origin)?.fetch(target, &context, &mut progress)?;
        if !entry.known() {
            return self.record(entry, origin, target, stated);
        }
        let checked = check_file(entry, target, &mut |_| {});
        checked.map_err(|error| match error {
            ModelError::WrongFile {
                property,
                expected,
                found,
                ..
            } if entry.locked => ModelError::ChangedFile {
                lock: self.folder.join(LOCK_FILE),
                property,
                expected,
                found,
            },
            error => error,
        })
    }

    /// Compares a file that is fetched for the first time with what its origin states, records it in the lock and says so.
    fn record(
        &mut self,
        entry: &FileEntry,
        origin: &str,
        target: &Path,
        stated: StatedFacts,
    ) -> Result<(), ModelError> {
        let unreadable = |source| ModelError::Io {
            action: "read",
            path: target.to_owned(),
            source,
        };
        let size = target.metadata().map_err(unreadable)?.len();
        let found = sha256(target, &mut |_| {}).map_err(unreadable)?;
        stated.check(origin, &found)?;
        let told = format!(
            "{}/{}: first fetched, sha256 {found} is recorded in {LOCK_FILE}",
            self.manifest.name, entry.path
        );
        let file = LockedFile {
            path: entry.path.clone(),
            origin: origin.to_owned(),
            size,
            sha256: found,
            commit: stated.commit,
        };
        self.lock.record(file, &self.folder)?;
        self.observer.output(&told);
        Ok(())
    }

    fn is_correct(&mut self, entry: &FileEntry) -> bool {
        let path = self.folder.join(&entry.path);
        path.is_file() && check(entry, &path, self.observer).is_ok()
    }

    /// Builds the files that the build script makes.
    fn build(&mut self, files: &[FileEntry]) -> Result<(), ModelError> {
        let Some(build) = self.manifest.build.clone() else {
            return Err(ModelError::NoBuildScript {
                pack: self.manifest.name.clone(),
            });
        };
        // A pack that is being rebuilt is not complete.
        let _ = fs::remove_file(self.folder.join(MANIFEST_FILE));
        create_folder(&self.parts)?;
        for entry in self.manifest.parts.clone() {
            self.ensure(&entry, &self.parts.clone())?;
        }
        let build = PythonBuild {
            pack: &self.manifest.name,
            build: &build,
            source: self.source,
            environment: &self.environment,
        };
        let python = match build.ready_python() {
            Some(python) => python,
            None => {
                self.observer
                    .begin("prepare the build's Python environment", 0);
                let python = build.create_environment(self.observer)?;
                self.observer.end("ready");
                python
            }
        };
        self.observer.begin("build", 0);
        build.run_script(&python, &self.parts, &self.folder, self.observer)?;
        self.observer.end("built");
        for entry in files {
            let path = self.folder.join(&entry.path);
            check_present(&self.manifest.name, entry, &path, self.observer)?;
        }
        Ok(())
    }
}

/// Checks a file that must be present.
fn check_present(
    pack: &str,
    entry: &FileEntry,
    path: &Path,
    observer: &mut dyn InstallObserver,
) -> Result<(), ModelError> {
    if !path.is_file() {
        return Err(ModelError::MissingFile {
            pack: pack.to_owned(),
            path: path.to_owned(),
        });
    }
    check(entry, path, observer)
}

fn check(
    entry: &FileEntry,
    path: &Path,
    observer: &mut dyn InstallObserver,
) -> Result<(), ModelError> {
    observer.begin(&format!("check {}", entry.path), entry.size.unwrap_or(0));
    let outcome = check_file(entry, path, &mut |bytes| observer.advance(bytes));
    observer.end(if outcome.is_ok() { "correct" } else { "wrong" });
    outcome
}
