//! Keeps packets that need not be decoded away from the video decoder.
//!
//! A pad probe stands before the decoder. The thread that pulls frames sets the media time from which it wants them; after
//! skipped packets, the decoder first outputs what it holds and then restarts, as after a seek. The last packet of a recording
//! that is still being written may be cut short, so it never reaches the decoder, and the probe knows before which time no
//! frame is still to come. Times here are GStreamer's stream times.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use atom_operators::media_time::MediaTime;
use gstreamer::{self as gst, prelude::*};
use gstreamer_video as gst_video;
use parking_lot::Mutex;

use super::{
    concealment::{ConcealmentStatus, PacketCheck, drop_concealed},
    kept_back,
    packet_selector::{Packet, PacketBatch, PacketSelector},
    track_choice::decodes_alpha,
};

/// A segment that shifts the stream's time by less than this continues the last one.
const MAX_SEGMENT_SHIFT: gst::ClockTime = gst::ClockTime::from_seconds(1);

/// Settings and counts shared by the thread that pulls frames and the one that decodes them.
#[derive(Clone)]
pub(crate) struct SelectiveDecoding {
    growing: bool,
    wanted_from: Arc<AtomicU64>,
    counted_from: Arc<AtomicU64>,
    skipped_any: Arc<AtomicBool>,
    skipped: Arc<AtomicU64>,
    horizon: Arc<AtomicU64>,
    /// The pictures that never leave the decoder.
    pub(crate) concealment: ConcealmentStatus,
}

impl SelectiveDecoding {
    /// Returns a control under which everything is decoded.
    pub(crate) fn new(growing: bool) -> Self {
        Self {
            growing,
            wanted_from: Arc::default(),
            counted_from: Arc::default(),
            skipped_any: Arc::default(),
            skipped: Arc::default(),
            horizon: Arc::default(),
            concealment: ConcealmentStatus::default(),
        }
    }

    /// Sets the time from which frames are wanted. It never decreases.
    pub(crate) fn want_from(&self, from: MediaTime) {
        self.wanted_from.store(from.nanos(), SeqCst);
    }

    /// Sets the time from which skipped packets are counted.
    pub(crate) fn count_from(&self, from: MediaTime) {
        self.counted_from.store(from.nanos(), SeqCst);
    }

    /// True if any packet was skipped.
    pub(crate) fn skipped_any(&self) -> bool {
        self.skipped_any.load(SeqCst)
    }

    /// Returns the number of counted packets skipped since the last call.
    pub(crate) fn take_skipped(&self) -> u64 {
        self.skipped.swap(0, SeqCst)
    }

    /// Returns the time before which no frame of a growing recording is still to come, in nanoseconds.
    pub(crate) fn horizon(&self) -> u64 {
        self.horizon.load(SeqCst)
    }

    fn record_skipped(&self, packets: impl Iterator<Item = MediaTime>) {
        let from = MediaTime::from_nanos(self.counted_from.load(SeqCst));
        let mut count = 0;
        for at in packets {
            self.skipped_any.store(true, SeqCst);
            count += u64::from(at.reaches(from));
        }
        self.skipped.fetch_add(count, SeqCst);
    }

    /// Attaches the probe to an element, if it decodes video.
    pub(super) fn attach(&self, element: &gst::Element) {
        kept_back::watch(element, &self.concealment);
        let Some(pad) = element
            .static_pad("sink")
            .filter(|_| element.is::<gst_video::VideoDecoder>())
        else {
            return;
        };
        let control = self.clone();
        drop_concealed(element, self.concealment.clone(), move || {
            control.skipped_any()
        });
        let probe = Mutex::new(DecoderProbe::new(self.clone(), decodes_alpha(element)));
        let types = gst::PadProbeType::BUFFER
            | gst::PadProbeType::BUFFER_LIST
            | gst::PadProbeType::EVENT_DOWNSTREAM;
        pad.add_probe(types, move |pad, info| handle(pad, info, &probe));
    }
}

