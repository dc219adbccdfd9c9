//! The formats of sinks, and opening a sink of each.

use std::{io::Write, path::Path};

use super::{
    error::SinkError,
    jsonl::Jsonl,
    output_file::{OutputFile, WriteMode},
    sink_trait::Sink,
    srt,
    subtitle_sink::Subtitles,
    webvtt,
};

/// The format of a sink's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// WebVTT, the subtitles of browsers.
    WebVtt,
    /// SubRip, the subtitles of most players.
    Srt,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// Returns its name in a pipeline file, the sink's `kind`.
    pub fn kind(self) -> &'static str {
        match self {
            Self::WebVtt => "webvtt",
            Self::Srt => "srt",
            Self::Jsonl => "jsonl",
        }
    }

    /// Returns the beginning of its files.
    fn header(self) -> &'static str {
        match self {
            Self::WebVtt => webvtt::HEADER,
            Self::Srt | Self::Jsonl => "",
        }
    }
}

/// Opens a sink that writes to a file in this mode. `sources` are those whose records it will get.
///
/// # Errors
/// If the file cannot be written, or if subtitles get any other number of sources than one.
pub fn open(
    format: Format,
    (path, mode): (&Path, &WriteMode),
    sources: &[&str],
) -> Result<Box<dyn Sink>, SinkError> {
    let name = path.display().to_string();
    check_sources(format, &name, sources)?;
    let output = OutputFile::open(path, mode, format.header())?;
    Ok(start(format, output))
}

/// Opens a sink that writes to a stream, such as standard output; errors call it `name`.
///
/// # Errors
/// The errors of [`open`].
pub fn over(
    format: Format,
    stream: Box<dyn Write + Send>,
    name: &str,
    sources: &[&str],
) -> Result<Box<dyn Sink>, SinkError> {
    check_sources(format, name, sources)?;
    let output = OutputFile::stream(stream, name, format.header());
    Ok(start(format, output))
}

/// Refuses subtitles of several sources: each has its own media time, so they cannot share a file.
fn check_sources(format: Format, name: &str, sources: &[&str]) -> Result<(), SinkError> {
    if format == Format::Jsonl || sources.len() == 1 {
        return Ok(());
    }
    Err(SinkError::NotOneSource {
        kind: format.kind(),
        name: name.to_owned(),
        sources: sources.join(", "),
    })
}

fn start(format: Format, output: OutputFile) -> Box<dyn Sink> {
    match format {
        Format::WebVtt => Box::new(Subtitles::start(output, webvtt::render)),
        Format::Srt => Box::new(Subtitles::start(output, srt::render)),
        Format::Jsonl => Box::new(Jsonl::start(output)),
    }
}

#[cfg(test)]
mod tests {
    use atom_operators::hangup::HangupCount;
    use tempfile::tempdir;

    use super::{super::test_records::caption, *};

    const ALL: [Format; 3] = [Format::WebVtt, Format::Srt, Format::Jsonl];

    #[test]
    fn subtitles_take_exactly_one_source_and_jsonl_any_number() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("out");
        for format in ALL {
            for sources in [&["a", "b"][..], &[]] {
                let opened = open(format, (&path, &WriteMode::Replace), sources);
                assert_eq!(opened.is_ok(), format == Format::Jsonl);
            }
            assert!(open(format, (&path, &WriteMode::Replace), &["a"]).is_ok());
        }
        std::fs::write(&path, "kept").unwrap();
        let refused = open(Format::Srt, (&path, &WriteMode::Replace), &["a", "b"])
            .err()
            .unwrap();
        let message = refused.to_string();
        assert!(
            message.contains("a, b") && message.contains("jsonl"),
            "{message}"
        );
        assert_eq!(std::fs::read(&path).unwrap(), b"kept");
    }

    #[test]
    fn a_file_that_grows_holds_each_record_as_soon_as_it_is_final() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("out");
        let live = WriteMode::ReplaceAtFirstResult(HangupCount::default());
        for format in ALL {
            std::fs::write(&path, "old").unwrap();
            let mut sink = open(format, (&path, &live), &["door"]).unwrap();
            sink.write(&caption(0, 4000, "a ball")).unwrap();
            sink.complete("door", 4000).unwrap();
            let held = std::fs::read_to_string(&path).unwrap();
            assert!(
                held.contains("a ball") && !held.contains("old"),
                "{format:?}: {held}"
            );
            sink.finish(true).unwrap();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), held);
        }
    }

    #[test]
    fn json_lines_of_a_second_run_are_added_to_those_of_the_first() {
        let folder = tempdir().unwrap();
        let path = folder.path().join("out");
        let append = WriteMode::Append(HangupCount::default());
        for _ in 0..2 {
            let mut sink = open(Format::Jsonl, (&path, &append), &["door"]).unwrap();
            sink.write(&caption(0, 4000, "a ball")).unwrap();
            sink.finish(false).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap().lines().count(), 2);
    }
}
