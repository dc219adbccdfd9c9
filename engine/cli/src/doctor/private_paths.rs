//! Paths as a report shows them: by the variable or the home folder that they begin with, never by its value.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The variables whose values are folders or files of the user. The home folder comes last, because others are often in it.
const VARIABLES: [(&str, &str); 14] = [
    ("ATOM_CACHE", "$ATOM_CACHE"),
    ("XDG_CACHE_HOME", "$XDG_CACHE_HOME"),
    ("XDG_DATA_HOME", "$XDG_DATA_HOME"),
    ("ORT_DYLIB_PATH", "$ORT_DYLIB_PATH"),
    ("GST_PLUGIN_PATH", "$GST_PLUGIN_PATH"),
    ("GST_PLUGIN_PATH_1_0", "$GST_PLUGIN_PATH_1_0"),
    ("GST_PLUGIN_SYSTEM_PATH", "$GST_PLUGIN_SYSTEM_PATH"),
    ("GST_PLUGIN_SYSTEM_PATH_1_0", "$GST_PLUGIN_SYSTEM_PATH_1_0"),
    ("GST_REGISTRY", "$GST_REGISTRY"),
    ("GST_REGISTRY_1_0", "$GST_REGISTRY_1_0"),
    ("GST_PLUGIN_SCANNER", "$GST_PLUGIN_SCANNER"),
    ("GST_PLUGIN_SCANNER_1_0", "$GST_PLUGIN_SCANNER_1_0"),
    ("TMPDIR", "$TMPDIR"),
    ("HOME", "~"),
];

/// The variables that list several folders, separated by colons.
const LISTS: [&str; 4] = [
    "GST_PLUGIN_PATH",
    "GST_PLUGIN_PATH_1_0",
    "GST_PLUGIN_SYSTEM_PATH",
    "GST_PLUGIN_SYSTEM_PATH_1_0",
];

/// Values of variables, with the names that replace them.
#[derive(Clone, Debug)]
pub(super) struct PrivatePaths {
    names: Vec<(String, &'static str)>,
}

impl PrivatePaths {
    /// Returns the paths that the variables of this process name.
    pub(super) fn of_environment() -> Self {
        Self::new(|variable| env::var_os(variable).map(PathBuf::from))
    }

    fn new(value: impl Fn(&str) -> Option<PathBuf>) -> Self {
        let mut names = Vec::new();
        for (variable, name) in VARIABLES {
            let value = value(variable).unwrap_or_default();
            let folders = folders(variable, &value.to_string_lossy());
            names.extend(folders.into_iter().map(|folder| (folder, name)));
        }
        // The longest first, so that a folder inside another one keeps its own name.
        names.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Self { names }
    }

    /// Returns a text, such as an error, with all private paths replaced.
    pub(super) fn shown(&self, text: &str) -> String {
        let replace = |text: String, (value, name): &(String, &str)| replaced(&text, value, name);
        self.names.iter().fold(text.to_owned(), replace)
    }

    /// Returns a path with all private paths replaced.
    pub(super) fn path(&self, path: &Path) -> String {
        self.shown(&path.to_string_lossy())
    }
}

/// Returns the folders or files that the value of a variable names. A name without a slash is left out, since it may be a word
/// that is found in any text, and so is "/", which is in every path.
fn folders(variable: &str, value: &str) -> Vec<String> {
    let parts: Vec<&str> = match LISTS.contains(&variable) {
        true => value.split(':').collect(),
        false => vec![value],
    };
    let parts = parts.into_iter().map(|part| part.trim_end_matches('/'));
    parts
        .filter(|part| part.contains('/'))
        .map(str::to_owned)
        .collect()
}

/// Replaces a path that is whole, or the beginning of a longer one.
fn replaced(text: &str, path: &str, name: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(path) {
        shown.push_str(before);
        shown.push_str(if ends_name(after) { name } else { path });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Returns true if the name of a file does not go on with this text. A period at the end of a sentence is not part of a name.
fn ends_name(after: &str) -> bool {
    let after = after.trim_start_matches('.');
    !after.starts_with(|c: char| c.is_alphanumeric() || "-_".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(pairs: &[(&str, &str)]) -> PrivatePaths {
        PrivatePaths::new(|wanted| {
            let found = pairs.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| PathBuf::from(value))
        })
    }

    #[test]
    fn a_path_is_shown_by_the_variable_or_home_that_it_begins_with() {
        let paths = paths(&[("HOME", "/home/eve/"), ("ATOM_CACHE", "/home/eve/secret")]);
        assert_eq!(
            paths.path(Path::new("/home/eve/secret/packs")),
            "$ATOM_CACHE/packs"
        );
        assert_eq!(paths.path(Path::new("/home/eve/.cache")), "~/.cache");
        assert_eq!(
            paths.shown("cannot read \"/home/eve/x\" and /home/eve/secret/y"),
            "cannot read \"~/x\" and $ATOM_CACHE/y"
        );
    }

    #[test]
    fn a_home_that_is_the_root_replaces_nothing() {
        assert_eq!(paths(&[("HOME", "/")]).shown("/var/x"), "/var/x");
    }

    #[test]
    fn a_path_that_only_begins_with_the_same_letters_is_another_one() {
        let paths = paths(&[("HOME", "/home/eve")]);
        for other in [
            "/home/evelyn/x",
            "/home/eve.old",
            "/home/eve-2",
            "/home/eve_/x",
        ] {
            assert_eq!(paths.shown(other), other);
        }
        assert_eq!(
            paths.shown("in /home/evelyn, \"/home/eve\" and /home/eve."),
            "in /home/evelyn, \"~\" and ~."
        );
    }

    #[test]
    fn a_name_without_a_slash_replaces_no_words() {
        let paths = paths(&[("ATOM_CACHE", "cache"), ("TMPDIR", "."), ("HOME", "a/b")]);
        assert_eq!(paths.shown("no cache folder."), "no cache folder.");
        assert_eq!(paths.shown("a/b/c"), "~/c");
    }

    #[test]
    fn each_folder_of_a_list_is_replaced() {
        let paths = paths(&[
            ("GST_PLUGIN_PATH", "/a/plugins:/b:"),
            ("GST_REGISTRY_1_0", "/c:d/registry.bin"),
        ]);
        assert_eq!(
            paths.shown("/a/plugins/x.so, /b/y.so and /c:d/registry.bin"),
            "$GST_PLUGIN_PATH/x.so, $GST_PLUGIN_PATH/y.so and $GST_REGISTRY_1_0"
        );
    }
}
