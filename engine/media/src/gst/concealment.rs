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
    picture_gate::{GatePacket, PictureGate},
};

/// The name of the mark.
const MARK: &str = "AtomConcealedPicture";

/// What the thread that pulls frames knows of the pictures that are kept from it.
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
    last_concealed: Mutex<Option<Instant>>,
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
        self.0.waiting.load(SeqCst)
    }

    /// True if pictures count as right because no key frame came.
    pub(crate) fn without_key(&self) -> bool {
        self.0.without_key.load(SeqCst)
    }

    /// Returns how long ago a picture was concealed; none if never.
    pub(crate) fn since_concealed(&self) -> Option<Duration> {
        self.0.last_concealed.lock().map(|last| last.elapsed())
    }

    /// Counts a concealed picture.
    fn add(&self) {
        self.0.pictures.fetch_add(1, SeqCst);
        *self.0.last_concealed.lock() = Some(Instant::now());
    }
}

/// The gate before one decoder.
pub(super) struct PacketCheck {
    status: ConcealmentStatus,
    codec: Option<AccessCodec>,
    gate: PictureGate,
}

impl PacketCheck {
    /// Returns the closed gate of a stream whose format is still unknown.
    pub(super) fn new(status: ConcealmentStatus) -> Self {
        Self {
            status,
            codec: None,
            gate: PictureGate::new(),
        }
    }

    /// Sets the format of the packets that follow.
    pub(super) fn set_format(&mut self, caps: &gst::CapsRef) {
        self.codec = AccessCodec::of(caps);
    }

    /// Marks a packet whose picture is concealed; true if it is. It is counted only if its frames are.
    pub(super) fn marks(&mut self, packet: &mut gst::Buffer, counted: bool) -> bool {
        let Some(codec) = self.codec else {
            return false;
        };
        let damaged = packet.flags().contains(gst::BufferFlags::CORRUPTED);
        if damaged || packet.flags().contains(gst::BufferFlags::DISCONT) {
            self.gate.close();
        }
        if !self.gate.reads() {
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

/// Drops the concealed pictures that leave a decoder. `skipped_any` tells whether packets were skipped: the caller then decodes
/// everything anew if a picture that it wants is corrupted.
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
