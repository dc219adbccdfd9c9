//! The names that cameras, phones, recorders and programs write, and names that only look like times.

use jiff::tz::TimeZone;

use super::*;

/// Reads a path on a machine in Berlin, where November is one hour ahead of UTC and August two.
fn read(path: &str) -> Option<String> {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let moment = filename_time(Path::new(path))?.moment(&berlin)?;
    Some(moment.to_string())
}

/// Asserts that all these names give one moment.
#[track_caller]
fn assert_all_read(names: &[(&str, &str)], expected: &str) {
    for (writer, name) in names {
        assert_eq!(read(name).as_deref(), Some(expected), "{writer}: {name}");
    }
}

#[test]
fn reads_the_local_times_that_cameras_phones_and_programs_write() {
    // 10:11:12 in Berlin.
    assert_all_read(
        &[
            ("Samsung, Dropbox", "20240803_101112.mp4"),
            ("Android", "VID_20240803_101112.mp4"),
            ("Oppo, OnePlus", "VID20240803101112.mp4"),
            ("Huawei", "SVID_20240803_101112_1.mp4"),
            ("Google Photos, edited", "20240803_101112~2.mp4"),
            ("a second download", "20240803_101112 (1).mp4"),
            ("Dropbox", "2024-08-03 10.11.12.mp4"),
            ("Android screen recorder", "screen-20240803-101112.mp4"),
            (
                "Samsung screen recorder",
                "Screen_Recording_20240803-101112_Maps.mp4",
            ),
            (
                "Xiaomi screen recorder",
                "Screenrecorder-2024-08-03-10-11-12-345.mp4",
            ),
            ("Telegram", "video_2024-08-03_10-11-12.mp4"),
            ("Signal", "signal-2024-08-03-10-11-12-345.mp4"),
            ("Signal, newer", "signal-2024-08-03-101112.mp4"),
            (
                "WhatsApp on a desktop",
                "WhatsApp Video 2024-08-03 at 10.11.12.mp4",
            ),
            (
                "WhatsApp, 12 hours",
                "WhatsApp Video 2024-08-03 at 10.11.12 AM.mp4",
            ),
            ("macOS", "Screen Recording 2024-08-03 at 10.11.12.mov"),
            (
                "macOS, 12 hours",
                "Screen Recording 2024-08-03 at 10.11.12 AM.mov",
            ),
            (
                "macOS, narrow space",
                "Screen Recording 2024-08-03 at 10.11.12\u{202f}AM.mov",
            ),
            (
                "macOS, German",
                "Bildschirmaufnahme 2024-08-03 um 10.11.12.mov",
            ),
            (
                "macOS, French",
                "Enregistrement de l’écran 2024-08-03 à 10.11.12.mov",
            ),
            (
                "macOS, French, composed",
                "Enregistrement 2024-08-03 a\u{300} 10.11.12.mov",
            ),
            (
                "Windows Snipping Tool",
                "Screen Recording 2024-08-03 101112.mp4",
            ),
            ("Windows Camera", "WIN_20240803_10_11_12_Pro.mp4"),
            ("Xbox Game Bar", "Halo Infinite 2024-08-03 10-11-12.mp4"),
            ("Xbox", "Halo Infinite-2024_08_03-10_11_12.mp4"),
            ("NVIDIA", "Desktop 2024.08.03 - 10.11.12.05.DVR.mp4"),
            ("OBS", "2024-08-03 10-11-12.mkv"),
            ("OBS replay", "Replay 2024-08-03 10-11-12.mkv"),
            ("GNOME", "Screencast from 2024-08-03 10-11-12.webm"),
            ("KDE", "Screencast_20240803_101112.webm"),
            ("VLC", "vlc-record-2024-08-03-10h11m12s-rtsp___door-.ts"),
            (
                "Zoom",
                "Zoom/2024-08-03 10.11.12 Standup 123456789/zoom_0.mp4",
            ),
            (
                "Zoom, newer",
                "Zoom/2024-08-03 10.11.12 Standup/video1234567890.mp4",
            ),
            ("Plex", "News - 2024-08-03 10 11 12 - Evening.ts"),
            (
                "comma",
                "2024-08-03--10-11-12--0/fcamera.mp4/2024-08-03--10-11-12.mp4",
            ),
            ("DJI", "DJI_20240803101112_0001_D.MP4"),
            ("Insta360", "VID_20240803_101112_00_001.mp4"),
            (
                "Tesla",
                "SentryClips/2024-08-03_10-20-00/2024-08-03_10-11-12-front.mp4",
            ),
            ("BlackVue", "20240803_101112_NF.mp4"),
            ("70mai", "NO20240803-101112-000123F.MP4"),
            ("Viofo", "2024_0803_101112_0001F.MP4"),
            ("Thinkware", "REC_2024_08_03_10_11_12_F.MP4"),
            ("Nextbase", "240803_101112_001_FH.MP4"),
            ("Rexing", "FILE240803-101112F.MP4"),
            ("Ring", "RingVideo_20240803_101112.mp4"),
            ("Hikvision", "192.168.1.64_01_20240803101112.mp4"),
            ("Dahua", "20240803101112-20240803102112.mp4"),
            (
                "Dahua on its card",
                "2024-08-03/001/dav/10/10.11.12-10.21.12[M][0@0][0].mp4",
            ),
            ("Reolink", "Yard_00_20240803101112.mp4"),
            (
                "Reolink on its card",
                "RecM01_20240803_101112_101142_6D28808_1468628.mp4",
            ),
            ("Axis", "20240803/10/20240803_101112_5C8F_00408CDBDD99.mkv"),
            ("Milestone", "Door 2024-08-03 10.11.12.000.mkv"),
            ("Blue Iris", "Door.20240803_101112.mp4"),
            ("Synology", "20240803AM/Door-20240803-101112-1722672672.mp4"),
            ("Agent DVR", "1_2024-08-03_10-11-12_345.mp4"),
            ("Shinobi", "2024-08-03T10-11-12.mp4"),
            ("motion", "01-20240803101112.mp4"),
            ("motionEye", "Camera1/2024-08-03/10-11-12.mp4"),
            ("ffmpeg segments", "door_2024-08-03_10-11-12.mp4"),
        ],
        "2024-08-03T08:11:12Z",
    );
}

