//! The lock of an installed pack, `pack.lock`: size and checksum of each file for which the manifest states none.
//!
//! A file is recorded when it is first fetched and held from then on: later installations and every load refuse another one. The
//! lock is written before the manifest. A record counts only for the origin from which the file came, so a manifest with another
//! revision begins anew.

use std::{fs, io, path::Path};

use serde::{Deserialize, Serialize};

use crate::{
    FileEntry, Manifest, ModelError,
    packs::{hub::hub_address::HubAddress, manifest::MANIFEST_FILE},
};

/// The name of a lock in its pack's folder.
pub(super) const LOCK_FILE: &str = "pack.lock";

const HEADER: &str = "\
# Files as they were first fetched; other files are refused. Without this lock, the next installation fetches them anew.

";

/// The content of a `pack.lock`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PackLock {
    #[serde(default)]
    files: Vec<LockedFile>,
}

/// A file as it was first fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LockedFile {
    /// Its path inside the pack.
    pub(super) path: String,
    /// The origin that delivered it.
    pub(super) origin: String,
    /// Size in bytes.
    pub(super) size: u64,
    /// Checksum, 64 hexadecimal digits.
    pub(super) sha256: String,
    /// The commit that holds the file, if the origin stated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) commit: Option<String>,
}

/// Reads the manifest of an installed pack. Its entries have the sizes and checksums of the lock where it states none itself.
///
/// # Errors
/// If the manifest or the lock cannot be read.
pub(super) fn read_installed(folder: &Path) -> Result<Manifest, ModelError> {
    let mut manifest = Manifest::read(&folder.join(MANIFEST_FILE))?;
    PackLock::read(folder)?.fill(&mut manifest.files);
    Ok(manifest)
}

impl PackLock {
    /// Reads the lock in a pack's folder. No lock is an empty one.
    pub(super) fn read(folder: &Path) -> Result<Self, ModelError> {
        let path = folder.join(LOCK_FILE);
        match fs::read_to_string(&path) {
            Ok(text) => toml::from_str(&text).map_err(|source| ModelError::Lock {
                path,
                source: Box::new(source),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(ModelError::Io {
                action: "read",
                path,
                source,
            }),
        }
    }

    /// Gives the recorded sizes and checksums to entries that state none.
    pub(super) fn fill(&self, entries: &mut [FileEntry]) {
        for entry in entries.iter_mut().filter(|entry| !entry.known()) {
            if let Some(file) = self.file(entry) {
                entry.size = Some(file.size);
                entry.sha256 = Some(file.sha256.clone());
                entry.locked = true;
            }
        }
    }

    /// Returns the record of an entry.
    fn file(&self, entry: &FileEntry) -> Option<&LockedFile> {
        let same =
            |file: &&LockedFile| file.path == entry.path && entry.origins.contains(&file.origin);
        self.files.iter().find(same)
    }

    /// Returns the commit at which the file of an origin is to be fetched: that of the recorded file, else that of another file
    /// of the same revision. So the files of a branch belong together even if it moves on in between.
    pub(super) fn commit(&self, entry: &FileEntry, origin: &str) -> Option<&str> {
        let wanted = HubAddress::parse(origin)?;
        let same_revision = |file: &&LockedFile| {
            HubAddress::parse(&file.origin).is_some_and(|address| {
                (&address.repository, &address.revision) == (&wanted.repository, &wanted.revision)
            })
        };
        let own = self.file(entry).filter(|file| file.origin == origin);
        let of_others = self.files.iter().filter(same_revision);
        let mut found = own.into_iter().chain(of_others);
        found.find_map(|file| file.commit.as_deref())
    }

    /// Records a file and writes the lock to the pack's folder. The file there is replaced as a whole.
    pub(super) fn record(&mut self, file: LockedFile, folder: &Path) -> Result<(), ModelError> {
        self.files.retain(|other| other.path != file.path);
        self.files.push(file);
        let text = toml::to_string(self).expect("a lock is a table of texts and numbers");
        let path = folder.join(LOCK_FILE);
        let partial = path.with_added_extension("new");
        let written = fs::write(&partial, HEADER.to_owned() + &text);
        let written = written.and_then(|()| fs::rename(&partial, &path));
        written.map_err(|source| ModelError::Io {
            action: "write",
            path,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, revision: &str) -> FileEntry {
        FileEntry {
            path: path.to_owned(),
            size: None,
            sha256: None,
            origins: vec![format!("hub:a/b@{revision}:{path}")],
            licence: "MIT".to_owned(),
            platform: None,
            locked: false,
        }
    }

    fn lock(folder: &Path) -> PackLock {
        let mut lock = PackLock::default();
        let file = LockedFile {
            path: "f".to_owned(),
            origin: "hub:a/b@main:f".to_owned(),
            size: 3,
            sha256: "0".repeat(64),
            commit: Some("c".repeat(40)),
        };
        lock.record(file, folder).unwrap();
        lock
    }

    #[test]
    fn a_lock_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(PackLock::read(folder.path()).unwrap(), PackLock::default());
        let lock = lock(folder.path());
        assert_eq!(PackLock::read(folder.path()).unwrap(), lock);
        fs::write(folder.path().join(LOCK_FILE), "files = 1").unwrap();
        let error = PackLock::read(folder.path()).unwrap_err().to_string();
        assert!(error.contains(LOCK_FILE), "{error}");
    }

    #[test]
    fn a_record_counts_for_its_origin_only() {
        let folder = tempfile::tempdir().unwrap();
        let mut entries = [entry("f", "main"), entry("f", "v2"), entry("g", "main")];
        lock(folder.path()).fill(&mut entries);
        let sizes = entries.map(|entry| (entry.size, entry.locked));
        assert_eq!(sizes, [(Some(3), true), (None, false), (None, false)]);
    }

    #[test]
    fn files_of_the_same_revision_are_fetched_at_the_same_commit() {
        let folder = tempfile::tempdir().unwrap();
        let lock = lock(folder.path());
        let commit = "c".repeat(40);
        let of = |entry: FileEntry| lock.commit(&entry, &entry.origins[0]).map(str::to_owned);
        assert_eq!(of(entry("f", "main")), Some(commit.clone()));
        assert_eq!(of(entry("g", "main")), Some(commit));
        assert_eq!(of(entry("g", "v2")), None);
    }
}
