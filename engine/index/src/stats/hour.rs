//! Hours of wall time and hours of a video, as text.

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// An hour in which segments begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hour {
    /// Hours since 1970 (UTC).
    Wall(i64),
    /// Hours of media time, of a source without a start time.
    Media(u64),
}

impl Hour {
    /// Length of an hour in milliseconds.
    pub const MS: i64 = 3_600_000;

    /// Returns the hour of a media time, given the start time of its source if it has one.
    pub fn of(start_utc_ms: Option<i64>, start_ms: u64) -> Self {
        let media = i64::try_from(start_ms).unwrap_or(i64::MAX);
        match start_utc_ms {
            Some(start) => Self::Wall(start.saturating_add(media).div_euclid(Self::MS)),
            None => Self::Media(start_ms / Self::MS.unsigned_abs()),
        }
    }

    /// Returns true for an hour of wall time.
    pub fn is_wall(self) -> bool {
        matches!(self, Self::Wall(_))
    }

    /// Returns its number among hours of its kind.
    pub fn number(self) -> i64 {
        match self {
            Self::Wall(hour) => hour,
            Self::Media(hour) => i64::try_from(hour).unwrap_or(i64::MAX),
        }
    }

    /// Returns the hour of the same kind with another number.
    pub fn with_number(self, number: i64) -> Self {
        match self {
            Self::Wall(_) => Self::Wall(number),
            Self::Media(_) => Self::Media(u64::try_from(number).unwrap_or(0)),
        }
    }

    /// Returns how many whole hours a time zone is ahead of UTC at this hour.
    pub fn ahead(self, zone: &TimeZone) -> i64 {
        let seconds = self.zoned(zone).map_or(0, |at| at.offset().seconds());
        i64::from(seconds).div_euclid(Self::MS / 1000)
    }

    /// Returns the date in a time zone; `None` for media time.
    pub fn date(self, zone: &TimeZone) -> Option<String> {
        self.zoned(zone)
            .map(|at| at.strftime("%Y-%m-%d").to_string())
    }

    /// Returns the time of day at which it begins, or the time of the video.
    pub fn time(self, zone: &TimeZone) -> String {
        match self.zoned(zone) {
            Some(at) => at.strftime("%H:%M").to_string(),
            None => format!("{}:00:00", self.number()),
        }
    }

    /// Returns date and time.
    pub fn text(self, zone: &TimeZone) -> String {
        match self.date(zone) {
            Some(date) => format!("{date} {}", self.time(zone)),
            None => self.time(zone),
        }
    }

    /// Returns its beginning in UTC, as JSON has it; `None` for media time.
    pub fn utc(self) -> Option<String> {
        self.zoned(&TimeZone::UTC)
            .map(|at| at.timestamp().to_string())
    }

    fn zoned(self, zone: &TimeZone) -> Option<Zoned> {
        match self {
            Self::Wall(hour) => {
                let at = Timestamp::from_millisecond(hour.checked_mul(Self::MS)?).ok()?;
                Some(at.to_zoned(zone.clone()))
            }
            Self::Media(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_those_of_wall_time_if_the_source_has_a_start_time() {
        assert_eq!(Hour::of(Some(3_599_999), 0), Hour::Wall(0));
        assert_eq!(Hour::of(Some(3_599_999), 1), Hour::Wall(1));
        assert_eq!(Hour::of(Some(-1), 0), Hour::Wall(-1));
        assert_eq!(Hour::of(None, 7_200_000), Hour::Media(2));
    }

    #[test]
    fn an_hour_is_formatted_in_the_local_time_zone() {
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let india = TimeZone::get("Asia/Kolkata").unwrap();
        // 2026-11-22 23:00 UTC
        let hour = Hour::Wall(498_719);
        assert_eq!(hour.utc().unwrap(), "2026-11-22T23:00:00Z");
        assert_eq!(hour.text(&berlin), "2026-11-23 00:00");
        assert_eq!(hour.text(&india), "2026-11-23 04:30");
        assert_eq!((hour.ahead(&berlin), hour.ahead(&india)), (1, 5));
        assert_eq!(Hour::Media(26).text(&berlin), "26:00:00");
        assert_eq!(
            Hour::Wall(i64::MAX).text(&berlin),
            format!("{}:00:00", i64::MAX)
        );
    }
}
