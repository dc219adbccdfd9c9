//! Lookup of a pack's source: the folder or the embedded files with its manifest, build script and data.
//!
//! A clone, an unpacked tarball and a Debian package hold the source in a folder; a program that stands alone carries it
//! inside itself. A pack comes after the packs that it requires.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    Manifest, ModelError, fake,
    packs::{cache_folder, file_operations::create_folder, manifest::MANIFEST_FILE},
};

/// A file of a pack's source that is embedded in the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedFile {
    /// The pack's name and the path in its source folder, such as `mini/pack.toml`.
    pub path: &'static str,
    /// The content.
    pub content: &'static [u8],
}

/// The source from which a pack can be installed.
#[derive(Debug)]
pub struct PackSource {
    /// The pack's manifest.
    pub(super) manifest: Manifest,
    location: SourceLocation,
}

/// The place of a source's files.
#[derive(Clone, Debug, PartialEq, Eq)]
enum SourceLocation {
    Folder(PathBuf),
    /// In the program; paths begin with the pack's name.
    Embedded(Vec<EmbeddedFile>),
}

/// A source whose files are in a folder.
#[derive(Debug)]
pub(super) struct StagedSource {
    /// The folder.
    pub(super) folder: PathBuf,
    /// True if the folder is removed at the end.
    extracted: bool,
}

