//! Follows how far GStreamer has read a file, to tell a slow file from one that will give nothing any more.
//!
//! Two things let a pipeline wait forever: a demuxer that reads the same bytes of a damaged file over and over, and a demuxer
//! that stopped at an error which GStreamer lost. Invariant: a file that is merely slow, as on a network drive, is never taken
//! for either.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use gstreamer::{self as gst, prelude::*};

/// So many reads in a row that bring nothing new are a loop.
const LOOPING_READS: u64 = 1000;

/// The progress of one pipeline, shared with its threads.
#[derive(Clone, Default)]
pub(crate) struct ReadingProgress(Arc<Counts>);

#[derive(Default)]
struct Counts {
    /// End of the bytes read so far.
    furthest: AtomicU64,
    /// End of the bytes read last.
    latest: AtomicU64,
    /// True if the container marks the last packet of each track, as Ogg does: nothing is read after that of the video.
    marks_ends: AtomicBool,
    /// Number of reads since the last one that brought something new.
    stray_reads: AtomicU64,
    /// Number of packets and of reads that brought something new.
    steps: AtomicU64,
    /// Stream time of the end of the latest packet of any track, in nanoseconds.
    packets_end: AtomicU64,
}

impl ReadingProgress {
    /// Returns a number that grows with every progress.
    pub(crate) fn steps(&self) -> u64 {
        self.0.steps.load(Relaxed)
    }

    /// Returns the stream time of the end of the latest packet of any track, of pictures, sound or text, in nanoseconds.
    pub(crate) fn packets_end(&self) -> u64 {
        self.0.packets_end.load(Relaxed)
    }

    /// True if the video ended by its own mark, and other tracks may continue.
    pub(crate) fn ended_by_mark(&self) -> bool {
        let (latest, furthest) = (self.0.latest.load(Relaxed), self.0.furthest.load(Relaxed));
        self.0.marks_ends.load(Relaxed) && latest < furthest
    }

    /// True if the file is being read without any progress.
    pub(crate) fn is_looping(&self) -> bool {
        self.0.stray_reads.load(Relaxed) > LOOPING_READS
    }

    /// Attaches to an element, if it reads the file or divides it into tracks.
    pub(super) fn attach(&self, element: &gst::Element) {
        let Some(factory) = element.factory() else {
            return;
        };
        if factory.name() == FILE_SOURCE {
            self.watch_reads(element);
        } else if factory.has_type(gst::ElementFactoryType::DEMUXER) {
            self.0
                .marks_ends
                .fetch_or(factory.name() == "oggdemux", Relaxed);
            let progress = self.clone();
            element.connect_pad_added(move |_, pad| progress.watch_packets(pad));
            for pad in element.src_pads() {
                self.watch_packets(&pad);
            }
        }
    }

    fn watch_reads(&self, source: &gst::Element) {
        let types = gst::PadProbeType::PULL | gst::PadProbeType::BLOCK;
        for pad in source.src_pads() {
            let progress = self.clone();
            pad.add_probe(types, move |_, read| {
                progress.record_read(read.offset.saturating_add(u64::from(read.size)));
                gst::PadProbeReturn::Pass
            });
        }
    }

    fn watch_packets(&self, pad: &gst::Pad) {
        let progress = self.clone();
        let types = gst::PadProbeType::BUFFER | gst::PadProbeType::BUFFER_LIST;
        pad.add_probe(types, move |pad, info| {
            match &info.data {
                Some(gst::PadProbeData::Buffer(packet)) => progress.record_packet(pad, packet),
                Some(gst::PadProbeData::BufferList(packets)) => {
                    packets
                        .iter()
                        .for_each(|packet| progress.record_packet(pad, packet));
                }
                _ => {}
            }
            gst::PadProbeReturn::Ok
        });
    }

    fn record_read(&self, end: u64) {
        self.0.latest.store(end, Relaxed);
        if end > self.0.furthest.fetch_max(end, Relaxed) {
            self.record_step();
        } else {
            self.0.stray_reads.fetch_add(1, Relaxed);
        }
    }

    fn record_packet(&self, pad: &gst::Pad, packet: &gst::BufferRef) {
        self.record_step();
        let segment = pad.sticky_event::<gst::event::Segment>(0);
        let times = segment
            .as_ref()
            .and_then(|event| event.segment().downcast_ref::<gst::ClockTime>());
        let end = packet
            .pts()
            .map(|pts| pts + packet.duration().unwrap_or_default());
        let end = times
            .zip(end)
            .and_then(|(times, end)| times.to_stream_time(end));
        if let Some(end) = end {
            self.0.packets_end.fetch_max(end.nseconds(), Relaxed);
        }
    }

    fn record_step(&self) {
        self.0.stray_reads.store(0, Relaxed);
        self.0.steps.fetch_add(1, Relaxed);
    }
}

/// The element that reads files.
const FILE_SOURCE: &str = "filesrc";

/// True if nothing reads any more, though no track has been told that it ends.
pub(super) fn reading_stopped(pipeline: &gst::Pipeline) -> bool {
    let elements = pipeline
        .iterate_recurse()
        .into_iter()
        .filter_map(Result::ok);
    let pads: Vec<_> = elements.flat_map(|element| element.pads()).collect();
    let reads = |pad: &gst::Pad| {
        let source = pad
            .parent_element()
            .is_some_and(|element| element.num_sink_pads() == 0);
        let reader = source || pad.mode() == gst::PadMode::Pull;
        reader && pad.task_state() == gst::TaskState::Started
    };
    let ended = |pad: &gst::Pad| pad.sticky_event::<gst::event::Eos>(0).is_some();
    !pads.iter().any(|pad| reads(pad) || ended(pad))
}

/// Closes the file: whatever reads it gets an error, and ends its tracks.
pub(super) fn close_file(pipeline: &gst::Pipeline) {
    let elements = pipeline
        .iterate_recurse()
        .into_iter()
        .filter_map(Result::ok);
    let is_source = |element: &gst::Element| {
        element
            .factory()
            .is_some_and(|factory| factory.name() == FILE_SOURCE)
    };
    for source in elements.filter(is_source) {
        source.set_locked_state(true);
        let _ = source.set_state(gst::State::Null);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_reads_that_bring_nothing_new_for_long_are_a_loop() {
        let progress = ReadingProgress::default();
        (0..LOOPING_READS * 3).for_each(|read| progress.record_read(read * 4096 + 4096));
        assert!(
            !progress.is_looping(),
            "a file is read from its beginning to its end"
        );
        let steps = progress.steps();
        (0..LOOPING_READS).for_each(|_| progress.record_read(4096));
        assert!(!progress.is_looping(), "a part may be read again");
        progress.record_read(4096);
        assert!(progress.is_looping());
        assert_eq!(progress.steps(), steps);
        progress.record_step();
        assert!(!progress.is_looping(), "a packet came");
    }
}
