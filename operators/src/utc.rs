//! Wall-clock time as text.

use jiff::Timestamp;

/// Formats a moment in RFC 3339, in UTC, to the millisecond.
///
/// ```
/// use atom_operators::utc::utc;
///
/// assert_eq!(utc(jiff::Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
/// ```
pub fn utc(moment: Timestamp) -> String {
    moment.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}
