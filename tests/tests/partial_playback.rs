//! Playback from a later position, or of sparse frames, gives exactly the frames of a complete playback: the same pixels, at
//! the same times to the nanosecond.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout)]

use std::path::{Path, PathBuf};

use atom_media::{FrameSelection, PlaybackRequest};
use atom_operators::{media_time::MediaTime, sampling_grid::SamplingGrid};
use atom_tests::{
    generated_media,
    playback::{Playback, TimedFrame, all_frames, play, play_all},
};

const SIZE: (u32, u32) = (64, 48);

/// Generates a video in which every frame is different.
fn video(name: &str, seconds: f64, options: &[&str]) -> PathBuf {
    let source = format!("testsrc2=s=160x120:r=25:d={seconds}");
    let mut arguments = vec!["-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p"];
    arguments.extend(options);
    generated_media::generate(name, &arguments)
}

const H264: [&str; 4] = ["-c:v", "libx264", "-threads", "1"];

/// Generates videos with different containers and codecs, each of which makes seeking hard in another way.
fn videos() -> Vec<PathBuf> {
    let h264 = |name: &str, options: &[&str]| video(name, 9.0, &[&H264, options].concat());
    let open = [
        "-x264-params",
        "open-gop=1:keyint=25:min-keyint=25:bframes=3:b-pyramid=normal:scenecut=0",
    ];
    let closed = ["-x264-params", "keyint=40:min-keyint=5:bframes=3:ref=4"];
    let with = |options: &[&'static str], more: &[&'static str]| [options, more].concat();
    let mut all = vec![
        h264("closed.mp4", &closed),
        h264("open.mp4", &open),
        h264("open.mkv", &open),
        h264("open.ts", &open),
        h264("closed.ts", &closed),
        h264("closed.m2ts", &closed),
        h264("open.avi", &open),
        h264("open.flv", &open),
        h264(
            "fragments.mp4",
            &with(&closed, &["-movflags", "frag_keyframe+empty_moov"]),
        ),
        h264("few.mp4", &["-x264-params", "keyint=10000:scenecut=0"]),
        h264(
            "refresh.mp4",
            &["-x264-params", "intra-refresh=1:keyint=25:bframes=0"],
        ),
        h264(
            "refresh.ts",
            &["-x264-params", "intra-refresh=1:keyint=25:bframes=0"],
        ),
        // Frames that look like key frames but are not.
        h264(
            "refs.ts",
            &[
                "-x264-params",
                "keyint=250:min-keyint=125:scenecut=100:ref=5:bframes=2",
            ],
        ),
        h264(
            "refs.mp4",
            &[
                "-force_key_frames",
                "expr:gte(t,n_forced*0.6)",
                "-x264-params",
                "forced-idr=0:keyint=250:min-keyint=125:ref=5:bframes=2",
            ],
        ),
        h264(
            "interlaced.ts",
            &with(
                &["-flags", "+ildct+ilme", "-top", "1"],
                &["-x264-params", "tff=1:keyint=25:bframes=2"],
            ),
        ),
        h264("late.mp4", &with(&closed, &["-output_ts_offset", "3.3"])),
        h264(
            "turned.mp4",
            &with(&closed, &["-metadata:s:v", "rotate=90"]),
        ),
        video(
            "hevc.mkv",
            9.0,
            &[
                "-c:v",
                "libx265",
                "-x265-params",
                "log-level=error:keyint=25:open-gop=1:bframes=3:pools=1",
            ],
        ),
        video(
            "vp9.webm",
            6.0,
            &[
                "-c:v",
                "libvpx-vp9",
                "-deadline",
                "realtime",
                "-cpu-used",
                "8",
                "-g",
                "30",
            ],
        ),
        video(
            "vp8.webm",
            6.0,
            &[
                "-c:v",
                "libvpx",
                "-deadline",
                "good",
                "-cpu-used",
                "5",
                "-auto-alt-ref",
                "1",
                "-lag-in-frames",
                "16",
                "-g",
                "30",
            ],
        ),
        video("mpeg4.avi", 9.0, &["-c:v", "mpeg4", "-bf", "2", "-g", "20"]),
        video("mpeg4.mp4", 9.0, &["-c:v", "mpeg4", "-bf", "2", "-g", "20"]),
        video(
            "mpeg2.mpg",
            9.0,
            &["-c:v", "mpeg2video", "-bf", "2", "-g", "15"],
        ),
        video(
            "mpeg2.ts",
            9.0,
            &["-c:v", "mpeg2video", "-bf", "2", "-g", "15"],
        ),
        video("motion.mov", 6.0, &["-c:v", "mjpeg"]),
        video("theora.ogv", 6.0, &["-c:v", "libtheora", "-g", "20"]),
        video("raw.y4m", 3.0, &[]),
    ];
    all.push(cut_from(&all[0], "begun_late.mp4"));
    all
}

