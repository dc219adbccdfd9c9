//! The file names of recordings: the extensions of videos, and the names of files that are never recordings.
//!
//! These are the only such lists. Folders, watched folders and web addresses all use them, so a file counts as a recording
//! wherever it is.

use std::path::Path;

/// File extensions of videos, in lower case.
pub const VIDEO_EXTENSIONS: [&str; 32] = [
    "3g2", "3gp", "asf", "avi", "divx", "dv", "f4v", "flv", "m1v", "m2t", "m2ts", "m2v", "m4v",
    "mkv", "mov", "mp4", "mpe", "mpeg", "mpg", "mts", "mxf", "ogm", "ogv", "qt", "tod", "tp",
    "trp", "ts", "vob", "webm", "wmv", "y4m",
];

/// Folders of systems, file servers and trash bins, in lower case. Hidden ones need no entry.
const SYSTEM_FOLDERS: [&str; 17] = [
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "@eadir",
    "@recently-snapshot",
    "@recycle",
    "@sharebin",
    "@tmp",
    "__macosx",
    "found.000",
    "lost+found",
    "network trash folder",
    "recycled",
    "recycler",
    "system volume information",
    "temporary items",
    "trashbox",
];

/// Extensions that programs add to the name of a file while they download, copy or write it, in lower case.
const PARTIAL_EXTENSIONS: [&str; 16] = [
    "!qb",
    "!ut",
    "aria2",
    "bc!",
    "crdownload",
    "dctmp",
    "download",
    "dtapart",
    "filepart",
    "opdownload",
    "part",
    "partial",
    "td",
    "temp",
    "tmp",
    "ytdl",
];

/// The reason why a file or folder with this name is never a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Litter {
    /// Its name starts with a dot: a hidden file, or the companion `._NAME` in which macOS keeps attributes.
    Hidden,
    /// A folder or file of an operating system, a file server or a trash bin.
    System,
    /// A download or copy that is not complete.
    Partial,
}

impl Litter {
    /// Returns the reason why a file or folder with this name is left out; none if it is not.
    ///
    /// ```
    /// use atom_pipelines::Litter;
    /// assert_eq!(Litter::of_name("._holiday.mp4"), Some(Litter::Hidden));
    /// assert_eq!(Litter::of_name("holiday.mp4.part"), Some(Litter::Partial));
    /// assert_eq!(Litter::of_name("holiday.mp4"), None);
    /// ```
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.to_lowercase();
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        match () {
            () if PARTIAL_EXTENSIONS.contains(&extension) => Some(Self::Partial),
            () if name.starts_with('.') => Some(Self::Hidden),
            () if name.starts_with("~$") || SYSTEM_FOLDERS.contains(&&*name) => Some(Self::System),
            () => None,
        }
    }

    /// Returns the reason in words.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Hidden => "it is hidden",
            Self::System => "it belongs to an operating system or a file server",
            Self::Partial => "it is an incomplete download or copy",
        }
    }
}

/// Returns true if a file has the extension of a video.
pub fn is_video_file(path: &Path) -> bool {
    let extension = path
        .extension()
        .map(|extension| extension.to_string_lossy().to_lowercase());
    extension.is_some_and(|extension| VIDEO_EXTENSIONS.contains(&extension.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_in_lower_case() {
        for list in [&VIDEO_EXTENSIONS[..], &SYSTEM_FOLDERS, &PARTIAL_EXTENSIONS] {
            let mut sorted: Vec<String> = list.iter().map(|name| name.to_lowercase()).collect();
            sorted.sort();
            sorted.dedup();
            assert_eq!(list, sorted);
        }
    }

    #[test]
    fn litter_of_systems_servers_and_downloads_is_known_by_its_name() {
        use Litter::{Hidden, Partial, System};
        for (name, expected) in [
            ("._good.mp4", Some(Hidden)),
            (".DS_Store", Some(Hidden)),
            (".Trash", Some(Hidden)),
            (".Trash-1000", Some(Hidden)),
            (".Trashes", Some(Hidden)),
            (".Spotlight-V100", Some(Hidden)),
            (".fseventsd", Some(Hidden)),
            (".AppleDouble", Some(Hidden)),
            (".@__thumb", Some(Hidden)),
            (".stversions", Some(Hidden)),
            (".goutputstream-AB12CD", Some(Hidden)),
            ("@eaDir", Some(System)),
            ("#recycle", Some(System)),
            ("@Recycle", Some(System)),
            ("$RECYCLE.BIN", Some(System)),
            ("System Volume Information", Some(System)),
            ("lost+found", Some(System)),
            ("__MACOSX", Some(System)),
            ("~$movie.mp4", Some(System)),
            ("movie.mp4.part", Some(Partial)),
            ("movie.mp4.crdownload", Some(Partial)),
            ("movie.mp4.partial", Some(Partial)),
            ("movie.mp4.filepart", Some(Partial)),
            ("movie.mp4.!qB", Some(Partial)),
            ("movie.mp4.download", Some(Partial)),
            ("movie.mp4.TMP", Some(Partial)),
            (".syncthing.movie.mp4.tmp", Some(Partial)),
            ("~syncthing~movie.mp4.tmp", Some(Partial)),
            ("movie.mp4", None),
            ("movie.part.mp4", None),
            ("tmp", None),
            ("part", None),
            ("downloads", None),
            ("@home", None),
            ("#1.mp4", None),
            ("$5 tour.mp4", None),
            ("~movie.mp4", None),
            ("", None),
        ] {
            assert_eq!(Litter::of_name(name), expected, "{name}");
        }
    }

    #[test]
    fn videos_are_known_by_their_extension_in_any_case() {
        for name in [
            "a.mp4", "a.VOB", "a.asf", "a.3g2", "a.M2T", "a.trp", "a.b.ts",
        ] {
            assert!(is_video_file(name.as_ref()), "{name}");
        }
        for name in ["a", "mp4", ".mp4", "a.mp4.part", "a.lrv", "a.jpg", "go.mod"] {
            assert!(!is_video_file(name.as_ref()), "{name}");
        }
    }
}
