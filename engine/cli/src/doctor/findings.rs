//! Findings about this machine: missing or unusual things, each with its cure.

use atom_models::PackState;
use serde::Serialize;

use super::{installation::Installation, storage::FolderState};

/// The pack that commands use by default.
const DEFAULT_PACK: &str = "mini";
/// The pack that holds the ONNX Runtime library. Its faults are errors of the library.
const RUNTIME_PACK: &str = "onnxruntime";
/// The format of most videos. Without a decoder for it, Atom does not count as ready.
const USUAL_FORMAT: &str = "H.264";
/// Free space below which an index or an installation may fail.
const LITTLE_SPACE: u64 = 200_000_000;
/// Number of a pack's faults that are named.
const MAX_FAULTS: usize = 3;

/// Something that is missing or unusual.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    /// True if no video can be captioned with the default pack before it is cured.
    pub(super) needed: bool,
    /// The finding.
    pub(super) problem: String,
    /// A command or an instruction.
    pub(super) cure: String,
}

impl Finding {
    fn new(needed: bool, problem: impl Into<String>, cure: impl Into<String>) -> Self {
        Self {
            needed,
            problem: problem.into(),
            cure: cure.into(),
        }
    }
}

/// Returns all findings about an installation, those that are needed first.
pub(super) fn findings(installation: &Installation) -> Vec<Finding> {
    let mut found = gstreamer_findings(installation);
    found.extend(runtime_findings(installation));
    found.extend(pack_findings(installation));
    found.extend(storage_findings(installation));
    found.sort_by_key(|finding| !finding.needed);
    found
}

fn gstreamer_findings(installation: &Installation) -> Vec<Finding> {
    let part = &installation.gstreamer;
    let error = part.error.iter().map(|error| {
        let problem = format!("GStreamer does not start: {error}");
        let cure = apt_install("gstreamer1.0-plugins-base gstreamer1.0-plugins-good");
        Finding::new(true, problem, cure)
    });
    let sets = part.state.iter().flat_map(|state| &state.plugin_sets);
    let sets = sets.filter(|set| !set.missing.is_empty()).map(|set| {
        let missing = set.missing.join(", ");
        let problem = format!("GStreamer lacks {missing} ({}: {})", set.name, set.purpose);
        Finding::new(set.needed, problem, apt_install(set.package))
    });
    let decoders = part.state.iter().flat_map(|state| &state.decoders);
    let decoders = decoders.filter(|decoder| decoder.element.is_none());
    let decoders = decoders.map(|decoder| {
        let problem = format!("GStreamer has no decoder for {}", decoder.format);
        let needed = decoder.format == USUAL_FORMAT;
        Finding::new(needed, problem, apt_install(decoder.package))
    });
    error.chain(sets).chain(decoders).collect()
}

fn apt_install(packages: &str) -> String {
    format!("sudo apt install {packages}")
}

fn runtime_findings(installation: &Installation) -> Option<Finding> {
    let error = installation.onnx_runtime.error.as_ref()?;
    let cure = match installation.versions.onnx_runtime_by_variable {
        true => "unset ORT_DYLIB_PATH, or set it to an ONNX Runtime library",
        false => "atom models install onnxruntime",
    };
    let problem = format!("ONNX Runtime cannot be used: {error}");
    Some(Finding::new(true, problem, cure))
}

fn pack_findings(installation: &Installation) -> Vec<Finding> {
    let part = &installation.packs;
    if let Some(error) = &part.error {
        let problem = format!("the installed packs cannot be listed: {error}");
        let cure = "check who may read the folder, or set ATOM_CACHE to another one";
        return vec![Finding::new(true, problem, cure)];
    }
    let missing = part.find(DEFAULT_PACK).is_none().then(|| {
        let problem = format!("the pack {DEFAULT_PACK} is not installed");
        Finding::new(true, problem, install(DEFAULT_PACK))
    });
    let packs = part.installed.iter();
    let damaged = packs.filter(|pack| pack.name != RUNTIME_PACK && !pack.faults.is_empty());
    missing
        .into_iter()
        .chain(damaged.map(damaged_pack))
        .collect()
}

fn damaged_pack(pack: &PackState) -> Finding {
    let mut faults = pack.faults.clone();
    let more = faults.len().saturating_sub(MAX_FAULTS);
    faults.truncate(MAX_FAULTS);
    if more > 0 {
        faults.push(format!("{more} more"));
    }
    let problem = format!("the pack {} is damaged: {}", pack.id, faults.join("; "));
    Finding::new(pack.name == DEFAULT_PACK, problem, install(&pack.name))
}

fn install(pack: &str) -> String {
    format!("atom models install {pack}")
}

fn storage_findings(installation: &Installation) -> Vec<Finding> {
    let storage = &installation.storage;
    let folders = [&storage.cache, &storage.data].into_iter().flatten();
    let little = |folder: &&FolderState| folder.free_bytes.is_some_and(|free| free < LITTLE_SPACE);
    let full = folders.filter(little).map(|folder| {
        let problem = format!("the disk of {} is almost full", folder.path);
        Finding::new(false, problem, "free space on it")
    });
    let index = storage.index.iter();
    let index = index.filter_map(|index| {
        let error = index.error.as_ref()?;
        let problem = format!("the index {} cannot be examined: {error}", index.path);
        Some(Finding::new(false, problem, "check who may read it"))
    });
    let no_data_folder = storage.data.is_none().then(|| {
        let problem = "there is no data folder for an index";
        Finding::new(false, problem, "set HOME or XDG_DATA_HOME, or give --store")
    });
    full.chain(index).chain(no_data_folder).collect()
}