#[test]
fn reads_the_names_whose_writers_use_utc() {
    assert_all_read(
        &[
            ("Pixel", "PXL_20240803_101112000.mp4"),
            ("Pixel, slow motion", "PXL_20240803_101112000.LS.mp4"),
            ("Pixel, edited", "PXL_20240803_101112000~2.mp4"),
            ("Zoom's cloud", "GMT20240803-101112_Recording_1920x1080.mp4"),
            ("Teams", "Standup-20240803_101112UTC-Meeting Recording.mp4"),
            ("Frigate", "recordings/2024-08-03/10/camera/11.12.mp4"),
            ("a zone named", "2024-08-03 10-11-12 UTC.mp4"),
            ("an offset by name", "2024-08-03 12 11 12 GMT+2.mp4"),
            ("a negative one", "2024-08-03 06 11 12 GMT-4.mp4"),
            ("half an hour", "2024-08-03_15-41-12_UTC+5:30.mp4"),
            ("ISO 8601", "20240803T101112Z.mkv"),
            ("ISO 8601, east", "2024-08-03T12-11-12+0200.mp4"),
            ("ISO 8601, west", "2024-08-03T05:11:12-05:00.mp4"),
        ],
        "2024-08-03T10:11:12Z",
    );
}

#[test]
fn afternoons_of_clocks_of_twelve_hours_are_read() {
    for (name, expected) in [
        ("Screen Recording 2026-11-22 at 2.03.05 PM.mov", "13:03:05"),
        ("Screen Recording 2026-11-22 at 12.03.05 PM.mov", "11:03:05"),
        ("Screen Recording 2026-11-22 at 12.03.05 AM.mov", "23:03:05"),
        (
            "Screen Recording 2026-11-22 at 2.03.05 p.m..mov",
            "13:03:05",
        ),
        // An hour of the day already.
        ("2026-11-22 at 14.03.05 pm.mov", "13:03:05"),
    ] {
        let found = read(name).unwrap();
        assert_eq!(&found[11..19], expected, "{name}: {found}");
    }
}

#[test]
fn reads_every_separator_and_folder_form() {
    let names = [
        "2026-11-22_14-03-05.mp4",
        "20261122_140305.mp4",
        "20261122140305.mp4",
        "2026-11-22 14.03.05",
        "2026_11_22_14_03_05.avi",
        "2026.11.22-14h03m05s.ts",
        "door-20261122-140305.mp4",
        "cam12_20261122_140305.mp4",
        "20261122140305_20261122141305.mp4",
        "20261122_140305-20261122_141305.mp4",
        "2026-11-22_14-03-05-0001.mp4",
        "2026-11-22_14-03-05.0001.mp4",
        "/video/2026-11-22/14-03-05.mp4",
        "/video/2026-11-22/door/140305.mp4",
        "2026/11/22/14-03-05.mp4",
        "20261122/140305.mp4",
        "2026-11-22/14/03.05.mp4",
        "recordings/2026-11-22/14/door/03-05.mp4",
        "2020-01-01/2026-11-22/14/03-05.mp4",
        "Aufnahme äöü 2026-11-22 14-03-05.mp4",
    ];
    let named = names.map(|name| ("", name));
    assert_all_read(&named, "2026-11-22T13:03:05Z");
}

