//! The file in a pack's folder that stores its measured thread counts.
//!
//! Stored counts apply only to the same pack, ONNX Runtime, processor and number of cores.

use std::{fs, path::Path};

use serde::{Deserialize, Serialize};

use crate::{error::ModelError, packs::installed, runtime::threads::ThreadCounts};

const FILE: &str = "threads.toml";

/// The content of the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StoredCounts {
    /// The conditions under which the counts apply.
    #[serde(rename = "of")]
    conditions: String,
    threads: ThreadCounts,
}

/// Reads the counts stored for a pack, if they apply to this machine.
pub(super) fn load(folder: &Path, pack: &str) -> Option<ThreadCounts> {
    let text = fs::read_to_string(folder.join(FILE)).ok()?;
    let StoredCounts {
        conditions,
        threads,
    } = toml::from_str(&text).ok()?;
    let same_cores = threads.cores == ThreadCounts::default().cores;
    (threads.in_range() && same_cores && conditions == current_conditions(pack)).then_some(threads)
}

/// Stores the counts for a pack.
///
/// # Errors
/// If the folder cannot be written.
pub(super) fn save(counts: ThreadCounts, folder: &Path, pack: &str) -> Result<(), ModelError> {
    let path = folder.join(FILE);
    let stored = StoredCounts {
        conditions: current_conditions(pack),
        threads: counts,
    };
    let text = toml::to_string(&stored).expect("plain data can be written");
    fs::write(&path, text).map_err(|source| ModelError::Io {
        action: "write",
        path,
        source,
    })
}

/// Returns the pack, the runtime and the processor as text.
fn current_conditions(pack: &str) -> String {
    let runtime = installed::installed(installed::RUNTIME).map(|(manifest, _)| manifest.id());
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or("unknown").trim_matches([' ', '\t', ':']);
    let runtime = runtime.as_deref().unwrap_or("another runtime");
    format!("{pack}, {runtime}, {model}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_counts_apply_to_the_same_pack_and_number_of_cores_only() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let counts = ThreadCounts::default();
        assert_eq!(load(folder, "mini-1"), None);
        save(counts, folder, "mini-1").unwrap();
        assert_eq!(load(folder, "mini-1"), Some(counts));
        assert_eq!(load(folder, "mini-2"), None);
        let other = ThreadCounts {
            cores: counts.cores + 1,
            ..counts
        };
        save(other, folder, "mini-1").unwrap();
        assert_eq!(load(folder, "mini-1"), None);
        let none = ThreadCounts {
            decoder: 0,
            ..counts
        };
        save(none, folder, "mini-1").unwrap();
        assert_eq!(load(folder, "mini-1"), None);
    }
}
