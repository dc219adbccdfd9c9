//! Keeps concealed pictures, those that a decoder made up for missing data, away from everything behind the decoder.
//!
//! The gate decides before the decoder, where packets are seen; a mark on the packet, which GStreamer copies to the picture,
//! carries the decision through it. Concealed packets are decoded all the same: a stream without key frames becomes right only
//! by being decoded. Invariant: a picture with a mark, or one that the decoder itself calls corrupted, never leaves the decoder.

use std::{
    sync::{
        Arc, Once,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use gstreamer::{self as gst, meta::CustomMeta, prelude::*};
use parking_lot::Mutex;

use super::{
    access_point::{AccessCodec, AccessPoint},
    picture_gate::{GatePacket, MAX_WAIT_SECONDS, PictureGate},
};

/// The name of the mark.
const MARK: &str = "AtomConcealedPicture";
/// The demuxer of transport streams keeps back everything before the first key frame itself. Time without a packet after its first
/// data until this counts as waiting.
const MAX_DEMUXED: Duration = Duration::from_secs(3);

/// Facts about kept-back pictures for the thread that pulls frames.
#[derive(Clone, Default)]
pub(crate) struct ConcealmentStatus(Arc<SharedStatus>);

#[derive(Default)]
struct SharedStatus {
    /// Pictures concealed since they were last taken.
    pictures: AtomicU64,
    /// True if any picture was marked.
    any: AtomicBool,
    /// Number of waits for a key frame that concealed a picture.
    waits: AtomicU64,
    waiting: AtomicBool,
    without_key: AtomicBool,
    /// True while an element before the decoder keeps everything back.
    kept_back: AtomicBool,
    /// Time of the last data that reached such an element.
    last_input: Mutex<Option<Instant>>,
    /// True if a packet reached the decoder.
    started: AtomicBool,
    first_demuxed: Mutex<Option<Instant>>,
    /// Time of the last concealed picture, or of the packet that ended a wait.
    last_heard: Mutex<Option<Instant>>,
}

impl ConcealmentStatus {
    /// Returns the number of pictures concealed since the last call.
    pub(crate) fn take_concealed(&self) -> u64 {
        self.0.pictures.swap(0, SeqCst)
    }

    /// Returns the number of waits for a key frame so far, with the present one.
    pub(crate) fn waits(&self) -> u64 {
        self.0.waits.load(SeqCst)
    }

    /// True while pictures come, but none is right before a key frame.
    pub(crate) fn waiting(&self) -> bool {
        let shared = &self.0;
        let started = shared.started.load(SeqCst);
        let demuxed = *shared.first_demuxed.lock();
        let late = demuxed.is_some_and(|first| !started && first.elapsed() >= MAX_DEMUXED);
        shared.waiting.load(SeqCst) || shared.kept_back.load(SeqCst) || late
    }

    /// True if pictures count as right because no key frame came.
    pub(crate) fn without_key(&self) -> bool {
        self.0.without_key.load(SeqCst)
    }

    /// Returns what a source that gives no frame lacks.
    pub(crate) fn missing(&self) -> &'static str {
        match self.waiting() {
            true => "key frame",
            false => "frame",
        }
    }

    /// Returns for how long nothing was heard of a source that has given no frame for so long. What is concealed is heard; what
    /// is kept back before the decoder, not for longer than a key frame may take.
    pub(crate) fn silence(&self, without_frame: Duration) -> Duration {
        let mut last = vec![*self.0.last_heard.lock()];
        if self.waiting() && without_frame < Duration::from_secs(MAX_WAIT_SECONDS) {
            last.push(*self.0.last_input.lock());
        }
        let heard = last.into_iter().flatten().map(|last| last.elapsed());
        heard.fold(without_frame, Duration::min)
    }

    /// Notes data that reached an element that may keep it back; `lacking` is true when it begins to lack a key frame.
    pub(super) fn note_input(&self, lacking: bool) {
        *self.0.last_input.lock() = Some(Instant::now());
        if lacking {
            self.0.kept_back.store(true, SeqCst);
            self.0.waits.fetch_add(1, SeqCst);
        }
    }

    /// Notes that an element that lacked a key frame gives packets out again.
    pub(super) fn note_released(&self) {
        self.0.kept_back.store(false, SeqCst);
        self.hear();
    }

    /// Notes that data reached the demuxer of a transport stream.
    pub(super) fn note_demuxed(&self) {
        let now = Instant::now();
        self.0.first_demuxed.lock().get_or_insert(now);
        *self.0.last_input.lock() = Some(now);
    }

    /// Notes that a packet reached the decoder.
    fn note_packet(&self) {
        if !self.0.started.swap(true, SeqCst) {
            self.hear();
        }
    }

    /// Counts a concealed picture.
    fn add(&self) {
        self.0.pictures.fetch_add(1, SeqCst);
        self.hear();
    }

    /// Notes that a frame comes soon, however long the wait was, or is concealed.
    fn hear(&self) {
        *self.0.last_heard.lock() = Some(Instant::now());
    }
}

/// The gate before one decoder.
pub(super) struct PacketCheck {
    status: ConcealmentStatus,
    codec: Option<AccessCodec>,
    gate: PictureGate,
    /// True if the next packet only begins a segment that continues where the last one was.
    continued: bool,
}

impl PacketCheck {
    /// Returns the closed gate of a stream whose format is still unknown.
    pub(super) fn new(status: ConcealmentStatus) -> Self {
        Self {
            status,
            codec: None,
            gate: PictureGate::new(),
            continued: false,
        }
    }

    /// Sets the format of the packets that follow.
    pub(super) fn set_format(&mut self, caps: &gst::CapsRef) {
        self.codec = AccessCodec::of(caps);
    }

    /// Notes that a segment continues the last one: parsers mark its first packet as discontinuous, but nothing is missing.
    pub(super) fn continue_segment(&mut self) {
        self.continued = true;
    }

    /// Marks a packet whose picture is concealed; true if it is. It is counted only if its frames are.
    pub(super) fn marks(&mut self, packet: &mut gst::Buffer, counted: bool) -> bool {
        let Some(codec) = self.codec else {
            self.status.note_packet();
            return false;
        };
        let damaged = packet.flags().contains(gst::BufferFlags::CORRUPTED);
        let continued = std::mem::take(&mut self.continued);
        if damaged || (packet.flags().contains(gst::BufferFlags::DISCONT) && !continued) {
            self.gate.close();
        }
        if !self.gate.reads() {
            self.status.note_packet();
            return false;
        }
        let access = match damaged {
            true => AccessPoint::Reference,
            false => access_point(codec, packet),
        };
        let concealed = self.gate.conceals(&GatePacket {
            access,
            shown_at: packet.pts().map(gst::ClockTime::nseconds),
            decoded_at: packet.dts_or_pts().map(gst::ClockTime::nseconds),
        });
        self.report(concealed);
        if concealed {
            add_mark(packet.make_mut());
        }
        if concealed && counted {
            self.status.add();
        }
        concealed
    }

    fn report(&self, concealed: bool) {
        let shared = &self.status.0;
        shared.any.fetch_or(concealed, SeqCst);
        let waiting = self.gate.closed();
        if waiting && concealed && !shared.waiting.swap(true, SeqCst) {
            shared.waits.fetch_add(1, SeqCst);
        }
        if !waiting {
            shared.waiting.store(false, SeqCst);
        }
        self.status.note_packet();
        let without_key = self.gate.opened_without_key();
        shared.without_key.store(without_key, SeqCst);
    }
}

fn access_point(codec: AccessCodec, packet: &gst::Buffer) -> AccessPoint {
    let key = !packet.flags().contains(gst::BufferFlags::DELTA_UNIT);
    match packet.map_readable() {
        Ok(bytes) => codec.access_point(&bytes, key),
        Err(_) => AccessPoint::Reference,
    }
}

fn add_mark(packet: &mut gst::BufferRef) {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| CustomMeta::register_simple(MARK));
    // The mark is registered, so it can be added.
    let _ = CustomMeta::add(packet, MARK);
}

