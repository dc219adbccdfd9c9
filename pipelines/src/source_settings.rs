//! The settings of a source, apart from its URI.
//!
//! A live source, such as a camera or a web stream, never ends by itself. It is played in real time, reconnects
//! indefinitely, and drops frames rather than fall behind. Every other source is a recording: it is processed from
//! beginning to end, and waits when the pipeline is busy.

use std::{ops::RangeInclusive, path::PathBuf};

use atom_operators::spec::SpecError;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    tls_settings::{Fingerprint, TlsCheck},
    uri::Uri,
};

/// Settings of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SourceSettings {
    /// Treats the source as live: it is played in real time, reconnects indefinitely, and drops frames rather than fall
    /// behind. If absent, cameras (rtsp://, rtsps://, v4l2://) are live, and so are web addresses that do not end with
    /// the file extension of a recording (.mp4, .mkv, .webm ...). A recording with `live = true` is played repeatedly in
    /// real time.
    pub live: Option<bool>,
    /// User name of the login; takes precedence over one in the uri.
    pub user: Option<String>,
    /// File with the password of the login on its first line. The password is never shown, logged or counted.
    pub password_file: Option<PathBuf>,
    /// Check of the server's certificate, for sources over TLS (rtsps://, https://). With "verify" a trusted authority
    /// must have signed the certificate for this host. "insecure" checks nothing, and warns at each start.
    pub tls: TlsCheck,
    /// SHA-256 fingerprint of the only certificate to accept, for cameras over TLS (rtsps://); useful if a camera signs
    /// its own certificate. 64 hexadecimal digits, with or without colons. The error about an unknown certificate shows
    /// its fingerprint.
    pub tls_fingerprint: Option<String>,
    /// Live sources: time without a frame after which a source counts as stalled and is reconnected. Milliseconds, 100 to
    /// 600000.
    pub stall_ms: u64,
    /// Live sources: delay before the first attempt to reconnect; each further delay is about twice as long.
    /// Milliseconds, 10 to 3600000.
    pub retry_from_ms: u64,
    /// Live sources: longest delay between attempts to reconnect. Milliseconds, `retry_from_ms` to 3600000.
    pub retry_to_ms: u64,
    /// Folders: keeps watching for recordings that are added, grow, change or disappear.
    pub watch: bool,
    /// Folders: keeps the stored results of a recording after the recording is deleted.
    pub keep_gone: bool,
    /// Live sources: time after the end of a segment at which its caption or answer is late. Late captions fall back to
    /// the draft; late answers are dropped. Milliseconds, 500 to 600000.
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
            tls: TlsCheck::Verify,
            tls_fingerprint: None,
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
    pub(crate) const EXAMPLE: &str = "uri = \"rtsp://192.0.2.7/door\"\nuser = \"viewer\"\npassword_file = \"door.password\"\nlate_after_ms = 10000\n";

    /// Rejects durations outside their ranges, and a text that is not a fingerprint.
    pub(crate) fn check(&self) -> Result<(), SpecError> {
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
        )?;
        match &self.tls_fingerprint {
            Some(text) if Fingerprint::parse(text).is_none() => Err(SpecError {
                key: "tls_fingerprint",
                found: format!("{text:?}"),
                expected: Fingerprint::EXPECTED,
            }),
            _ => Ok(()),
        }
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
    fn rejects_values_outside_their_ranges() {
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
        let ill_formed = rejected_key(|s| s.tls_fingerprint = Some("AB:CD".into()));
        assert_eq!(ill_formed, "tls_fingerprint");
        assert_eq!(SourceSettings::default().check(), Ok(()));
    }
}
