//! Tests of the segmenter, with plain values.

use atom_models::Image;

use super::*;
use crate::{event::IdleHeartbeat, failure::Stage, signature::Signature};

fn frame(at: u64, grey: u8) -> EncodedEvent {
    EncodedEvent::Frame(Arc::new(EncodedFrame {
        source: SourceId::new(0),
        at: MediaTime::from_millis(at),
        received_at: Instant::now(),
        signature: Signature::new(&Image::filled(16, 16, [grey; 3])),
        thumbnail: Image::filled(1, 1, [grey; 3]),
        features: VisualFeatures {
            embedding: [1.0].into(),
            ..VisualFeatures::default()
        },
        credits: None,
    }))
}

fn lost(at: u64) -> EncodedEvent {
    let at = MediaTime::from_millis(at);
    EncodedEvent::Lost(Failure {
        stage: Stage::Encode,
        source: SourceId::new(0),
        at,
        fault: Fault::new(Reason::Model, "no"),
    })
}

fn end(at: u64) -> EncodedEvent {
    EncodedEvent::End(SourceEnd {
        source: SourceId::new(0),
        at: MediaTime::from_millis(at),
        complete: true,
    })
}

/// Returns start, end and number of frames of every segment; 0 frames for a window in which all were lost.
fn segments(records: impl IntoIterator<Item = EncodedEvent>) -> Vec<(u64, u64, usize)> {
    let mut segmenter = Segmenter::new(SourceId::new(0), SegmentSpec::default());
    let closed = records
        .into_iter()
        .filter_map(|event| segmenter.push(event));
    closed
        .map(|c| {
            (
                c.key.start.millis(),
                c.end.millis(),
                c.result.map_or(0, |s| s.frames.len()),
            )
        })
        .collect()
}

#[test]
fn closes_at_every_multiple_of_the_length_and_at_the_end() {
    let records = (0..10).map(|n| frame(n * 1000, 0)).chain([end(9900)]);
    assert_eq!(
        segments(records),
        [(0, 4000, 4), (4000, 8000, 4), (8000, 9900, 2)]
    );
}

#[test]
fn a_scene_change_divides_a_window() {
    let records = [
        frame(0, 0),
        frame(1500, 0),
        frame(2500, 250),
        frame(3000, 0),
        frame(4000, 0),
        end(5000),
    ];
    assert_eq!(
        segments(records),
        [(0, 2500, 2), (2500, 4000, 2), (4000, 5000, 1)]
    );
}

#[test]
fn a_segment_after_a_gap_starts_with_its_first_frame() {
    assert_eq!(
        segments([frame(0, 0), frame(9500, 0), end(9600)]),
        [(0, 4000, 1), (9500, 9600, 1)]
    );
}

#[test]
fn a_window_whose_frames_were_all_lost_is_a_failure_with_its_start() {
    assert_eq!(
        segments([lost(0), lost(500), frame(4000, 0), end(5000)]),
        [(0, 4000, 0), (4000, 5000, 1)]
    );
    assert_eq!(segments([frame(0, 0), lost(500), end(900)]), [(0, 900, 1)]);
}

#[test]
fn an_idle_heartbeat_closes_the_open_segment_at_its_last_frame() {
    let idle = |from: u64, until: u64| {
        let [from, until] = [from, until].map(MediaTime::from_millis);
        EncodedEvent::Idle(IdleHeartbeat {
            source: SourceId::new(0),
            from,
            until,
            cause: None,
        })
    };
    let records = [
        idle(0, 500),
        frame(500, 0),
        idle(1200, 3000),
        frame(3000, 0),
        idle(3100, 4100),
        idle(3100, 8100),
        frame(8200, 0),
        end(8300),
    ];
    assert_eq!(segments(records), [(0, 3100, 2), (8000, 8300, 1)]);
}

#[test]
fn an_end_without_frames_closes_nothing() {
    assert_eq!(segments([end(0)]), []);
}

#[test]
fn the_end_is_never_before_the_last_frame() {
    assert_eq!(
        segments([frame(0, 0), frame(900, 0), end(800)]),
        [(0, 900, 2)]
    );
}
