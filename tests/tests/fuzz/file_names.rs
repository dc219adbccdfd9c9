//! File names: a name gives a plausible time or none, and a time in a known form is read as it was written.

use std::path::PathBuf;

use atom_media::file::recording_start::recording_start;
use atom_operators::start_time::StartOrigin;
use atom_tests::program::workspace;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};
use proptest::{prelude::*, sample::select};

use crate::{
    cases,
    edited_text::{any_text, edited},
};

const FRAGMENTS: &[&str] = &[
    "/",
    "2024",
    "20240803",
    "2024-08-03",
    "101112",
    "10-11-12",
    "10.11.12",
    "_",
    "-",
    ".",
    "T",
    "Z",
    " at ",
    " AM",
    " PM",
    "\u{202f}",
    "UTC",
    "GMT",
    "+0200",
    "+",
    "-1",
    "PXL_",
    "GMT",
    "FILE",
    "é",
    "\u{300}",
    "\u{0}",
    "99999999999999999999",
    "zoom_0",
    "24",
    "60",
    "0230",
    "1230",
    "٢٠٢٤",
];
const ZONES: [&str; 5] = [
    "UTC",
    "Europe/Berlin",
    "America/St_Johns",
    "Pacific/Apia",
    "Africa/Monrovia",
];
/// Forms of date and time, as for strftime.
const FORMS: &[&str] = &[
    "VID_%Y%m%d_%H%M%S.mp4",
    "%Y%m%d%H%M%S.mp4",
    "%Y-%m-%d_%H-%M-%S-front.mp4",
    "%Y-%m-%d %H-%M-%S.mkv",
    "Screen Recording %Y-%m-%d at %H.%M.%S.mov",
    "Screen Recording %Y-%m-%d at %-I.%M.%S %p.mov",
    "Desktop %Y.%m.%d - %H.%M.%S.05.DVR.mp4",
    "%Y_%m%d_%H%M%S_0001F.MP4",
    "NO%Y%m%d-%H%M%S-000123F.MP4",
    "192.168.1.64_01_%Y%m%d%H%M%S_TIMING.mp4",
    "%Y-%m-%d/%H.%M.%S-23.59.59[M][0@0][0].mp4",
    "%Y/%m/%d/%H-%M-%S.mp4",
    "%Y-%m-%d/%H/%M.%S.mp4",
    "Zoom/%Y-%m-%d %H.%M.%S A meeting 12345/zoom_0.mp4",
];
const UTC_FORMS: &[&str] = &[
    "PXL_%Y%m%d_%H%M%S000.mp4",
    "GMT%Y%m%d-%H%M%S_Recording.mp4",
    "recordings/%Y-%m-%d/%H/camera/%M.%S.mp4",
    "%Y%m%dT%H%M%SZ.mkv",
    "Meeting-%Y%m%d_%H%M%SUTC.mp4",
];

/// Reads the start from a name alone: there is no such file.
fn start(name: &str, zone: &str) -> Option<(i64, StartOrigin)> {
    let path = PathBuf::from("/no such folder").join(name.trim_start_matches('/'));
    let start = recording_start(&path, &TimeZone::get(zone).unwrap())?;
    Some((start.utc_ms, start.origin))
}

#[track_caller]
fn assert_plausible(name: &str, zone: &str) {
    if let Some((utc_ms, _)) = start(name, zone) {
        let at = Timestamp::from_millisecond(utc_ms).unwrap();
        let day_ahead = Timestamp::now().as_millisecond() + 86_400_000;
        let year = at.to_zoned(TimeZone::UTC).year();
        assert!(
            year >= 1990 && utc_ms <= day_ahead,
            "{name:?} in {zone} is {at}"
        );
    }
}

fn seeds() -> Vec<String> {
    let path = workspace().join("tests/corpus/file-names.txt");
    let names = std::fs::read_to_string(path).unwrap();
    names.lines().map(str::to_owned).collect()
}

fn time() -> impl Strategy<Value = DateTime> {
    // From 1990 to 2025.
    (631_152_000i64..1_767_225_600).prop_map(|second| {
        let at = Timestamp::from_second(second).unwrap();
        TimeZone::UTC.to_datetime(at)
    })
}

#[test]
fn the_corpus_of_file_names_gives_plausible_times_or_none() {
    for name in seeds() {
        ZONES.iter().for_each(|zone| assert_plausible(&name, zone));
    }
}

proptest! {
    #![proptest_config(cases(2000))]

    #[test]
    fn an_edited_file_name_gives_a_plausible_time_or_none(
        name in edited(seeds(), FRAGMENTS),
        zone in select(&ZONES),
    ) {
        assert_plausible(&name, zone);
    }

    #[test]
    fn any_file_name_gives_a_plausible_time_or_none(name in any_text(FRAGMENTS), zone in select(&ZONES)) {
        assert_plausible(&name, zone);
    }

    #[test]
    fn a_local_time_in_a_known_form_is_read_as_it_was_written(
        time in time(),
        form in select(FORMS),
        zone in select(&ZONES),
    ) {
        let name = time.strftime(form).to_string();
        let local = TimeZone::get(zone).unwrap().to_ambiguous_zoned(time).compatible().unwrap();
        // Clocks that were never set start on the first of January 2000.
        prop_assume!(!(1999..=2000).contains(&time.year()) && time.year() > 1990);
        let expected = (local.timestamp().as_millisecond(), StartOrigin::NameLocal);
        prop_assert_eq!(start(&name, zone), Some(expected), "{} in {}", name, zone);
    }

    #[test]
    fn a_utc_time_in_a_known_form_is_read_as_it_was_written(
        time in time(),
        form in select(UTC_FORMS),
        zone in select(&ZONES),
    ) {
        let name = time.strftime(form).to_string();
        prop_assume!(!(1999..=2000).contains(&time.year()) && time.year() > 1990);
        let utc = TimeZone::UTC.to_ambiguous_zoned(time).compatible().unwrap();
        let expected = (utc.timestamp().as_millisecond(), StartOrigin::NameUtc);
        prop_assert_eq!(start(&name, zone), Some(expected), "{} in {}", name, zone);
    }
}
