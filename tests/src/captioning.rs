//! Captions videos with the fake pack, which names the colour of the frames.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    generated_media,
    program::{ProgramOutput, Workdir, path_str},
    subtitle_parsers::{self, Cue},
};

/// Captions a video with the fake pack.
#[track_caller]
pub fn caption(video: &Path) -> (Vec<Cue>, ProgramOutput) {
    let output = Workdir::new()
        .atom(&["caption", path_str(video), "--pack", "fake"])
        .ok();
    let cues = subtitle_parsers::webvtt(&output.stdout);
    (cues, output)
}

/// Captions a video and asserts that there are no warnings, and that the cues are in order and end at `end_ms`.
#[track_caller]
pub fn caption_completely(video: &Path, end_ms: u64) -> Vec<Cue> {
    let (cues, output) = caption(video);
    assert_eq!(output.stderr, "", "{}", video.display());
    subtitle_parsers::assert_in_order(&cues, end_ms + 1);
    let last = cues.last().expect("there is a cue").end_ms;
    assert!(
        last + 1 >= end_ms,
        "{}: {last}, not {end_ms}",
        video.display()
    );
    cues
}

/// Writes the first part of a file, a share of its bytes.
pub fn truncate(dir: &Workdir, video: &Path, name: &str, share: f64) -> PathBuf {
    let whole = fs::read(video).expect("it can be read");
    let length = (whole.len() as f64 * share) as usize;
    dir.write(name, &whole[..length])
}

/// Captions a red and blue video in each container and codec, and returns those with wrong times or texts.
pub fn wrong_captions(codecs: &[(&str, &[&str])]) -> Vec<String> {
    let parts = [("red", 2.0), ("blue", 2.0)];
    let mut wrong = Vec::new();
    for (name, options) in codecs {
        let video = generated_media::colours_with(name, &parts, 25, options);
        let (cues, output) = caption(&video);
        let texts: Vec<_> = cues.iter().map(|cue| cue.text.as_str()).collect();
        let near = cues.first().is_some_and(|cue| cue.start_ms <= 40)
            && cues
                .last()
                .is_some_and(|cue| cue.end_ms.abs_diff(4000) <= 40);
        let correct = near && texts == ["A picture of red.", "A picture of blue."];
        if !correct || !output.stderr.is_empty() {
            wrong.push(format!("{name}: {output}"));
        }
    }
    wrong
}
