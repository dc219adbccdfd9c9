//! The settings of hub downloads, from the environment variables that the Hugging Face tools use.
//!
//! | variable | meaning |
//! |---|---|
//! | `HF_ENDPOINT` | the hub, `https://huggingface.co` by default |
//! | `HF_TOKEN` | the access token |
//! | `HF_TOKEN_PATH` | the file with the token; else `token` in `HF_HOME`, by default `~/.cache/huggingface` |
//! | `HF_HUB_OFFLINE` | `1`: nothing is requested |

use std::{ffi::OsString, fmt, fs, path::PathBuf, thread, time::Duration};

/// The hub that is used unless a variable names another one.
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// The settings of hub downloads.
pub(in crate::packs) struct HubSettings {
    /// The hub's URL, without a slash at its end.
    pub(super) endpoint: String,
    /// The access token, sent to the hub only.
    pub(super) token: Option<String>,
    /// True if nothing may be requested.
    pub(in crate::packs) offline: bool,
    /// Waits before a request is repeated.
    pub(super) wait: fn(Duration),
}

impl fmt::Debug for HubSettings {
    /// Leaves out the token.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("HubSettings")
            .field("endpoint", &self.endpoint)
            .field("offline", &self.offline)
            .finish_non_exhaustive()
    }
}

impl HubSettings {
    /// Reads the settings of this process.
    pub(in crate::packs) fn from_environment() -> Self {
        Self::from_variables(|name| std::env::var_os(name))
    }

    /// Reads the settings from variables. An empty variable counts as absent.
    fn from_variables(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let text = |name: &str| Some(set(name)?.to_string_lossy().trim().to_owned());
        let endpoint = text("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.to_owned());
        let token = text("HF_TOKEN").or_else(|| {
            // A token file that cannot be read is no token, as for the hub's own tools.
            fs::read_to_string(token_file(set)?).ok()
        });
        let token = token.map(|token| token.trim().to_owned());
        let offline = text("HF_HUB_OFFLINE").unwrap_or_default();
        Self {
            endpoint: endpoint.trim_end_matches('/').to_owned(),
            token: token.filter(|token| !token.is_empty()),
            offline: ["1", "ON", "YES", "TRUE"].contains(&offline.to_ascii_uppercase().as_str()),
            wait: thread::sleep,
        }
    }
}

/// Returns the file in which the hub's tools keep the token.
fn token_file(set: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let path = |name: &str| set(name).map(PathBuf::from);
    let home = || {
        let cache = path("XDG_CACHE_HOME").or_else(|| Some(path("HOME")?.join(".cache")));
        path("HF_HOME").or_else(|| Some(cache?.join("huggingface")))
    };
    path("HF_TOKEN_PATH").or_else(|| Some(home()?.join("token")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(variables: &[(&str, &str)]) -> HubSettings {
        HubSettings::from_variables(|wanted| {
            let found = variables.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| OsString::from(value))
        })
    }

    #[test]
    fn without_variables_the_public_hub_is_asked_without_a_token() {
        let settings = settings(&[("HF_TOKEN", ""), ("HF_HUB_OFFLINE", "0")]);
        assert_eq!(settings.endpoint, "https://huggingface.co");
        assert_eq!((settings.token, settings.offline), (None, false));
    }

    #[test]
    fn the_token_comes_from_its_variable_or_from_the_file_of_the_hubs_tools() {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().to_str().unwrap();
        let named = format!("{home}/named");
        fs::write(&named, "from-named\n").unwrap();
        let cache = folder.path().join(".cache/huggingface");
        fs::create_dir_all(&cache).unwrap();
        fs::write(cache.join("token"), "from-home\n").unwrap();
        let token = |variables: &[_]| settings(variables).token.unwrap();
        let all = [
            ("HF_TOKEN", "direct"),
            ("HF_TOKEN_PATH", &named),
            ("HOME", home),
        ];
        assert_eq!(token(&all), "direct");
        assert_eq!(token(&all[1..]), "from-named");
        assert_eq!(token(&all[2..]), "from-home");
        let hub_home = cache.to_str().unwrap();
        assert_eq!(token(&[("HF_HOME", hub_home)]), "from-home");
    }

    #[test]
    fn the_token_is_not_shown() {
        let shown = format!("{:?}", settings(&[("HF_TOKEN", "hf_secret")]));
        assert!(!shown.contains("hf_secret"), "{shown}");
    }
}