/// Drops the concealed pictures that leave a decoder. `skipped_any` returns true if packets were skipped: the caller then decodes
/// everything again if a picture that it wants is corrupted.
pub(super) fn drop_concealed(
    decoder: &gst::Element,
    status: ConcealmentStatus,
    skipped_any: impl Fn() -> bool + Send + Sync + 'static,
) {
    let Some(pad) = decoder.static_pad("src") else {
        return;
    };
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        let Some(picture) = info.buffer() else {
            return gst::PadProbeReturn::Ok;
        };
        let marked = status.0.any.load(SeqCst);
        if marked && CustomMeta::from_buffer(picture, MARK).is_ok() {
            return gst::PadProbeReturn::Drop;
        }
        let corrupted = picture.flags().contains(gst::BufferFlags::CORRUPTED);
        if corrupted && !status.without_key() && !skipped_any() {
            status.add();
            return gst::PadProbeReturn::Drop;
        }
        gst::PadProbeReturn::Ok
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn concealed_pictures_are_heard_and_counted_once() {
        let status = ConcealmentStatus::default();
        status.add();
        status.add();
        assert_eq!([status.take_concealed(), status.take_concealed()], [2, 0]);
        let hour = Duration::from_secs(3600);
        assert!(status.silence(hour) < hour);
    }
}
