//! Reads from an MP4 or MOV file how long its video is.
//!
//! GStreamer only gives the length of the longest track, and sound often continues after the last frame. Invariant: a file that
//! is cut anywhere, or damaged, gives a length or none, never a panic.

use std::{
    fs::File,
    io::{Read, Seek},
    path::Path,
};

use atom_operators::media_time::MediaTime;

use super::mp4_boxes::{BoxSpan, boxes, bytes_at};

/// Returns the length of the first video track that is enabled; none if the file is no MP4, or if its fragments would have to be
/// counted to know it.
pub(crate) fn video_track_length(path: &Path) -> Option<MediaTime> {
    read_length(&mut File::open(path).ok()?)
}

fn read_length(file: &mut (impl Read + Seek)) -> Option<MediaTime> {
    let moov = boxes(file, (0, u64::MAX)).find(|found| &found.kind == b"moov")?;
    let inner: Vec<_> = boxes(file, moov.body).collect();
    if inner.iter().any(|found| &found.kind == b"mvex") {
        return None;
    }
    let header = inner.iter().find(|found| &found.kind == b"mvhd")?;
    let scale = ticks_per_second(file, header)?;
    let mut tracks = inner.iter().filter(|found| &found.kind == b"trak");
    let ticks = tracks.find_map(|track| video_ticks(file, track))?;
    let nanos = u128::from(ticks) * 1_000_000_000 / u128::from(scale);
    u64::try_from(nanos).ok().map(MediaTime::from_nanos)
}

/// Returns the number of ticks in a second, from the file's header.
fn ticks_per_second(file: &mut (impl Read + Seek), header: &BoxSpan) -> Option<u32> {
    let at = header.body.0;
    let scale = match version(file, header)? {
        0 => bytes_at(file, at + 12),
        _ => bytes_at(file, at + 20),
    };
    let scale = u32::from_be_bytes(scale.ok()?);
    (scale > 0).then_some(scale)
}

/// Returns the length of a track in ticks, if it is an enabled one of video.
fn video_ticks(file: &mut (impl Read + Seek), track: &BoxSpan) -> Option<u64> {
    let header = boxes(file, track.body).find(|found| &found.kind == b"tkhd")?;
    let media = boxes(file, track.body).find(|found| &found.kind == b"mdia")?;
    let handler = boxes(file, media.body).find(|found| &found.kind == b"hdlr")?;
    let is_video = bytes_at(file, handler.body.0 + 8).ok()? == *b"vide";
    let [.., flags] = bytes_at::<4>(file, header.body.0).ok()?;
    let at = header.body.0;
    let (ticks, unknown) = match version(file, &header)? {
        0 => {
            let ticks = u32::from_be_bytes(bytes_at(file, at + 20).ok()?);
            (u64::from(ticks), u64::from(u32::MAX))
        }
        _ => (u64::from_be_bytes(bytes_at(file, at + 28).ok()?), u64::MAX),
    };
    (is_video && flags & 1 == 1 && ticks != 0 && ticks != unknown).then_some(ticks)
}

/// Returns the version of a box, which decides the size of its fields.
fn version(file: &mut (impl Read + Seek), header: &BoxSpan) -> Option<u8> {
    let [version] = bytes_at(file, header.body.0).ok()?;
    Some(version)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    fn boxed(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
        let size = (body.len() as u32 + 8).to_be_bytes();
        [&size[..], kind, body].concat()
    }

    /// Returns a track with flags, a kind, and a length in ticks.
    fn track(flags: u8, kind: &[u8; 4], ticks: u32) -> Vec<u8> {
        let times = [
            [0, 0, 0, flags],
            [1; 4],
            [2; 4],
            [3; 4],
            [0; 4],
            ticks.to_be_bytes(),
        ];
        let handler = [&[0; 8], &kind[..], &[0; 12]].concat();
        let media = boxed(b"mdia", &boxed(b"hdlr", &handler));
        boxed(
            b"trak",
            &[boxed(b"tkhd", times.as_flattened()), media].concat(),
        )
    }

    fn movie(tracks: &[Vec<u8>]) -> Vec<u8> {
        let times = [
            [0; 4],
            [1; 4],
            [2; 4],
            600_u32.to_be_bytes(),
            [0, 0, 0xff, 0xff],
        ];
        let header = boxed(b"mvhd", times.as_flattened());
        let moov = boxed(b"moov", &[header, tracks.concat()].concat());
        [boxed(b"ftyp", b"isom"), boxed(b"mdat", b"frames"), moov].concat()
    }

    fn length_ms(file: &[u8]) -> Option<u64> {
        read_length(&mut Cursor::new(file)).map(MediaTime::millis)
    }

    #[test]
    fn the_length_is_that_of_the_first_enabled_video_track() {
        let sound = track(1, b"soun", 12_000);
        let disabled = track(2, b"vide", 9000);
        let video = track(3, b"vide", 2400);
        assert_eq!(
            length_ms(&movie(&[sound.clone(), disabled, video])),
            Some(4000)
        );
        assert_eq!(length_ms(&movie(&[sound])), None);
    }

    #[test]
    fn an_unknown_length_and_one_in_fragments_are_none() {
        assert_eq!(length_ms(&movie(&[track(1, b"vide", u32::MAX)])), None);
        assert_eq!(length_ms(&movie(&[track(1, b"vide", 0)])), None);
        let fragmented = [track(1, b"vide", 600), boxed(b"mvex", b"")];
        assert_eq!(length_ms(&movie(&fragmented)), None);
    }

    #[test]
    fn a_file_that_is_cut_anywhere_gives_its_length_or_none() {
        let whole = movie(&[track(1, b"vide", 600)]);
        for end in 0..whole.len() {
            let found = length_ms(&whole[..end]);
            assert!(matches!(found, None | Some(1000)), "{end} bytes: {found:?}");
        }
        assert_eq!(length_ms(&whole), Some(1000));
    }
}
