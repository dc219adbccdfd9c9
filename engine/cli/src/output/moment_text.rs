//! A moment of a source as text: its times, the date and time of day if known, the source, and the path of its file.

use jiff::{Timestamp, tz::TimeZone};

use super::time_range;

/// A moment of a source.
pub struct MomentText<'m> {
    /// Name of the source.
    pub source: &'m str,
    /// The path of its file, if it has one.
    pub path: Option<&'m str>,
    /// Start and end, in milliseconds of media time.
    pub span_ms: (u64, u64),
    /// The wall time at which it begins, as in JSON, if known.
    pub start_utc: Option<&'m str>,
}

impl MomentText<'_> {
    /// Returns the times and the source: `00:00:04.000 - 00:00:08.000  2026-11-22 14:05:04  door.mp4`.
    pub fn times_and_source(&self) -> String {
        let times = time_range(self.span_ms.0, Some(self.span_ms.1));
        match self.start_utc.and_then(date_and_time) {
            Some(date) => format!("{times}  {date}  {}", self.source),
            None => format!("{times}  {}", self.source),
        }
    }

    /// Returns the path for the end of a line: nothing if there is none, or if the name of the source is the path.
    pub fn path_in_parentheses(&self) -> String {
        match self.path.filter(|path| *path != self.source) {
            Some(path) => format!("  ({path})"),
            None => String::new(),
        }
    }
}

/// Formats a wall time in the time zone of this machine, to the second.
fn date_and_time(utc: &str) -> Option<String> {
    let moment: Timestamp = utc.parse().ok()?;
    let zoned = moment.to_zoned(TimeZone::system());
    Some(zoned.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_has_its_date_and_its_path_where_they_are_known() {
        let moment = MomentText {
            source: "door.mp4",
            path: Some("/v/door.mp4"),
            span_ms: (4000, 8000),
            start_utc: Some("2026-11-22T14:05:04.000Z"),
        };
        let date = date_and_time("2026-11-22T14:05:04.000Z").unwrap();
        let expected = format!("00:00:04.000 - 00:00:08.000  {date}  door.mp4");
        assert_eq!(moment.times_and_source(), expected);
        assert_eq!(date.len(), "2026-11-22 14:05:04".len());
        assert_eq!(moment.path_in_parentheses(), "  (/v/door.mp4)");
        let camera = MomentText {
            path: None,
            start_utc: None,
            ..moment
        };
        assert_eq!(
            camera.times_and_source(),
            "00:00:04.000 - 00:00:08.000  door.mp4"
        );
        assert_eq!(camera.path_in_parentheses(), "");
    }

    #[test]
    fn a_path_that_is_the_name_of_the_source_is_not_repeated() {
        let single = MomentText {
            source: "/v/door.mp4",
            path: Some("/v/door.mp4"),
            span_ms: (0, 1),
            start_utc: None,
        };
        assert_eq!(single.path_in_parentheses(), "");
    }
}
