//! The kinds of sinks: where captions, answers and summaries are written.
//!
//! The settings and their documentation stand here; the engine has a file for each kind that writes it.

use std::path::PathBuf;

use atom_operators::node::{SpecError, StreamKind};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Settings of a sink that writes one file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSinkSpec {
    /// The file to write; written anew in each run. Relative to the working directory.
    pub path: PathBuf,
}

/// Settings of a sink that writes JSON lines.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct JsonlSinkSpec {
    /// The file to write; written anew in each run. Relative to the working directory.
    pub path: PathBuf,
    /// Whether drafts are written too: a caption from memory, some milliseconds after its segment closed, which the
    /// line of kind `caption` with the same source and `start_ms` replaces.
    #[serde(default)]
    pub drafts: bool,
}

/// A sink's kind with its settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum SinkKind {
    /// Subtitles for web players.
    Webvtt(FileSinkSpec),
    /// Subtitles for nearly every other player.
    Srt(FileSinkSpec),
    /// One JSON object a line.
    Jsonl(JsonlSinkSpec),
}

impl SinkKind {
    /// The word for this kind in a pipeline file.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Webvtt(_) => "webvtt",
            Self::Srt(_) => "srt",
            Self::Jsonl(_) => "jsonl",
        }
    }

    /// What this kind does, in one sentence.
    pub fn about(&self) -> &'static str {
        match self {
            Self::Webvtt(_) => {
                "Writes captions and answers as WebVTT subtitles, a cue for each segment."
            }
            Self::Srt(_) => {
                "Writes captions and answers as SubRip (.srt) subtitles, a cue for each segment."
            }
            Self::Jsonl(_) => {
                "Writes every caption, answer, summary and event of a standing query as one JSON object a line."
            }
        }
    }

    /// Smallest useful text of this sink.
    pub fn example(&self) -> &'static str {
        match self {
            Self::Webvtt(_) => {
                "kind = \"webvtt\"\ninputs = [\"captions\"]\npath = \"captions.vtt\"\n"
            }
            Self::Srt(_) => "kind = \"srt\"\ninputs = [\"captions\"]\npath = \"captions.srt\"\n",
            Self::Jsonl(_) => {
                "kind = \"jsonl\"\ninputs = [\"captions\"]\npath = \"captions.jsonl\"\n"
            }
        }
    }

    /// What may stand on this sink's inputs.
    pub fn takes(&self) -> &'static [StreamKind] {
        match self {
            // A summary is of a minute, a cue of a segment: over one video they would overlap.
            Self::Webvtt(_) | Self::Srt(_) => &[StreamKind::Captions, StreamKind::Answers],
            Self::Jsonl(_) => &[
                StreamKind::Captions,
                StreamKind::Answers,
                StreamKind::Summaries,
            ],
        }
    }

    /// The file that this sink writes.
    pub fn path(&self) -> &PathBuf {
        match self {
            Self::Webvtt(spec) | Self::Srt(spec) => &spec.path,
            Self::Jsonl(spec) => &spec.path,
        }
    }

    /// Whether it takes drafts of captions too.
    pub fn drafts(&self) -> bool {
        matches!(self, Self::Jsonl(spec) if spec.drafts)
    }

    /// Rejects an empty path.
    pub fn check(&self) -> Result<(), SpecError> {
        if !self.path().as_os_str().is_empty() {
            return Ok(());
        }
        Err(SpecError {
            key: "path",
            found: "empty".to_owned(),
            expected: "the path of a file",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_an_empty_path() {
        for kind in [
            SinkKind::Webvtt(FileSinkSpec::default()),
            SinkKind::Jsonl(JsonlSinkSpec::default()),
        ] {
            assert_eq!(kind.check().unwrap_err().key, "path", "{}", kind.name());
        }
    }
}
