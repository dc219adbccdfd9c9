//! `atom store upgrade`: indexes again with another pack or version, beside what there is.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::ExitCode,
};

use atom_index::{Filter, Removed, Store, id_of};
use atom_models::Pack;
use atom_pipelines::{PlannedSource, SourceSettings, Uri};
use clap::Args;
use serde_json::json;

use super::{index::run_index_plan, query};
use crate::{
    library_pipeline::index_plan,
    output::{eprint_line, list_names, report_outcome},
};

/// Index again with another pack or version, beside what there is; goes on where it stopped.
#[derive(Args)]
#[command(after_help = "\
Searches use what there is of a recording until the new pack is through with it. The older rows stay until --finish; until then
`atom store rollback` goes back to them.

Examples:
  atom store upgrade                       with the version that is installed now
  atom store upgrade --pack other
  atom store upgrade --finish              removes the older rows")]
pub struct Upgrade {
    /// The pack to index with, if not the one that made the newest rows.
    #[arg(long)]
    pack: Option<String>,
    /// Remove the rows of older packs wherever newer ones are in use; then there is no way back.
    #[arg(long, conflicts_with = "pack")]
    finish: bool,
}

/// What a command came to: for people, as JSON, and how it ended.
pub type Told = (String, serde_json::Value, ExitCode);

/// The recordings that are to be indexed again, and sources of which no file is there.
struct Work {
    recordings: BTreeMap<PathBuf, String>,
    without_file: Vec<String>,
}

impl Upgrade {
    /// Does it; the store is at `path`.
    pub fn run(&self, path: &Path, mut store: Store) -> anyhow::Result<Told> {
        if self.finish {
            return finish(&mut store);
        }
        let pack = Pack::open(&self.pack_name(&store)?)?.id();
        let work = work(&store, &pack)?;
        if !work.without_file.is_empty() {
            eprint_line(&format!(
                "no file is there of {}; their rows stay as they are",
                list_names(&work.without_file)
            ));
        }
        let wanted = work.recordings.len();
        let code = match wanted {
            0 => ExitCode::SUCCESS,
            _ => again(path, &pack, work.recordings)?,
        };
        let left = self::work(&store, &pack)?.recordings.len();
        let told = match wanted {
            0 => format!("there is no recording to index again with {pack}"),
            _ => format!(
                "{} of {wanted} recordings are upgraded to {pack}; `atom store rollback` goes back, \
                `atom store upgrade --finish` removes the older rows",
                wanted.saturating_sub(left)
            ),
        };
        let data = json!({"pack": pack, "recordings": wanted, "left": left, "without_file": work.without_file});
        Ok((told, data, code))
    }

    /// The pack that was named, else the one with which an upgrade is under way, else the one that made the newest rows.
    fn pack_name(&self, store: &Store) -> anyhow::Result<String> {
        if let Some(pack) = &self.pack {
            return Ok(pack.clone());
        }
        let under_way = store.stats()?.under_way;
        let newest = under_way.iter().rfind(|state| !state.current);
        let newest = match newest {
            Some(state) => Some(id_of(&state.pack).to_owned()),
            None => store.packs(&Filter::default())?.into_iter().next(),
        };
        let Some(id) = newest else {
            return Ok("mini".to_owned());
        };
        // Of one that is not there any more, NAME-VERSION tells the name.
        Ok(match Pack::open(&id) {
            Ok(pack) => pack.manifest().name.clone(),
            Err(_) => id_of(&id).to_owned(),
        })
    }
}

/// What there is to do for a pack.
fn work(store: &Store, pack: &str) -> anyhow::Result<Work> {
    let mut work = Work {
        recordings: BTreeMap::new(),
        without_file: Vec::new(),
    };
    for source in store.outdated(pack)? {
        match store.place(&source)? {
            Some(place) if place.path.is_file() => {
                work.recordings.insert(place.path, source);
            }
            _ => work.without_file.push(source),
        }
    }
    Ok(work)
}

/// Indexes recordings under the names that they have.
fn again(
    store: &Path,
    pack: &str,
    recordings: BTreeMap<PathBuf, String>,
) -> anyhow::Result<ExitCode> {
    eprint_line(&format!(
        "{} recordings are indexed again with {pack}; until each is, what there is of it is searched",
        recordings.len()
    ));
    let source = PlannedSource {
        name: String::new(),
        uri: Uri::folder_uri(Path::new("/")),
        settings: SourceSettings {
            keep_gone: true,
            ..SourceSettings::default()
        },
        aliases: Vec::new(),
        recordings,
    };
    let outcome = run_index_plan(&index_plan(store, pack, vec![source], None)?)?;
    Ok(report_outcome(&outcome))
}

/// Brings what matches standing queries along, if there are any.
fn settled(store: &Store) -> anyhow::Result<()> {
    if !store.queries()?.is_empty() {
        query::update_matches(Store::open_existing(store.path())?)?;
    }
    Ok(())
}

fn finish(store: &mut Store) -> anyhow::Result<Told> {
    let removed = store.drop_older()?;
    settled(store)?;
    let left = store.stats()?.under_way;
    let mut told = match removed.sources {
        0 => "there are no rows of older packs that could be removed".to_owned(),
        _ => format!(
            "{}; `atom store compact` gives their room back",
            said(&removed)
        ),
    };
    if !left.is_empty() {
        told += "; an upgrade is under way: `atom store upgrade` goes on with it";
    }
    Ok((told, json!({"removed": removed}), ExitCode::SUCCESS))
}

/// `atom store rollback`: goes back to the older rows.
pub fn roll_back(store: &mut Store) -> anyhow::Result<Told> {
    let removed = store.roll_back()?;
    settled(store)?;
    let told = format!("{}; the older ones are in use again", said(&removed));
    Ok((told, json!({"removed": removed}), ExitCode::SUCCESS))
}

fn said(removed: &Removed) -> String {
    let packs = removed.packs.join(", ");
    format!(
        "the rows that {packs} made of {} sources are removed",
        removed.sources
    )
}