/// The state of the probe before one decoder.
struct DecoderProbe {
    check: PacketCheck,
    control: SelectiveDecoding,
    selector: PacketSelector<gst::Buffer>,
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    /// The latest packet of a growing recording.
    held_back: Option<gst::Buffer>,
    /// True if decoding can start with any keyframe of this codec, and all packets have a presentation time.
    selective: bool,
    /// True if nothing may be skipped.
    whole: bool,
    /// True while selected packets pass by here on their way to the decoder.
    forwarding: bool,
}

/// The decision about data that reached the probe.
enum ProbeAction {
    /// The packet passes.
    Pass,
    /// These packets pass before it.
    PassAfter(PacketBatch<gst::Buffer>),
    /// These packets pass instead of it.
    Replace(PacketBatch<gst::Buffer>),
}

fn handle(
    pad: &gst::Pad,
    info: &mut gst::PadProbeInfo,
    probe: &Mutex<DecoderProbe>,
) -> gst::PadProbeReturn {
    // Forwarded packets enter this probe again, so the lock must be free then.
    let action = probe.lock().decide(info.data.as_ref());
    match action {
        ProbeAction::Pass => gst::PadProbeReturn::Ok,
        ProbeAction::PassAfter(batch) => {
            probe.lock().forwarding = true;
            let _ = forward(pad, batch);
            probe.lock().forwarding = false;
            gst::PadProbeReturn::Ok
        }
        ProbeAction::Replace(batch) => {
            info.data = None;
            probe.lock().forwarding = true;
            info.flow_res = forward(pad, batch);
            probe.lock().forwarding = false;
            gst::PadProbeReturn::Handled
        }
    }
}

fn forward(
    pad: &gst::Pad,
    batch: PacketBatch<gst::Buffer>,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    if batch.restart {
        // At a still frame a decoder outputs all that it holds and resets.
        pad.send_event(gst_video::StillFrameEvent::builder(true).build());
    }
    let mut flow = Ok(gst::FlowSuccess::Ok);
    for packet in batch.packets {
        flow = pad.chain(packet);
        flow?;
    }
    flow
}

impl DecoderProbe {
    fn new(control: SelectiveDecoding, whole: bool) -> Self {
        Self {
            check: PacketCheck::new(control.concealment.clone()),
            control,
            selector: PacketSelector::default(),
            segment: None,
            held_back: None,
            selective: false,
            whole,
            forwarding: false,
        }
    }

    fn decide(&mut self, data: Option<&gst::PadProbeData>) -> ProbeAction {
        if self.forwarding {
            return ProbeAction::Pass;
        }
        match data {
            Some(gst::PadProbeData::Buffer(packet)) => self.on_packet(packet),
            Some(gst::PadProbeData::BufferList(_)) => {
                self.selective = false;
                ProbeAction::PassAfter(self.release())
            }
            Some(gst::PadProbeData::Event(event)) => self.on_event(event),
            _ => ProbeAction::Pass,
        }
    }

    /// Holds the latest packet of a growing recording back until the next one proves that it is whole.
    fn on_packet(&mut self, packet: &gst::Buffer) -> ProbeAction {
        if !self.control.growing {
            return ProbeAction::Replace(self.select(packet.clone()));
        }
        let decoded_at = packet.dts().or(packet.pts());
        let horizon = decoded_at.map_or(0, |at| self.stream_time(at).nanos());
        self.control.horizon.fetch_max(horizon, SeqCst);
        let before = self.held_back.replace(packet.clone());
        ProbeAction::Replace(before.map_or_else(PacketBatch::empty, |before| self.select(before)))
    }

