//! Cases of a generated table of videos: a format with a timing, a distance of its key frames, a sound and a direction.
//!
//! The name of a case says all of it. A case whose encoder or container refuses it has no file.

use std::{collections::HashSet, path::PathBuf};

use crate::{generated_media, media_format::MediaFormat, test_card};

/// The times of the frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Timing {
    /// 25 frames a second.
    Even,
    /// 30000/1001 frames a second.
    Ntsc,
    /// 4 frames a second.
    Slow,
    /// A pause after every fifth frame.
    Variable,
    /// The first frame comes 1.6 s after the beginning.
    Late,
}

/// The distance of the key frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyFrames {
    /// Every frame is one.
    Every,
    /// Every seventh frame is one.
    Some,
    /// Only the first frame is one.
    First,
}

/// The sound beside the video.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Sound {
    /// There is none.
    None,
    /// It ends before the video.
    Shorter,
    /// It goes on after the video.
    Longer,
    /// It begins after the video.
    Later,
}

/// The direction that the metadata gives, in degrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Turn {
    /// Upright.
    No,
    /// A quarter turn.
    Quarter,
    /// Upside down.
    Half,
    /// A quarter turn to the other side.
    Back,
}

const TIMINGS: [Timing; 5] = [
    Timing::Even,
    Timing::Ntsc,
    Timing::Slow,
    Timing::Variable,
    Timing::Late,
];
const KEY_FRAMES: [KeyFrames; 3] = [KeyFrames::Every, KeyFrames::Some, KeyFrames::First];
const SOUNDS: [Sound; 4] = [Sound::None, Sound::Shorter, Sound::Longer, Sound::Later];
const TURNS: [Turn; 4] = [Turn::No, Turn::Quarter, Turn::Half, Turn::Back];

/// One video of the table.
#[derive(Clone, Copy, Debug)]
pub struct MediaCase {
    /// The codec with its options.
    pub format: &'static MediaFormat,
    /// The pixel format, as ffmpeg names it.
    pub pixels: &'static str,
    /// The container, by the extension of its files.
    pub container: &'static str,
    /// The times of the frames.
    pub timing: Timing,
    /// The distance of the key frames.
    pub key_frames: KeyFrames,
    /// The sound beside the video.
    pub sound: Sound,
    /// The direction that the metadata gives.
    pub turn: Turn,
}

impl MediaCase {
    /// Returns all cases of a format with these pixels in this container: every timing with every sound, and with these the
    /// other properties in turn.
    pub fn all(
        format: &'static MediaFormat,
        pixels: &'static str,
        container: &'static str,
    ) -> impl Iterator<Item = Self> {
        let case = move |n: usize| Self {
            format,
            pixels,
            container,
            timing: TIMINGS[n % TIMINGS.len()],
            key_frames: KEY_FRAMES[n % KEY_FRAMES.len()],
            sound: SOUNDS[n % SOUNDS.len()],
            turn: TURNS[n / TIMINGS.len() % TURNS.len()],
        };
        let cases = (0..TIMINGS.len() * SOUNDS.len()).map(move |n| case(n).adapted());
        let mut names = HashSet::new();
        cases.filter(move |case| names.insert(case.name()))
    }

    /// Leaves out what the container or the codec cannot have: few know sound, directions or uneven times.
    fn adapted(mut self) -> Self {
        let any_times = ["mp4", "mov", "mkv", "webm"].contains(&self.container);
        let sound = ["avi", "ts", "flv", "mpg", "asf", "ogv"].contains(&self.container);
        let (uneven, fixed_rate) = (any_times && !self.format.even, self.format.rate.is_some());
        if !["mp4", "mov"].contains(&self.container) {
            self.turn = Turn::No;
        }
        if !any_times && !sound {
            self.sound = Sound::None;
        }
        self.timing = match self.timing {
            Timing::Variable | Timing::Late if !uneven => Timing::Even,
            Timing::Ntsc | Timing::Slow if fixed_rate => Timing::Even,
            Timing::Slow if self.format.even => Timing::Even,
            timing => timing,
        };
        self
    }

    /// Returns a name that says what it is.
    pub fn name(&self) -> String {
        format!(
            "{}-{}-{:?}-{:?}keys-{:?}sound-{:?}turn.{}",
            self.format.name,
            self.pixels,
            self.timing,
            self.key_frames,
            self.sound,
            self.turn,
            self.container
        )
        .to_lowercase()
    }

    /// Generates the file; none if ffmpeg cannot make it.
    pub fn generate(&self) -> Option<PathBuf> {
        let arguments = self.arguments();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        generated_media::try_generate_from(&self.name(), &arguments, &test_card::frames())
    }

    fn arguments(&self) -> Vec<String> {
        let rate = self.format.rate.unwrap_or(match self.timing {
            Timing::Ntsc => "30000/1001",
            Timing::Slow => "4",
            Timing::Even | Timing::Variable | Timing::Late => "25",
        });
        let (width, height) = test_card::SIZE;
        let card = format!("-f rawvideo -pix_fmt rgb24 -s {width}x{height} -r {rate} -i -");
        let late = match self.timing {
            Timing::Late => "-itsoffset 1.6",
            _ => "",
        };
        let sound = match self.sound {
            Sound::None => "",
            Sound::Shorter => "-f lavfi -i sine=r=48000:d=0.3 -map 0 -map 1",
            Sound::Longer => "-f lavfi -i sine=r=48000:d=9 -map 0 -map 1",
            Sound::Later => "-itsoffset 0.4 -f lavfi -i sine=r=48000:d=1 -map 0 -map 1",
        };
        let all = format!(
            "{late} {card} {sound} {} {}",
            self.filters(),
            self.options()
        );
        all.split_whitespace().map(str::to_owned).collect()
    }

    fn filters(&self) -> String {
        let scale = match self.format.size {
            Some((width, height)) => format!("scale={width}:{height}:flags=neighbor"),
            None => "null".into(),
        };
        let scale = match self.has_alpha() {
            true => format!("format=rgba,colorchannelmixer=aa=0.5,{scale}"),
            false => scale,
        };
        match self.timing {
            Timing::Variable => {
                format!("-vf {scale},setpts='(N+3*floor(N/5))/25/TB' -fps_mode vfr")
            }
            _ => format!("-vf {scale}"),
        }
    }

    fn options(&self) -> String {
        let distance = match self.key_frames {
            KeyFrames::Every => 1,
            KeyFrames::Some => 7,
            KeyFrames::First => 600,
        };
        let turn = match self.turn {
            Turn::No => "",
            Turn::Quarter => "-metadata:s:v rotate=90",
            Turn::Half => "-metadata:s:v rotate=180",
            Turn::Back => "-metadata:s:v rotate=270",
        };
        let (encoder, pixels) = (self.format.encoder, self.pixels);
        format!("{encoder} -pix_fmt {pixels} -g {distance} {turn} -threads 1 -strict -2")
    }

    /// True if the frames are half transparent.
    pub fn has_alpha(&self) -> bool {
        let alpha = ["yuva", "rgba", "bgra", "argb", "gbrap", "ya8"];
        alpha.iter().any(|kind| self.pixels.starts_with(kind))
    }

    /// Returns the size of a shown frame that keeps its proportions.
    pub fn shown_size(&self) -> (u32, u32) {
        let (width, height) = test_card::SIZE;
        match self.turn {
            Turn::No | Turn::Half => (width, height),
            Turn::Quarter | Turn::Back => (height, width),
        }
    }
}
