//! `atom caption`: the captions of one video.

use std::{io, path::PathBuf, process::ExitCode};

use atom_media::Location;
use atom_pipelines::{
    FileSinkSpec, JsonlSinkSpec, PipelineFile, SinkKind, check, library, override_sources, parse,
    plan,
};
use atom_runtime::{
    run::{self, Options},
    sink::{self, Format},
};
use clap::{Args, ValueEnum};

use super::terminal::{self, Printer, Style};

/// Caption one video.
#[derive(Args)]
pub struct Caption {
    /// The video: a file that GStreamer can play, or test://PATTERN.
    video: String,
    /// How captions are written; by the name of the output if not given, else vtt.
    #[arg(long, value_enum)]
    format: Option<Kind>,
    /// Write to this file instead of stdout.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The pack of models.
    #[arg(long, default_value = "mini")]
    pack: String,
}

/// The formats of captions.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Kind {
    /// WebVTT, for web players.
    Vtt,
    /// SubRip, for most other players.
    Srt,
    /// One JSON object a line.
    Jsonl,
}

impl Caption {
    /// Captions the video.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let kind = self.kind();
        let mut file = ready("caption", &self.pack)?;
        file.sinks.retain(|_| self.output.is_some());
        if let (Some(path), Some(sink)) = (&self.output, file.sinks.first_mut()) {
            let path = path.clone();
            sink.kind = match kind {
                Kind::Vtt => SinkKind::Webvtt(FileSinkSpec { path }),
                Kind::Srt => SinkKind::Srt(FileSinkSpec { path }),
                Kind::Jsonl => SinkKind::Jsonl(JsonlSinkSpec {
                    path,
                    drafts: false,
                }),
            };
        }
        Location::parse(&self.video)?.check()?;
        let mut files = [file];
        override_sources(&mut files, &[("video".to_owned(), self.video.clone())]);
        check(&files)?;
        let stop = terminal::stop_on_signal()?;
        let style = match self.output {
            Some(_) => Style::Silent,
            None => Style::Through(sink::over(
                format(kind),
                Box::new(io::stdout()),
                "stdout",
                &["video"],
            )?),
        };
        let audience = Box::new(Printer::new(style));
        let outcome = run::run(&plan(&files), Options::new(stop, audience))?;
        Ok(terminal::conclude(&outcome))
    }

    fn kind(&self) -> Kind {
        let ending = self
            .output
            .as_ref()
            .and_then(|path| path.extension())
            .and_then(|ending| ending.to_str());
        self.format.unwrap_or(match ending {
            Some("srt") => Kind::Srt,
            Some("jsonl" | "json") => Kind::Jsonl,
            _ => Kind::Vtt,
        })
    }
}

fn format(kind: Kind) -> Format {
    match kind {
        Kind::Vtt => Format::WebVtt,
        Kind::Srt => Format::Srt,
        Kind::Jsonl => Format::Jsonl,
    }
}

/// A pipeline of the library, with another pack.
pub fn ready(name: &str, pack: &str) -> anyhow::Result<PipelineFile> {
    let text = library::text(name)
        .ok_or_else(|| anyhow::anyhow!("there is no ready pipeline {name:?}"))?;
    let mut file = parse(&PathBuf::from(format!("{name}.toml")), text)?;
    pack.clone_into(&mut file.pack);
    Ok(file)
}
