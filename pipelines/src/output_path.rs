//! The target that an output's path names: standard output, a special file, or a file that can be replaced.
//!
//! Symbolic links are followed, so that the file is replaced and not the link to it. Special files, such as devices and
//! named pipes, are written in place.

use std::{
    fs,
    path::{Path, PathBuf, absolute},
};

use crate::uri::resolved;

/// Longest chain of symbolic links that is followed, as in Linux.
const MAX_LINKS: usize = 40;

/// The target that an output's path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OutputPath {
    /// Standard output: `-`, or a name of it such as `/dev/stdout`.
    Stdout,
    /// A device, a named pipe, or another open file of this process, which is written in place.
    Special(PathBuf),
    /// A file, which may not exist yet, or a folder. All symbolic links are resolved.
    File(PathBuf),
}

impl OutputPath {
    /// Returns what a path names now.
    ///
    /// ```
    /// use atom_pipelines::OutputPath;
    /// assert_eq!(OutputPath::of("-".as_ref()), OutputPath::Stdout);
    /// assert_eq!(OutputPath::of("/dev/null".as_ref()), OutputPath::Special("/dev/null".into()));
    /// ```
    pub fn of(path: &Path) -> Self {
        if path == Path::new("-") {
            return Self::Stdout;
        }
        let mut path = absolute(path).unwrap_or_else(|_| path.to_owned());
        for _ in 0..MAX_LINKS {
            if let Some(open_file) = open_file(&path) {
                return open_file;
            }
            let Ok(target) = fs::read_link(&path) else {
                break;
            };
            path = path.parent().unwrap_or(Path::new("/")).join(target);
        }
        let path = resolved(path);
        match fs::metadata(&path).map(|found| found.is_file() || found.is_dir()) {
            Ok(false) => Self::Special(path),
            _ => Self::File(path),
        }
    }
}

/// Returns the open file of this process that a path names. It is recognised by its name: what the name links to would be
/// reopened at its beginning.
fn open_file(path: &Path) -> Option<OutputPath> {
    let special = || OutputPath::Special(path.to_owned());
    match path.to_str()? {
        "/dev/stdout" | "/dev/fd/1" | "/proc/self/fd/1" => Some(OutputPath::Stdout),
        "/dev/stderr" | "/dev/stdin" => Some(special()),
        name if name.starts_with("/dev/fd/") || name.starts_with("/proc/self/fd/") => {
            Some(special())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn links_are_followed_to_files_that_do_not_exist_yet_and_to_standard_output() {
        let folder = tempfile::tempdir().unwrap();
        let real = folder.path().canonicalize().unwrap();
        fs::create_dir(real.join("real")).unwrap();
        symlink("real", real.join("alias")).unwrap();
        symlink("alias/new.vtt", real.join("link.vtt")).unwrap();
        symlink("/dev/stdout", real.join("out.vtt")).unwrap();
        let file = OutputPath::File(real.join("real/new.vtt"));
        for path in ["link.vtt", "alias/new.vtt", "real/../alias/new.vtt"] {
            assert_eq!(OutputPath::of(&real.join(path)), file, "{path}");
        }
        let nowhere = OutputPath::File(real.join("real/no/new.vtt"));
        assert_eq!(OutputPath::of(&real.join("alias/no/new.vtt")), nowhere);
        assert_eq!(OutputPath::of(&real.join("out.vtt")), OutputPath::Stdout);
    }

    #[test]
    fn a_chain_of_links_that_never_ends_is_a_file_that_cannot_be_opened() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("loop");
        symlink("loop", &path).unwrap();
        assert!(matches!(OutputPath::of(&path), OutputPath::File(_)));
    }
}
