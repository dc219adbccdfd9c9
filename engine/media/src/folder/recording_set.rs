//! The recordings that a path or pattern names.

use std::{
    ffi::OsStr,
    io,
    path::{Path, PathBuf},
};

use atom_pipelines::{Litter, is_video_file};
use glob::{MatchOptions, Pattern};

/// A file, a folder with all folders in it, or a pattern.
#[derive(Clone, Debug)]
pub struct RecordingSet {
    /// The file or folder, without symbolic links.
    pub root: PathBuf,
    /// The pattern that files in it match; none for all videos.
    pub pattern: Option<Pattern>,
}

impl RecordingSet {
    /// Returns the set that a path or pattern names.
    ///
    /// # Errors
    /// If there is no such file or folder, or the pattern is invalid.
    pub fn open(path: &Path) -> io::Result<Self> {
        match path.canonicalize() {
            Ok(root) => Ok(Self {
                root,
                pattern: None,
            }),
            Err(error) => Self::of_pattern(path).unwrap_or(Err(error)),
        }
    }

    /// Splits a pattern like `recordings/**/door-*.mp4` into folder and pattern; none if the path is no pattern.
    fn of_pattern(path: &Path) -> Option<io::Result<Self>> {
        let is_pattern = |part: &Path| part.to_string_lossy().contains(['*', '?', '[']);
        let plain: PathBuf = path
            .components()
            .take_while(|part| !is_pattern(part.as_ref()))
            .collect();
        let rest = path.strip_prefix(&plain).ok()?;
        if rest.as_os_str().is_empty() {
            return None;
        }
        let folder = match plain.as_os_str().is_empty() {
            true => Path::new("."),
            false => &plain,
        };
        let pattern = Pattern::new(&rest.to_string_lossy());
        let pattern = pattern.map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e));
        Some(pattern.and_then(|pattern| {
            Ok(Self {
                root: folder.canonicalize()?,
                pattern: Some(pattern),
            })
        }))
    }

    /// Returns a file's name in the index: its path relative to the folder, or the whole path of a single file.
    pub fn index_name<'p>(&self, file: &'p Path) -> &'p Path {
        match file.strip_prefix(&self.root) {
            Ok(inside) if !inside.as_os_str().is_empty() => inside,
            _ => file,
        }
    }

    /// True if a file belongs to the set, whether it exists or not.
    pub fn contains(&self, file: &Path) -> bool {
        file.starts_with(&self.root) && (file == self.root || self.matches(file))
    }

    /// Returns the reason why a file or folder with this name, inside the set's folder, is left out.
    ///
    /// A pattern that spells out such a name, as `.clips/*.mp4` does, takes it.
    pub(super) fn litter(&self, name: &OsStr) -> Option<Litter> {
        let name = name.to_string_lossy();
        let wanted = |part: &str| {
            Litter::of_name(part).is_some()
                && Pattern::new(part).is_ok_and(|part| part.matches(&name))
        };
        let spelled_out = || {
            let pattern = self.pattern.as_ref();
            pattern.is_some_and(|pattern| pattern.as_str().split('/').any(wanted))
        };
        Litter::of_name(&name).filter(|_| !spelled_out())
    }

    /// True if a file in the folder matches the pattern, or is a video; and neither it nor a folder on the way to it is litter.
    pub(super) fn matches(&self, file: &Path) -> bool {
        let is_litter = |name| self.litter(name).is_some();
        let inside = self.index_name(file);
        self.is_wanted(file) && !inside.iter().any(is_litter)
    }

    /// True if a file in the folder matches the pattern, or is a video.
    pub(super) fn is_wanted(&self, file: &Path) -> bool {
        let options = MatchOptions {
            require_literal_separator: true,
            ..MatchOptions::default()
        };
        match &self.pattern {
            Some(pattern) => pattern.matches_path_with(self.index_name(file), options),
            None => is_video_file(file),
        }
    }
}
