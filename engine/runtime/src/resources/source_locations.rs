//! Locates the sources of a plan and the contents of its folders.

use std::io::ErrorKind;

use atom_media::{Location, check_playable, folder::RecordingSet};
use atom_pipelines::{Plan, PlannedSource, Uri};

use crate::error::RuntimeError;

/// Returns the location of each source; `None` for folders, whose recordings have locations of their own.
///
/// # Errors
/// If a location cannot be parsed, or if the only source cannot be read or is no video.
pub(crate) fn locations(plan: &Plan) -> Result<Vec<Option<Location>>, RuntimeError> {
    let location = |source: &PlannedSource| match source.is_folder() {
        true => Ok(None),
        false => Location::of(source).map(Some),
    };
    let parsed: Vec<_> = plan
        .sources
        .iter()
        .map(location)
        .collect::<Result<_, _>>()?;
    // A single source that cannot be read ends the run before it starts; among several it is one failure.
    if let [Some(only)] = &parsed[..] {
        only.check()?;
        check_playable(only)?;
    }
    Ok(parsed)
}

/// Returns the contents of the folders of a plan, each with the index of its planned source.
///
/// # Errors
/// If a folder cannot be read, if one that is not watched holds no recording, or if the only recording that is named is no video.
pub(crate) fn recording_sets(plan: &Plan) -> Result<Vec<(usize, RecordingSet)>, RuntimeError> {
    let only = plan.sources.len() == 1;
    let folders = plan.sources.iter().enumerate();
    let folders = folders.filter(|(_, source)| source.is_folder());
    folders
        .map(|(at, source)| Ok((at, recordings(source, only)?)))
        .collect()
}

fn recordings(source: &PlannedSource, only: bool) -> Result<RecordingSet, RuntimeError> {
    let uri = Uri::parse(&source.uri).ok();
    let path = uri.and_then(|uri| uri.path().cloned()).unwrap_or_default();
    let shown = path.display().to_string();
    let recordings = match RecordingSet::open(&path) {
        Ok(recordings) => recordings,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(RuntimeError::NoRecordings {
                path: shown,
                reason: "it does not exist".to_owned(),
            });
        }
        Err(source) => {
            return Err(RuntimeError::Folder {
                path: shown,
                source,
            });
        }
    };
    if only && !source.settings.watch && path.is_file() {
        check_playable(&Location::File(path))?;
    }
    // A watched folder may still get its first recording.
    match recordings.why_empty().filter(|_| !source.settings.watch) {
        Some(reason) => Err(RuntimeError::NoRecordings {
            path: shown,
            reason,
        }),
        None => Ok(recordings),
    }
}
