//! Errors as text: whole chains of causes, and the parts of messages that take more than a format string.

use std::path::PathBuf;

/// Says where a manifest was looked for without success.
pub(super) fn searched_places(searched: &[PathBuf], embedded: &[String]) -> String {
    let folders: Vec<_> = searched.iter().map(|p| p.display().to_string()).collect();
    match embedded {
        _ if folders.len() == 1 => format!("there is no {}/pack.toml", folders[0]),
        [] => format!("there is no pack.toml in {}", folders.join(", ")),
        names => format!(
            "there is no pack.toml in {}, and the program itself holds only {}",
            folders.join(", "),
            names.join(", ")
        ),
    }
}

/// Returns an error's message followed by those of its sources, separated by colons.
pub fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |chain, cause| {
        format!("{chain}: {cause}")
    })
}
