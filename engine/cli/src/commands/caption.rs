//! `atom caption`: the captions of one video.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::ExitCode,
};

use atom_media::Location;
use atom_pipelines::{
    EarlierLines, FileSinkSpec, JsonlSinkSpec, OutputPath, SinkKind, Uri, check, override_sources,
    plan,
};
use atom_runtime::{
    RunOptions, run,
    sink::{self, Format},
};
use clap::{Args, ValueEnum};

use crate::{
    built_in_pipeline::built_in_pipeline,
    output::{ResultFormat, RunPrinter, report_outcome, stdout_of_sink},
    signals::{cancel_on_ctrl_c, hangups},
};

/// Caption a video.
#[derive(Args)]
#[command(after_help = "\
Examples:
  atom caption holiday.mp4                 captions as WebVTT on stdout
  atom caption holiday.mp4 -o holiday.srt  captions as SubRip in a file
  atom caption holiday.mp4 --format jsonl  one JSON object per caption")]
pub struct Caption {
    /// Video file in any format that GStreamer can play, or test://PATTERN for generated video.
    video: OsString,
    /// Format of captions: vtt, srt or jsonl (default: from the extension of --output, otherwise vtt).
    #[arg(long, value_enum, hide_possible_values = true)]
    format: Option<CaptionFormat>,
    /// Output file, or - for stdout, the default; an existing file is replaced once all captions are written.
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Model pack.
    #[arg(long, default_value = "mini")]
    pack: String,
}

/// The formats of captions.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum CaptionFormat {
    /// WebVTT, for web players.
    Vtt,
    /// SubRip, for most other players.
    Srt,
    /// One JSON object per line.
    Jsonl,
}

impl Caption {
    /// Captions the video, on stdout or into a file.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let format = self.format();
        let path = self.output.as_ref().filter(|path| !is_stdout(path));
        let mut file = built_in_pipeline("caption", &self.pack)?;
        file.sinks.retain(|_| path.is_some());
        if let (Some(path), Some(sink)) = (path.cloned(), file.sinks.first_mut()) {
            sink.kind = match format {
                CaptionFormat::Vtt => SinkKind::Webvtt(FileSinkSpec { path }),
                CaptionFormat::Srt => SinkKind::Srt(FileSinkSpec { path }),
                CaptionFormat::Jsonl => SinkKind::Jsonl(JsonlSinkSpec {
                    path,
                    earlier: EarlierLines::Replace,
                    drafts: false,
                }),
            };
            file.attribute_sinks_to("--output");
        }
        let video = Uri::of_argument(&self.video);
        Location::parse(&video)?.check()?;
        let mut files = [file];
        override_sources(&mut files, &[("video".to_owned(), video)]);
        check(&files)?;
        let stop = cancel_on_ctrl_c()?;
        let printed = match path {
            Some(_) => ResultFormat::Silent,
            None => ResultFormat::Sink(sink::over(
                format.of_sink(),
                stdout_of_sink(),
                "stdout",
                &["video"],
            )?),
        };
        let printer = Box::new(RunPrinter::new(printed));
        let options = RunOptions {
            hangups: hangups(),
            ..RunOptions::new(stop, printer)
        };
        let outcome = run(&plan(&files), options)?;
        Ok(report_outcome(&outcome))
    }

    /// Returns the format that was given, or else the one that the name of the output ends with, or else WebVTT.
    fn format(&self) -> CaptionFormat {
        let extension = self
            .output
            .as_ref()
            .and_then(|path| path.extension())
            .and_then(|extension| extension.to_str());
        self.format.unwrap_or(match extension {
            Some("srt") => CaptionFormat::Srt,
            Some("jsonl" | "json") => CaptionFormat::Jsonl,
            _ => CaptionFormat::Vtt,
        })
    }
}

fn is_stdout(path: &Path) -> bool {
    OutputPath::of(path) == OutputPath::Stdout
}

impl CaptionFormat {
    /// Returns the format of a sink that writes these captions.
    fn of_sink(self) -> Format {
        match self {
            Self::Vtt => Format::WebVtt,
            Self::Srt => Format::Srt,
            Self::Jsonl => Format::Jsonl,
        }
    }
}
