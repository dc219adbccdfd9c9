//! What whole-program tests share; the tests themselves are in `tests/`, a file for each promise.
//!
//! [`program`] runs `atom` as a user would, with a bound on every wait; [`pipeline`] writes pipeline files for it;
//! [`media`] makes videos with ffmpeg and [`counter`] videos whose frames show their number; [`frames`] takes frames
//! from the engine's source; [`subtitles`] reads WebVTT and SRT strictly; [`cache`] makes caches of packs; [`exam`]
//! makes a folder to evaluate, and [`lesson`] one to train from; [`live`] has cameras, and what a run tells of itself;
//! [`versions`] has other versions of the fake pack. [`rust_files`] parses the sources of the workspace, and [`imports`]
//! finds which of them use one another.

pub mod cache;
pub mod counter;
pub mod exam;
pub mod frames;
pub mod imports;
pub mod lesson;
pub mod live;
pub mod media;
pub mod pipeline;
pub mod program;
pub mod rust_files;
pub mod subtitles;
pub mod versions;
