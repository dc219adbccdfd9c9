//! `atom index`: makes recordings searchable, going on where it stopped.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, bail};
use atom::{
    run::{self, Options, Outcome},
    store::Store,
};
use atom_operators::{data::MediaTime, node::NodeKind};
use atom_pipelines::{Input, Plan, PlannedSource, SourceSettings, Uri, override_sources, plan};
use clap::Args;

use super::{
    caption::ready,
    terminal::{self, Printer, Style},
};

/// What in a folder is taken for a video, by the end of its name.
const VIDEOS: [&str; 17] = [
    "3gp", "avi", "flv", "m2ts", "m4v", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf", "ogv",
    "ts", "webm", "wmv", "y4m",
];

/// Make recordings searchable; goes on where it stopped.
#[derive(Args)]
pub struct Index {
    /// Videos, and folders of videos.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The file of the index.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// The pack of models.
    #[arg(long, default_value = "mini")]
    pack: String,
}

impl Index {
    /// Indexes all recordings that are not indexed yet.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let found = recordings(&self.paths)?;
        let store = match self.store {
            Some(store) => store,
            None => default_store(true)?,
        };
        let recordings = named(found, &store)?;
        let plan = plan_of(&recordings, &store, &self.pack)?;
        let stop = terminal::stop_on_signal()?;
        let audience = Box::new(Printer::new(Style::Silent));
        let outcome = run::run(
            &plan,
            Options {
                resume: true,
                stop,
                audience,
                questions: None,
                listener: None,
            },
        )?;
        tell(&outcome, &store)?;
        Ok(terminal::conclude(&outcome))
    }
}

/// The recordings by the names that the store gives them: one whose name belongs to another file that is still there goes
/// by its whole path.
fn named(
    found: BTreeMap<String, PathBuf>,
    store: &Path,
) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut store = Store::open(store)?;
    let mut named = BTreeMap::new();
    for (name, path) in found {
        let name = match store.claim(&name, &path, Path::is_file)? {
            true => name,
            false => path.display().to_string(),
        };
        named.insert(name, path);
    }
    Ok(named)
}

fn tell(outcome: &Outcome, store: &Path) -> anyhow::Result<()> {
    for name in &outcome.skipped {
        terminal::result(&format!("{name}: already indexed"))?;
    }
    for (name, source) in &outcome.report.sources {
        let through = MediaTime::from_millis(source.complete_through_ms);
        terminal::result(&format!(
            "{name}: {} segments, complete through {through}",
            source.segments
        ))?;
    }
    terminal::tell(&format!("the index is {}", store.display()));
    Ok(())
}

/// `atom/atom.db` in the user's data folder; with `make`, the folder is made.
pub fn default_store(make: bool) -> anyhow::Result<PathBuf> {
    let set = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let data = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")));
    let folder = data
        .context("no data folder: set XDG_DATA_HOME or HOME, or give --store")?
        .join("atom");
    if make {
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    Ok(folder.join("atom.db"))
}

/// Recordings by the name that the index gives them: relative to the folder given, absolute for a single file.
fn recordings(paths: &[PathBuf]) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let mut found = BTreeMap::new();
    for path in paths {
        let absolute = path
            .canonicalize()
            .with_context(|| format!("cannot read {}", path.display()))?;
        if absolute.is_file() {
            add(&mut found, absolute.display().to_string(), absolute);
            continue;
        }
        let inside = videos_in(&absolute)?;
        if inside.is_empty() {
            bail!(
                "no video in the folder {}; expected names that end in one of {}",
                path.display(),
                VIDEOS.join(", ")
            );
        }
        for video in inside {
            let relative = video.strip_prefix(&absolute).unwrap_or(&video);
            add(&mut found, relative.display().to_string(), video.clone());
        }
    }
    Ok(found)
}

/// Adds a recording, unless it is there under another name. A name that another file has makes room for the whole path.
fn add(found: &mut BTreeMap<String, PathBuf>, name: String, path: PathBuf) {
    if found.values().any(|other| *other == path) {
        return;
    }
    let name = if found.contains_key(&name) {
        path.display().to_string()
    } else {
        name
    };
    found.insert(name, path);
}

fn videos_in(folder: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    let entries = fs::read_dir(folder)
        .with_context(|| format!("cannot read the folder {}", folder.display()))?;
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read the folder {}", folder.display()))?
            .path();
        // A link to a folder could lead back here.
        if path.is_dir() && !path.is_symlink() {
            found.extend(videos_in(&path)?);
        } else if path.is_file() && video(&path) {
            found.insert(path);
        }
    }
    Ok(found)
}

fn video(path: &Path) -> bool {
    let ending = path
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase());
    ending.is_some_and(|ending| VIDEOS.contains(&ending.as_str()))
}

/// The library's index pipeline, over all recordings at once: one graph, each module loaded once.
fn plan_of(
    recordings: &BTreeMap<String, PathBuf>,
    store: &Path,
    pack: &str,
) -> anyhow::Result<Plan> {
    let mut files = [ready("index", pack)?];
    override_sources(
        &mut files,
        &[("video".to_owned(), "test://black".to_owned())],
    );
    let mut plan = plan(&files);
    plan.sources = recordings
        .iter()
        .map(|(name, path)| PlannedSource {
            name: name.clone(),
            uri: Uri::of_file(path),
            settings: SourceSettings::default(),
            aliases: Vec::new(),
        })
        .collect();
    let names: BTreeMap<usize, String> = recordings.keys().cloned().enumerate().collect();
    for node in &mut plan.nodes {
        match &mut node.kind {
            NodeKind::Sample(_) => node.inputs = (0..names.len()).map(Input::Source).collect(),
            NodeKind::Index(spec) => {
                store.clone_into(&mut spec.store);
                node.source_names.clone_from(&names);
            }
            _ => {}
        }
    }
    Ok(plan)
}
