//! The lock of the cache folder: only one installation at a time changes it.
//!
//! Installations share folders, such as that of extracted sources, and a file of the same pack is written by one of them only.
//! The lock ends with its process, so an interrupted installation does not leave it.

use std::{
    fs::{File, TryLockError},
    io,
    path::Path,
};

use crate::{
    ModelError,
    packs::{file_operations::create_folder, install_observer::InstallObserver},
};

/// The file in the cache folder that is locked. It is empty, and stays.
const LOCK_FILE: &str = "install.lock";

/// The right to change the cache folder, until it is dropped.
#[derive(Debug)]
pub(super) struct InstallationLock {
    _file: File,
}

impl InstallationLock {
    /// Takes the lock of a cache folder, which is made if need be. Waits as long as another installation has it, and tells the
    /// observer.
    ///
    /// # Errors
    /// If the file cannot be made or locked.
    pub(super) fn take(
        cache: &Path,
        observer: &mut dyn InstallObserver,
    ) -> Result<Self, ModelError> {
        create_folder(cache)?;
        let path = cache.join(LOCK_FILE);
        let locked = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|file| lock(&file, observer).map(|()| file));
        match locked {
            Ok(file) => Ok(Self { _file: file }),
            Err(source) => Err(ModelError::Io {
                action: "lock",
                path,
                source,
            }),
        }
    }
}

fn lock(file: &File, observer: &mut dyn InstallObserver) -> io::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
        Err(TryLockError::WouldBlock) => {
            observer.begin("wait for another installation", 0);
            let locked = file.lock();
            let outcome = match locked {
                Ok(()) => "it has ended",
                Err(_) => "failed",
            };
            observer.end(outcome);
            locked
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An observer that lets the other installation end as soon as it is waited for.
    #[derive(Default)]
    struct OtherInstallation {
        lock: Option<InstallationLock>,
        steps: Vec<String>,
    }

    impl InstallObserver for OtherInstallation {
        fn begin(&mut self, step: &str, _bytes: u64) {
            self.steps.push(step.to_owned());
            self.lock = None;
        }

        fn advance(&mut self, _bytes: u64) {}

        fn end(&mut self, outcome: &str) {
            self.steps.push(outcome.to_owned());
        }
    }

    #[test]
    fn an_installation_waits_for_another_one_and_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("cache");
        let mut other = OtherInstallation::default();
        let lock = InstallationLock::take(&cache, &mut other).unwrap();
        assert!(other.steps.is_empty());
        other.lock = Some(lock);
        InstallationLock::take(&cache, &mut other).unwrap();
        assert_eq!(
            other.steps,
            ["wait for another installation", "it has ended"]
        );
    }
}
