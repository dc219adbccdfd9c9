//! The settings of a source, apart from its URI.
//!
//! A live source, such as a camera or a web stream, never ends by itself. It is played in real time, reconnects
//! indefinitely, and drops frames rather than fall behind. Every other source is a recording: it is processed from
//! beginning to end, and waits when the pipeline is busy.

use std::{ops::RangeInclusive, path::PathBuf};

use atom_operators::node::SpecError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::uri::Uri;

/// Settings of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// Whether it shows the present. If absent, it does if it is a camera (rtsp://, v4l2://) or a web address that does not end like the
    /// name of a recording (.mp4, .mkv, .webm ...). A recording with `live = true` is played again and again as a camera would show it.
    pub live: Option<bool>,
    /// The name to log in with; goes before one in the uri.
    pub user: Option<String>,
    /// A file whose first line is the password to log in with. The password is never shown, logged or counted.
    pub password_file: Option<PathBuf>,
    /// Of a live source: without a picture for so long it counts as stalled and is connected anew. Milliseconds, 100 to 600000.
    pub stall_ms: u64,
    /// Of a live source: the wait before the first new attempt to connect; each one after waits about twice as long.
    /// Milliseconds, 10 to 3600000.
    pub retry_from_ms: u64,
    /// Of a live source: no attempt to connect waits longer than this. Milliseconds, at least `retry_from_ms`, to 3600000.
    pub retry_to_ms: u64,
    /// Of a folder: whether to go on looking, for recordings that come, grow, change, or go.
    pub watch: bool,
    /// Of a folder: whether what is stored of a recording stays when the recording is gone.
    pub keep_gone: bool,
    /// Of a live source: a caption that is not there so long after its segment was over is given up, and its draft
    /// stands; an answer is given up. Milliseconds, 500 to 600000.
    pub late_after_ms: u64,
}

impl Default for SourceSettings {
    /// `stall_ms` leaves time for cameras that send a key frame only every few seconds. `late_after_ms` is the ten
    /// seconds for which a waiting user stays attentive (Nielsen, Usability Engineering, 1993).
    fn default() -> Self {
        Self {
            live: None,
            user: None,
            password_file: None,
            watch: false,
            keep_gone: false,
            stall_ms: 5000,
            retry_from_ms: 1000,
            retry_to_ms: 60_000,
            late_after_ms: 10_000,
        }
    }
}

impl SourceSettings {
    /// The smallest useful TOML text of a camera.
    pub const EXAMPLE: &str = "uri = \"rtsp://192.0.2.7/door\"\nuser = \"viewer\"\npassword_file = \"door.password\"\nlate_after_ms = 10000\n";

    /// Rejects durations outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        in_range("stall_ms", self.stall_ms, 100..=600_000, "100 to 600000")?;
        in_range(
            "retry_from_ms",
            self.retry_from_ms,
            10..=3_600_000,
            "10 to 3600000",
        )?;
        in_range(
            "retry_to_ms",
            self.retry_to_ms,
            self.retry_from_ms..=3_600_000,
            "retry_from_ms to 3600000",
        )?;
        in_range(
            "late_after_ms",
            self.late_after_ms,
            500..=600_000,
            "500 to 600000",
        )
    }

    /// Returns true if a source with this URI is live.
    pub fn is_live(&self, uri: &str) -> bool {
        self.live
            .unwrap_or_else(|| Uri::parse(uri).is_ok_and(|uri| uri.is_live()))
    }
}

fn in_range(
    key: &'static str,
    ms: u64,
    range: RangeInclusive<u64>,
    expected: &'static str,
) -> Result<(), SpecError> {
    if range.contains(&ms) {
        return Ok(());
    }
    Err(SpecError {
        key,
        found: ms.to_string(),
        expected,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_and_web_streams_are_live_and_recordings_are_not() {
        let settings = SourceSettings::default();
        let live = [
            "rtsp://h/x",
            "v4l2:///dev/video0",
            "http://h/stream",
            "https://h/live.m3u8?x=1",
            "http://h/video.mjpg",
        ];
        for uri in live {
            assert!(settings.is_live(uri), "{uri}");
        }
        for uri in [
            "x.mp4",
            "test://ball",
            "https://h/x.MP4?y=z",
            "file:///x.ts",
        ] {
            assert!(!settings.is_live(uri), "{uri}");
        }
        let with_live = |live| SourceSettings {
            live: Some(live),
            ..SourceSettings::default()
        };
        assert!(with_live(true).is_live("test://ball") && !with_live(false).is_live("rtsp://h/x"));
    }

    #[test]
    fn rejects_durations_outside_their_ranges() {
        let rejected_key = |change: fn(&mut SourceSettings)| {
            let mut settings = SourceSettings::default();
            change(&mut settings);
            settings.check().unwrap_err().key
        };
        assert_eq!(rejected_key(|s| s.stall_ms = 5), "stall_ms");
        assert_eq!(rejected_key(|s| s.retry_from_ms = 0), "retry_from_ms");
        assert_eq!(rejected_key(|s| s.retry_to_ms = 999), "retry_to_ms");
        assert_eq!(
            rejected_key(|s| s.late_after_ms = 4_000_000),
            "late_after_ms"
        );
        assert_eq!(SourceSettings::default().check(), Ok(()));
    }
}
