//! The settings of a source, beside where its frames come from.
//!
//! Live is what shows the present and never ends by itself: a camera, a stream of a web server. It is played as it comes, lost
//! and found again for ever, and lets frames go rather than fall behind. Everything else is a recording: it is worked
//! through from its beginning to its end and waits where there is no room.

use std::path::PathBuf;

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
    /// A camera that sends a key frame every few seconds is not taken for stalled; ten seconds are the attention of who waits
    /// (Nielsen, Usability Engineering, 1993).
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
    /// Smallest useful text of a source that is a camera.
    pub const EXAMPLE: &str = "uri = \"rtsp://192.0.2.7/door\"\nuser = \"viewer\"\npassword_file = \"door.password\"\nlate_after_ms = 10000\n";

    /// Rejects times outside their ranges.
    pub fn check(&self) -> Result<(), SpecError> {
        let within = |key, ms: u64, (least, most): (u64, u64), expected| match (least..=most)
            .contains(&ms)
        {
            true => Ok(()),
            false => Err(SpecError {
                key,
                found: ms.to_string(),
                expected,
            }),
        };
        within("stall_ms", self.stall_ms, (100, 600_000), "100 to 600000")?;
        within(
            "retry_from_ms",
            self.retry_from_ms,
            (10, 3_600_000),
            "10 to 3600000",
        )?;
        let least = self.retry_from_ms;
        let expected = "retry_from_ms to 3600000";
        within(
            "retry_to_ms",
            self.retry_to_ms,
            (least, 3_600_000),
            expected,
        )?;
        within(
            "late_after_ms",
            self.late_after_ms,
            (500, 600_000),
            "500 to 600000",
        )
    }

    /// Whether a source with this uri shows the present.
    pub fn is_live(&self, uri: &str) -> bool {
        let by_itself = || Uri::parse(uri).is_ok_and(|uri| uri.is_live());
        self.live.unwrap_or_else(by_itself)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_and_streams_are_live_recordings_are_not() {
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
        let said = |live| SourceSettings {
            live: Some(live),
            ..SourceSettings::default()
        };
        assert!(said(true).is_live("test://ball") && !said(false).is_live("rtsp://h/x"));
    }

    #[test]
    fn refuses_times_that_make_no_sense() {
        let wrong = |change: fn(&mut SourceSettings)| {
            let mut settings = SourceSettings::default();
            change(&mut settings);
            settings.check().unwrap_err().key
        };
        assert_eq!(wrong(|s| s.stall_ms = 5), "stall_ms");
        assert_eq!(wrong(|s| s.retry_from_ms = 0), "retry_from_ms");
        assert_eq!(wrong(|s| s.retry_to_ms = 999), "retry_to_ms");
        assert_eq!(wrong(|s| s.late_after_ms = 4_000_000), "late_after_ms");
        assert_eq!(SourceSettings::default().check(), Ok(()));
    }
}
