//! Paths as a report shows them: by the variable or the home folder that they begin with, never by its value.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The variables whose values are folders or files of the user. The home folder comes last, because others are often in it.
const VARIABLES: [(&str, &str); 10] = [
    ("ATOM_CACHE", "$ATOM_CACHE"),
    ("XDG_CACHE_HOME", "$XDG_CACHE_HOME"),
    ("XDG_DATA_HOME", "$XDG_DATA_HOME"),
    ("ORT_DYLIB_PATH", "$ORT_DYLIB_PATH"),
    ("GST_PLUGIN_PATH", "$GST_PLUGIN_PATH"),
    ("GST_PLUGIN_SYSTEM_PATH", "$GST_PLUGIN_SYSTEM_PATH"),
    ("GST_REGISTRY", "$GST_REGISTRY"),
    ("GST_PLUGIN_SCANNER", "$GST_PLUGIN_SCANNER"),
    ("TMPDIR", "$TMPDIR"),
    ("HOME", "~"),
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
        let known = VARIABLES.iter().filter_map(|(variable, name)| {
            let value = value(variable)?.to_string_lossy().into_owned();
            let value = value.trim_end_matches('/').to_owned();
            // A value such as "/" or "." would be found in every path.
            (value.len() > 1).then_some((value, *name))
        });
        let mut names: Vec<_> = known.collect();
        // The longest first, so that a folder inside another one keeps its own name.
        names.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        Self { names }
    }

    /// Returns a text, such as an error, with all private paths replaced.
    pub(super) fn shown(&self, text: &str) -> String {
        let replace = |text: String, (value, name): &(String, &str)| text.replace(value, name);
        self.names.iter().fold(text.to_owned(), replace)
    }

    /// Returns a path with all private paths replaced.
    pub(super) fn path(&self, path: &Path) -> String {
        self.shown(&path.to_string_lossy())
    }
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
}