    /// Returns the packets to decode now that another, whole packet has arrived.
    fn select(&mut self, mut packet: gst::Buffer) -> PacketBatch<gst::Buffer> {
        let counted = self.is_counted(&packet);
        if self.check.marks(&mut packet, counted) {
            let mut batch = self.selector.finish();
            self.control.record_skipped(self.selector.skipped.drain(..));
            batch.packets.push(packet);
            return batch;
        }
        self.selective &= packet.pts().is_some();
        let Some(pts) = packet.pts().filter(|_| self.selective) else {
            let mut batch = self.selector.finish();
            batch.packets.push(packet);
            return batch;
        };
        let packet = Packet {
            at: self.stream_time(pts),
            keyframe: !packet.flags().contains(gst::BufferFlags::DELTA_UNIT),
            size: packet.size(),
            data: packet,
        };
        let wanted = MediaTime::from_nanos(self.control.wanted_from.load(SeqCst));
        let batch = self.selector.push(packet, wanted);
        self.control.record_skipped(self.selector.skipped.drain(..));
        batch
    }

    /// True if the picture of a packet is among the frames that are counted.
    fn is_counted(&self, packet: &gst::Buffer) -> bool {
        let from = MediaTime::from_nanos(self.control.counted_from.load(SeqCst));
        let at = packet.dts_or_pts();
        at.is_none_or(|at| self.stream_time(at).reaches(from))
    }

    /// Converts to stream time. Frames that a container hides before its start get the start.
    fn stream_time(&self, at: gst::ClockTime) -> MediaTime {
        let time = match &self.segment {
            Some(segment) => segment.to_stream_time(at),
            None => Some(at),
        };
        MediaTime::from_nanos(time.map_or(0, gst::ClockTime::nseconds))
    }

    fn on_event(&mut self, event: &gst::Event) -> ProbeAction {
        match event.view() {
            gst::EventView::Caps(caps) => {
                let batch = self.release();
                self.check.set_format(caps.caps());
                self.selective = !self.whole && can_start_at_keyframes(caps.caps());
                ProbeAction::PassAfter(batch)
            }
            gst::EventView::Segment(segment) => {
                let batch = self.release();
                let times = segment.segment().downcast_ref::<gst::ClockTime>();
                self.selective &= times.is_some();
                let both = self.segment.as_ref().zip(times);
                if both.is_some_and(|(last, next)| continues(last, next)) {
                    self.check.continue_segment();
                }
                self.segment = times.cloned();
                ProbeAction::PassAfter(batch)
            }
            gst::EventView::Eos(_) => {
                // The last packet of a growing recording may be cut short.
                self.held_back = None;
                ProbeAction::PassAfter(self.release())
            }
            _ => ProbeAction::Pass,
        }
    }

    /// Returns all waiting packets.
    fn release(&mut self) -> PacketBatch<gst::Buffer> {
        let mut batch = self.selector.finish();
        self.control.record_skipped(self.selector.skipped.drain(..));
        batch.packets.extend(self.held_back.take());
        batch
    }
}

/// True if a segment continues where the last one was. The Matroska demuxer begins another one as soon as it knows all tracks.
fn continues(
    last: &gst::FormattedSegment<gst::ClockTime>,
    next: &gst::FormattedSegment<gst::ClockTime>,
) -> bool {
    let Some(start) = last.start().max(next.start()) else {
        return false;
    };
    let times = last.to_stream_time(start).zip(next.to_stream_time(start));
    times.is_some_and(|(last, next)| last.max(next) - last.min(next) < MAX_SEGMENT_SHIFT)
}

/// True if a stream of this codec can be decoded from each of its keyframes on. The parsers of these codecs mark keyframes.
fn can_start_at_keyframes(caps: &gst::CapsRef) -> bool {
    const CODECS: [&str; 7] = [
        "video/x-h264",
        "video/x-h265",
        "video/x-vp8",
        "video/x-vp9",
        "video/x-av1",
        "video/mpeg",
        "image/jpeg",
    ];
    caps.structure(0)
        .is_some_and(|codec| CODECS.contains(&codec.name().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_codecs_that_can_start_at_any_keyframe() {
        gst::init().unwrap();
        let can = |caps: &str| can_start_at_keyframes(&caps.parse::<gst::Caps>().unwrap());
        assert!(can("video/x-h264, stream-format=avc"));
        assert!(can("video/mpeg, mpegversion=4"));
        assert!(!can("video/x-theora"));
        assert!(!can("video/x-raw"));
    }
}