#[test]
fn reads_parts_of_a_second() {
    for name in [
        "VID_20261122_140305123.mp4",
        "192.168.1.64_01_20261122140305123_TIMING.mp4",
        "2026-11-22T14-03-05.123+0100.mp4",
        "20261122T130305.123Z.mp4",
        "PXL_20261122_130305123.mp4",
    ] {
        let expected = Some("2026-11-22T13:03:05.123Z");
        assert_eq!(read(name).as_deref(), expected, "{name}");
    }
}

#[test]
fn takes_no_other_number_for_a_time() {
    for name in [
        "holiday.mp4",
        "",
        "/",
        // A day without a time of day.
        "2026-11-22.mp4",
        "20261122.mp4",
        "VID-20240803-WA0001.mp4",
        "2026-11-22_14-03.mp4",
        "2026-11-22/14/03.mp4",
        // No such day or time.
        "2026-13-22_14-03-05.mp4",
        "2026-02-30_14-03-05.mp4",
        "2023-02-29_14-03-05.mp4",
        "2026-11-22_24-03-05.mp4",
        "2026-11-22_14-60-05.mp4",
        "2026-11-22 at 2.03.05.mov",
        "1066-10-14_14-03-05.mp4",
        "9999-12-31_23-59-59.mp4",
        "2026-11-22__14-03-05.mp4",
        "2026-1122_140305.mp4",
        // Read differently in different countries.
        "03-08-2024_10-11-12.mp4",
        "ScreenRecording_08-03-2024 10-11-12_1.mov",
        // Other numbers: products, phones, resolutions, checksums, seconds since 1970.
        "1202611221403059.mp4",
        "20261122_14030512345.mp4",
        "product 2024080310111.mp4",
        "+4920240803101.mp4",
        "1920x1080 60.mp4",
        "clip_1722679872.mp4",
        "RPReplay_Final1722679872.mp4",
        "1722679872123.mp4",
        "3f20240803101112abcdef0123456789.mp4",
        "d41d8cd98f00b204e9800998ecf8427e.mp4",
        "GX010123.MP4",
        "IMG_0001.MOV",
        "123456_789012_001_FH.MP4",
        "240803_101112_001_XY.MP4",
        "14-03-05.mp4",
        "2026-11-22/03.05.mp4",
        "2026-11-22/10 20 30 goals.mp4",
        "2026-11-22/door/03.05.mp4",
        "2026-11-22/25/03.05.mp4",
        "2026-11-22/14/03.05.07.08x/03.mp4",
        "2026-11-22b/14-03-05.mp4",
        "2024-08-03 10.11.12 Standup/part2.mp4",
    ] {
        assert_eq!(read(name), None, "{name}");
    }
}

#[test]
fn resolves_times_that_summer_time_leaves_out_or_repeats() {
    for (name, expected) in [
        ("2026-07-01_12-00-00.mp4", "2026-07-01T10:00:00Z"),
        // 02:30 does not exist: it is read as 03:30.
        ("2026-03-29_02-30-00.mp4", "2026-03-29T01:30:00Z"),
        // 02:30 exists twice: it is the first, still in summer time.
        ("2026-10-25_02-30-00.mp4", "2026-10-25T00:30:00Z"),
        ("2026-10-25T02-30-00+0100.mp4", "2026-10-25T01:30:00Z"),
        // UTC leaves nothing out.
        ("PXL_20260329_023000000.mp4", "2026-03-29T02:30:00Z"),
    ] {
        assert_eq!(read(name).as_deref(), Some(expected), "{name}");
    }
}

#[test]
fn names_that_are_no_utf8_are_read() {
    use std::os::unix::ffi::OsStrExt;
    let name = std::ffi::OsStr::from_bytes(b"\xff\xfe 2026-11-22_14-03-05Z.mp4");
    let found = filename_time(Path::new(name)).unwrap();
    assert_eq!(found.offset, Some(Offset::UTC));
}
