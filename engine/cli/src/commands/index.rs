//! `atom index`: makes recordings searchable, going on where it stopped.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use atom_operators::{keep::Keep, node::NodeKind};
use atom_pipelines::{Input, Plan, PlannedSource, SourceSettings, Uri, override_sources};
use atom_runtime::run::{self, Options, Outcome};
use clap::Args;

use super::{
    caption::ready,
    over::store_path,
    terminal::{self, Printer, Style},
};

/// Make recordings searchable; goes on where it stopped.
#[derive(Args)]
#[command(after_help = "\
A recording is known by its content: one that was moved is not indexed again, one that was replaced is.
What is stored of a recording that is gone from its folder is removed, unless --keep-gone is given, or the folder is gone or empty.

Examples:
  atom index recordings/
  atom index 'recordings/**/door-*.mp4'
  atom index recordings/ --watch              goes on with what comes, until Ctrl-C
  atom index recordings/ --keep \"30d, 20GB\"   removes what is older, and what was written first when there is more")]
pub struct Index {
    /// Videos, folders of videos, and patterns.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The file of the index.
    #[arg(long, value_name = "FILE")]
    store: Option<PathBuf>,
    /// The pack of models.
    #[arg(long, default_value = "mini")]
    pack: String,
    /// Go on looking: recordings that come, grow, change or go are followed until Ctrl-C.
    #[arg(long)]
    watch: bool,
    /// Keep what is stored of recordings that are gone.
    #[arg(long)]
    keep_gone: bool,
    /// Keep only so much of the index: an age (min, h, d, w), a size (MB, GB, TB), a number of segments, or several with commas between.
    #[arg(long, value_name = "HOW MUCH")]
    keep: Option<Keep>,
}

impl Index {
    /// Indexes all recordings that are not indexed yet.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let store = store_path(self.store.as_deref(), true)?;
        let sources = self.paths.iter().map(|path| self.folder(path));
        let plan = plan(&store, &self.pack, sources.collect(), self.keep)?;
        let outcome = index(&plan)?;
        terminal::tell(&format!("the index is {}", store.display()));
        Ok(terminal::conclude(&outcome))
    }

    fn folder(&self, path: &Path) -> PlannedSource {
        PlannedSource {
            // Recordings go by their path in the folder alone.
            name: String::new(),
            uri: Uri::folder_uri(path),
            settings: SourceSettings {
                watch: self.watch,
                keep_gone: self.keep_gone,
                ..SourceSettings::default()
            },
            aliases: Vec::new(),
            recordings: BTreeMap::new(),
        }
    }
}

/// The library's index pipeline, over folders: one graph, each module loaded once.
pub fn plan(
    store: &Path,
    pack: &str,
    sources: Vec<PlannedSource>,
    keep: Option<Keep>,
) -> anyhow::Result<Plan> {
    let mut files = [ready("index", pack)?];
    override_sources(
        &mut files,
        &[("video".to_owned(), "test://black".to_owned())],
    );
    let mut plan = atom_pipelines::plan(&files);
    plan.sources = sources;
    let sources = 0..plan.sources.len();
    let names: BTreeMap<usize, String> = sources.clone().map(|at| (at, String::new())).collect();
    for node in &mut plan.nodes {
        match &mut node.kind {
            NodeKind::Sample(_) => node.inputs = sources.clone().map(Input::Source).collect(),
            NodeKind::Index(spec) => {
                store.clone_into(&mut spec.store);
                spec.keep = keep;
                node.source_names.clone_from(&names);
            }
            _ => {}
        }
    }
    Ok(plan)
}

/// Runs such a plan until all is indexed or Ctrl-C is pressed, and goes on where the index stopped.
pub fn index(plan: &Plan) -> anyhow::Result<Outcome> {
    let audience = Box::new(Printer::new(Style::Indexed));
    let options = Options {
        resume: true,
        ..Options::new(terminal::stop_on_signal()?, audience)
    };
    Ok(run::run(plan, options)?)
}