/// Cuts a part out of a video without decoding it. The frames that its first frames depend on are hidden before its start.
fn cut_from(whole: &Path, name: &str) -> PathBuf {
    generated_media::generate(
        name,
        &["-ss", "2.3", "-i", whole.to_str().unwrap(), "-c", "copy"],
    )
}

/// Plays all of a video.
fn play_whole(video: &Path) -> Playback {
    let playback = play_all(video, SIZE);
    assert!(
        playback.result.is_ok(),
        "{}: {:?}",
        video.display(),
        playback.result
    );
    assert!(
        playback.frames.len() > 20,
        "{}: {}",
        video.display(),
        playback.frames.len()
    );
    playback
}

#[track_caller]
fn assert_same_frames(found: &[TimedFrame], expected: &[&TimedFrame], case: &str) {
    let times =
        |frames: &[&TimedFrame]| frames.iter().map(|(at, _)| at.nanos()).collect::<Vec<_>>();
    assert_eq!(
        times(&found.iter().collect::<Vec<_>>()),
        times(expected),
        "{case}"
    );
    for (found, expected) in found.iter().zip(expected) {
        assert!(
            found.1 == expected.1,
            "{case}: another frame at {}",
            found.0
        );
    }
}

#[test]
fn playback_from_a_later_position_gives_the_rest_of_a_complete_playback() {
    for video in videos() {
        let all = play_whole(&video);
        let end = all.end.nanos();
        let positions = [
            end / 10,
            end / 3,
            end / 2,
            end * 4 / 5,
            all.frames[all.frames.len() / 3].0.nanos(),
            4_000_000_000,
            end - 1,
            end,
        ];
        for from in positions.map(MediaTime::from_nanos) {
            let resumed = play(PlaybackRequest {
                from,
                ..all_frames(&video, SIZE)
            });
            let tail: Vec<_> = all
                .frames
                .iter()
                .filter(|(at, _)| at.reaches(from))
                .collect();
            let case = format!("{} from {from}", video.display());
            assert!(resumed.result.is_ok(), "{case}: {:?}", resumed.result);
            assert_same_frames(&resumed.frames, &tail, &case);
            assert_eq!(
                (resumed.end, resumed.complete, &resumed.errors),
                (all.end, all.complete, &all.errors),
                "{case}"
            );
        }
    }
}

#[test]
fn sparse_frames_are_the_same_as_if_all_frames_were_decoded() {
    for video in videos() {
        let all = play_whole(&video);
        for (fps, stretches) in [
            (0.1, &[][..]),
            (0.3, &[]),
            (0.5, &[4000]),
            (1.7, &[]),
            (4.0, &[3000]),
        ] {
            let grids = || {
                vec![
                    SamplingGrid::new(fps, stretches),
                    SamplingGrid::new(fps / 3.0, &[]),
                ]
            };
            let mut choice = grids();
            let chosen: Vec<_> = all
                .frames
                .iter()
                .filter(|(at, _)| {
                    choice
                        .iter_mut()
                        .fold(false, |wanted, grid| grid.wants(*at) | wanted)
                })
                .collect();
            let sparse = play(PlaybackRequest {
                selection: FrameSelection::Grids(grids()),
                ..all_frames(&video, SIZE)
            });
            let case = format!("{} at {fps}", video.display());
            assert_same_frames(&sparse.frames, &chosen, &case);
            assert_eq!(
                (sparse.end, sparse.complete, &sparse.errors),
                (all.end, all.complete, &all.errors),
                "{case}"
            );
        }
    }
}

#[test]
fn frames_far_from_the_selected_ones_are_not_decoded() {
    let keys = "keyint=25:min-keyint=25:scenecut=0";
    let video = video(
        "spared.mp4",
        20.0,
        &["-c:v", "libx264", "-x264-params", keys],
    );
    let sparse = play(PlaybackRequest {
        selection: FrameSelection::Grids(vec![SamplingGrid::new(0.1, &[])]),
        ..all_frames(&video, SIZE)
    });
    assert_eq!(sparse.frames.len(), 2);
    assert_eq!(sparse.received, 500);
    assert!(sparse.decoded < 150, "{} of 500", sparse.decoded);
}
