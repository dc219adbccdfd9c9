//! The file that a command writes besides its results on stdout.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use atom_pipelines::FileIdentity;
use atom_runtime::sink::OutputFile;

/// The name of a chart or a heat map in messages.
pub const DRAWING: &str = "drawing";

/// Opens a file for the output that messages call `what`, before anything that takes long. `-` is stdout. A file that exists
/// keeps its content until the output is finished.
///
/// # Errors
/// If it is one of the files that the command reads or writes, under whatever name, or cannot be written.
pub fn open_output(
    path: &Path,
    what: &str,
    used: impl IntoIterator<Item = PathBuf>,
) -> anyhow::Result<OutputFile> {
    if let Some(used) = FileIdentity::overwritten(path, used) {
        bail!(
            "the {what} {path:?} would overwrite {used:?}, which this command reads or writes; choose another file"
        );
    }
    OutputFile::create(path).with_context(|| unwritable(path, what))
}

/// Writes the whole output and finishes it.
///
/// # Errors
/// If it cannot be written.
pub fn write_output(mut file: OutputFile, text: &str) -> anyhow::Result<()> {
    let written = file.write(text).and_then(|()| file.finish(true));
    Ok(written?)
}

fn unwritable(path: &Path, what: &str) -> String {
    let path = path.display();
    match what {
        DRAWING => format!("cannot write {path}"),
        what => format!("cannot write the {what} {path}"),
    }
}
