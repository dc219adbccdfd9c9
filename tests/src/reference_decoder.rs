//! The view of other programs on a video: the times of its frames by ffprobe, its pixels by ffmpeg, and whether GStreamer's own
//! `decodebin` plays it.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use atom_models::Image;

use crate::program::{Process, path_str};

/// Returns the times of the frames, in milliseconds; none for a frame whose time is unknown.
///
/// # Panics
/// ffprobe is missing.
pub fn frame_times(video: &Path) -> Vec<Option<f64>> {
    let entries = [
        "-select_streams",
        "v:0",
        "-show_entries",
        "frame=best_effort_timestamp_time",
    ];
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-of", "default=nokey=1:noprint_wrappers=1"])
        .args(entries)
        .arg(video)
        .stderr(Stdio::null())
        .output()
        .expect("ffprobe is installed");
    let text = String::from_utf8_lossy(&output.stdout);
    // Lines of side data are empty.
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let seconds = lines.map(|line| line.parse::<f64>().ok());
    seconds.map(|seconds| Some(seconds? * 1000.0)).collect()
}

/// Returns the frames in this size, upright and on black. `decoder` are ffmpeg's options of the input.
///
/// # Panics
/// ffmpeg is missing.
pub fn frames(
    video: &Path,
    decoder: &[&str],
    alpha: bool,
    (width, height): (u32, u32),
) -> Vec<Image> {
    let scale = format!("scale={width}:{height}:flags=bilinear+accurate_rnd+full_chroma_int");
    let filters = match alpha {
        true => format!("format=gbrap,premultiply=inplace=1,{scale},format=rgb24"),
        false => format!("{scale},format=rgb24"),
    };
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(decoder)
        .args([
            "-i",
            path_str(video),
            "-map",
            "0:v:0",
            "-fps_mode",
            "passthrough",
        ])
        .args(["-vf", &filters, "-f", "rawvideo", "-"])
        .stderr(Stdio::null())
        .output()
        .expect("ffmpeg is installed");
    let frames = output.stdout.chunks_exact((width * height * 3) as usize);
    frames
        .map(|pixels| Image::new(width, height, pixels.to_vec()).expect("the size fits"))
        .collect()
}

/// True if GStreamer's `decodebin` decodes all of a video.
pub fn decodebin_plays(video: &Path) -> bool {
    let mut command = Command::new("timeout");
    command.args(["15", "gst-launch-1.0", "-q", "filesrc"]);
    command.arg(format!("location={}", path_str(video)));
    command.args(["!", "decodebin", "!", "videoconvert", "!", "fakesink"]);
    let output = Process::start(command).wait(Duration::from_secs(60));
    output.code == Some(0)
}