impl Drop for StagedSource {
    fn drop(&mut self) {
        if self.extracted {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Returns the sources of packs in the order of their installation: each after the packs that it requires, and each once.
///
/// A name with a slash is the folder that holds the `pack.toml`. Any other name is looked up in
/// `../share/atom/packs` from the program's folder, in `models/packs` of the clone in whose `target` the program is, and
/// among the embedded files. No other folder decides: an installation runs the pack's build script.
///
/// # Errors
/// If a pack is not found, its manifest cannot be read, or packs require each other.
pub fn pack_sources(
    names: &[String],
    embedded: &[EmbeddedFile],
) -> Result<Vec<PackSource>, ModelError> {
    let program = std::env::current_exe().unwrap_or_default();
    let mut lookup = Lookup {
        program: &program,
        embedded,
        found: Vec::new(),
    };
    for name in names {
        let source = lookup.find(name)?;
        let listed = |other: &PackSource| other.location == source.location;
        if !lookup.found.iter().any(listed) {
            lookup.add(source, &mut Vec::new())?;
        }
    }
    Ok(lookup.found)
}

impl PackSource {
    /// Returns the source in a folder. Embedded files are extracted into the cache folder, and removed when the result is
    /// dropped.
    pub(super) fn stage(&self, cache: &Path) -> Result<StagedSource, ModelError> {
        let files = match &self.location {
            SourceLocation::Folder(folder) => {
                return Ok(StagedSource {
                    folder: folder.clone(),
                    extracted: false,
                });
            }
            SourceLocation::Embedded(files) => files,
        };
        let sources = cache_folder::extracted_sources(cache);
        let staged = StagedSource {
            folder: sources.join(&self.manifest.name),
            extracted: true,
        };
        // An interrupted installation leaves its files.
        let _ = fs::remove_dir_all(&staged.folder);
        for file in files {
            write_file(&sources.join(file.path), file.content)?;
        }
        Ok(staged)
    }
}

fn write_file(path: &Path, content: &[u8]) -> Result<(), ModelError> {
    create_folder(path.parent().unwrap_or(path))?;
    fs::write(path, content).map_err(|source| ModelError::Io {
        action: "write",
        path: path.to_owned(),
        source,
    })
}

/// The lookup of several packs.
struct Lookup<'l> {
    program: &'l Path,
    embedded: &'l [EmbeddedFile],
    found: Vec<PackSource>,
}

impl Lookup<'_> {
    /// Adds a source after those that it requires. `above` holds the names of the packs that require it.
    fn add(&mut self, source: PackSource, above: &mut Vec<String>) -> Result<(), ModelError> {
        let name = source.manifest.name.clone();
        if above.contains(&name) {
            above.push(name.clone());
            return Err(ModelError::ManifestContent {
                problem: format!("it requires itself: {}", above.join(" requires ")),
                pack: name,
            });
        }
        above.push(name);
        for required in source.manifest.requires.clone() {
            if self.found.iter().all(|pack| pack.manifest.name != required) {
                let required = self.find(&required)?;
                self.add(required, above)?;
            }
        }
        above.pop();
        self.found.push(source);
        Ok(())
    }

    /// Finds the source of a pack.
    fn find(&self, name: &str) -> Result<PackSource, ModelError> {
        if name == fake::NAME {
            return Err(ModelError::BuiltInPack(name.to_owned()));
        }
        let folders = self.folders(name);
        if let Some(folder) = folders.iter().find(|f| f.join(MANIFEST_FILE).is_file()) {
            return Ok(PackSource {
                manifest: Manifest::read(&folder.join(MANIFEST_FILE))?,
                location: SourceLocation::Folder(folder.clone()),
            });
        }
        self.find_embedded(name)?
            .ok_or_else(|| ModelError::NoManifest {
                name: name.to_owned(),
                searched: folders,
                embedded: self.embedded_names(),
            })
    }

    /// Returns the folders in which the pack's source may be, in the order in which they are searched.
    fn folders(&self, name: &str) -> Vec<PathBuf> {
        // Only a name with a slash is a path: a folder that happens to have a pack's name must not decide what is built.
        if name.contains('/') {
            return vec![PathBuf::from(name)];
        }
        let shared = self.program.ancestors().nth(2);
        let shared = shared.map(|prefix| prefix.join("share/atom/packs"));
        // A program that cargo built is below `target` of its clone. Folders above another program may be anybody's.
        let above = self.program.ancestors().skip(1).take(4);
        let clones = above.filter(|base| self.program.starts_with(base.join("target")));
        let clones = clones.map(|base| base.join("models/packs"));
        shared
            .into_iter()
            .chain(clones)
            .map(|packs| packs.join(name))
            .collect()
    }

    fn find_embedded(&self, name: &str) -> Result<Option<PackSource>, ModelError> {
        let prefix = format!("{name}/");
        let own = |file: &&EmbeddedFile| file.path.starts_with(&prefix);
        let files: Vec<_> = self.embedded.iter().filter(own).copied().collect();
        let manifest_path = prefix.clone() + MANIFEST_FILE;
        let Some(manifest) = files.iter().find(|file| file.path == manifest_path) else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(manifest.content);
        Ok(Some(PackSource {
            manifest: Manifest::parse(Path::new(&manifest_path), &text)?,
            location: SourceLocation::Embedded(files),
        }))
    }

    fn embedded_names(&self) -> Vec<String> {
        let paths = self.embedded.iter().map(|file| file.path.split_once('/'));
        paths
            .flatten()
            .filter(|(_, file)| *file == MANIFEST_FILE)
            .map(|(name, _)| name.to_owned())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [EmbeddedFile; 3] = [
        EmbeddedFile {
            path: "small/pack.toml",
            content: b"name = \"small\"\nversion = \"1\"\nfamily = \"runtime\"\nabout = \"x\"\nrequires = [\"base\"]\n\
                [[files]]\npath = \"f\"\nsize = 1\nlicence = \"MIT\"\norigins = [\"file:data/f\"]\n\
                sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n",
        },
        EmbeddedFile {
            path: "small/data/f",
            content: b"f",
        },
        EmbeddedFile {
            path: "base/pack.toml",
            content: b"name = \"base\"\nversion = \"1\"\nfamily = \"runtime\"\nabout = \"x\"\n\
                [[files]]\npath = \"b\"\nsize = 1\nlicence = \"MIT\"\norigins = [\"file:b\"]\n\
                sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n",
        },
    ];

    fn names(sources: &[PackSource]) -> Vec<&str> {
        sources.iter().map(|s| s.manifest.name.as_str()).collect()
    }

    fn sources(wanted: &[&str], embedded: &[EmbeddedFile]) -> Result<Vec<PackSource>, ModelError> {
        let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
        pack_sources(&wanted, embedded)
    }

    /// Writes a pack of this name that requires others.
    fn write_pack(folder: &Path, name: &str, requires: &str) {
        let manifest = String::from_utf8_lossy(FILES[0].content)
            .replace("\"base\"", requires)
            .replace("\"small\"", &format!("\"{name}\""));
        write_file(&folder.join(MANIFEST_FILE), manifest.as_bytes()).unwrap();
    }

    #[test]
    fn what_a_pack_requires_comes_before_it_and_only_once() {
        assert_eq!(
            names(&sources(&["small"], &FILES).unwrap()),
            ["base", "small"]
        );
        let several = sources(&["base", "small", "base"], &FILES).unwrap();
        assert_eq!(names(&several), ["base", "small"]);
    }

    #[test]
    fn the_share_folder_beside_an_installed_program_comes_before_embedded_files() {
        let prefix = tempfile::tempdir().unwrap();
        let folder = prefix.path().join("share/atom/packs/base");
        write_pack(&folder, "base", "");
        let lookup = Lookup {
            program: &prefix.path().join("bin/atom"),
            embedded: &FILES,
            found: Vec::new(),
        };
        let found = lookup.find("base").unwrap().location;
        assert_eq!(found, SourceLocation::Folder(folder));
        let embedded = lookup.find("small").unwrap().location;
        assert_eq!(embedded, SourceLocation::Embedded(FILES[..2].to_vec()));
    }

    #[test]
    fn only_a_program_that_cargo_built_takes_packs_from_folders_above_it() {
        let folders = |program: &str| {
            let lookup = Lookup {
                program: Path::new(program),
                embedded: &[],
                found: Vec::new(),
            };
            lookup.folders("mini")
        };
        assert_eq!(
            folders("/usr/bin/atom"),
            [Path::new("/usr/share/atom/packs/mini")]
        );
        assert_eq!(
            folders("/home/eve/clone/target/release/atom"),
            [
                Path::new("/home/eve/clone/target/share/atom/packs/mini"),
                Path::new("/home/eve/clone/models/packs/mini")
            ]
        );
    }

    #[test]
    fn an_unknown_name_is_answered_with_the_places_that_were_searched() {
        let error = sources(&["other"], &FILES).unwrap_err().to_string();
        for part in [
            "models/packs/other",
            "share/atom/packs/other",
            "small, base",
        ] {
            assert!(error.contains(part), "{error}");
        }
        let error = sources(&["./other"], &FILES).unwrap_err().to_string();
        assert_eq!(
            error,
            "no manifest for pack \"./other\": there is no ./other/pack.toml; give the folder that holds its pack.toml"
        );
    }

    #[test]
    fn the_fake_pack_needs_no_installation() {
        let error = sources(&["fake"], &FILES).unwrap_err().to_string();
        assert!(error.contains("needs no installation"), "{error}");
    }

    #[test]
    fn packs_that_require_each_other_are_an_error() {
        let prefix = tempfile::tempdir().unwrap();
        let packs = prefix.path().join("share/atom/packs");
        write_pack(&packs.join("one"), "one", "\"two\"");
        write_pack(&packs.join("two"), "two", "\"one\"");
        let mut lookup = Lookup {
            program: &prefix.path().join("bin/atom"),
            embedded: &[],
            found: Vec::new(),
        };
        let one = lookup.find("one").unwrap();
        let error = lookup.add(one, &mut Vec::new()).unwrap_err().to_string();
        assert!(error.contains("one requires two requires one"), "{error}");
    }

    #[test]
    fn embedded_files_are_extracted_for_the_installation_and_removed_afterwards() {
        let cache = tempfile::tempdir().unwrap();
        let left = cache_folder::extracted_sources(cache.path()).join("small/old");
        write_file(&left, b"left by an interrupted installation").unwrap();
        let sources = sources(&["small"], &FILES).unwrap();
        let staged = sources[1].stage(cache.path()).unwrap();
        let folder = staged.folder.clone();
        assert_eq!(fs::read(folder.join("data/f")).unwrap(), b"f");
        assert!(!left.exists());
        drop(staged);
        assert!(!folder.exists());
    }
}
