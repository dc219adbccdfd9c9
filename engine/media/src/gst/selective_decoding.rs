//! The gate before the video decoder: what need not be decoded does not get in.
//!
//! The thread that takes pictures says from when on it wants them; where pieces were let go, the decoder first gives out what
//! it still holds and then begins anew, as after a jump. Of a recording that is still being written the last piece may be cut
//! short, so it never gets in, and the gate knows before which moment no picture is still to come.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
};

use atom_operators::data::MediaTime;
use gstreamer::{self as gst, prelude::*};
use gstreamer_video as gst_video;

use super::packet_selector::{Needed, Piece, Skipper};

/// What passes between the thread that takes pictures and the one that decodes them. Times are stream times.
#[derive(Clone)]
pub(crate) struct Gate {
    growing: bool,
    wanted: Arc<AtomicU64>,
    counted_from: Arc<AtomicU64>,
    skipped: Arc<AtomicBool>,
    passed_over: Arc<AtomicU64>,
    horizon: Arc<AtomicU64>,
}

impl Gate {
    /// An open gate.
    pub(crate) fn new(growing: bool) -> Self {
        Self {
            growing,
            wanted: Arc::default(),
            counted_from: Arc::default(),
            skipped: Arc::default(),
            passed_over: Arc::default(),
            horizon: Arc::default(),
        }
    }

    /// Pictures are wanted only from here on. Never goes back.
    pub(crate) fn want(&self, from: MediaTime) {
        self.wanted.store(from.nanos(), SeqCst);
    }

    /// What lies before is not counted.
    pub(crate) fn count_from(&self, from: MediaTime) {
        self.counted_from.store(from.nanos(), SeqCst);
    }

    /// Whether anything was let go.
    pub(crate) fn skipped(&self) -> bool {
        self.skipped.load(SeqCst)
    }

    /// How many pictures that count were let go since this was asked last.
    pub(crate) fn passed_over(&self) -> u64 {
        self.passed_over.swap(0, SeqCst)
    }

    /// Takes note of what was let go.
    fn let_go(&self, pieces: impl Iterator<Item = MediaTime>) {
        let from = MediaTime::from_nanos(self.counted_from.load(SeqCst));
        let mut count = 0;
        for at in pieces {
            self.skipped.store(true, SeqCst);
            count += u64::from(at.reaches(from));
        }
        self.passed_over.fetch_add(count, SeqCst);
    }

    /// Of a recording that grows: every picture to come is shown then or later.
    pub(crate) fn horizon(&self) -> u64 {
        self.horizon.load(SeqCst)
    }

    /// Stands before an element, if it decodes video.
    pub(crate) fn watch(&self, element: &gst::Element) {
        let Some(pad) = element
            .static_pad("sink")
            .filter(|_| element.is::<gst_video::VideoDecoder>())
        else {
            return;
        };
        let keeper = Mutex::new(Keeper::new(self.clone()));
        let asked = gst::PadProbeType::BUFFER
            | gst::PadProbeType::BUFFER_LIST
            | gst::PadProbeType::EVENT_DOWNSTREAM;
        pad.add_probe(asked, move |pad, info| pass(pad, info, &keeper));
    }
}

/// What is known at the gate of one decoder.
struct Keeper {
    gate: Gate,
    skipper: Skipper<gst::Buffer>,
    segment: Option<gst::FormattedSegment<gst::ClockTime>>,
    /// Of a recording that grows: the last piece that came.
    last: Option<gst::Buffer>,
    /// Whether decoding can begin with any key frame of this codec, and all pieces say when they are shown.
    able: bool,
    /// What passes now has been looked at.
    open: bool,
}

/// What is done with what came to the gate.
enum Verdict {
    /// It gets in.
    Pass,
    /// These get in before it, then itself.
    After(Needed<gst::Buffer>),
    /// These get in instead of it.
    Instead(Needed<gst::Buffer>),
}

fn pass(
    pad: &gst::Pad,
    info: &mut gst::PadProbeInfo,
    keeper: &Mutex<Keeper>,
) -> gst::PadProbeReturn {
    // While pieces are handed on, they come by here again: the keeper must be free then.
    let lock = || keeper.lock().unwrap_or_else(PoisonError::into_inner);
    let verdict = lock().judge(info.data.as_ref());
    match verdict {
        Verdict::Pass => gst::PadProbeReturn::Ok,
        Verdict::After(needed) => {
            lock().open = true;
            let _ = hand_on(pad, needed);
            lock().open = false;
            gst::PadProbeReturn::Ok
        }
        Verdict::Instead(needed) => {
            info.data = None;
            lock().open = true;
            info.flow_res = hand_on(pad, needed);
            lock().open = false;
            gst::PadProbeReturn::Handled
        }
    }
}

fn hand_on(
    pad: &gst::Pad,
    needed: Needed<gst::Buffer>,
) -> Result<gst::FlowSuccess, gst::FlowError> {
    if needed.anew {
        // At a still picture a decoder gives out all that it holds and forgets what it was at.
        pad.send_event(gst_video::StillFrameEvent::builder(true).build());
    }
    let mut flow = Ok(gst::FlowSuccess::Ok);
    for piece in needed.pieces {
        flow = pad.chain(piece);
        flow?;
    }
    flow
}

impl Keeper {
    fn new(gate: Gate) -> Self {
        Self {
            gate,
            skipper: Skipper::default(),
            segment: None,
            last: None,
            able: false,
            open: false,
        }
    }

    fn judge(&mut self, data: Option<&gst::PadProbeData>) -> Verdict {
        if self.open {
            return Verdict::Pass;
        }
        match data {
            Some(gst::PadProbeData::Buffer(piece)) => self.piece(piece),
            Some(gst::PadProbeData::BufferList(_)) => {
                self.able = false;
                Verdict::After(self.release())
            }
            Some(gst::PadProbeData::Event(event)) => self.event(event),
            _ => Verdict::Pass,
        }
    }

    fn piece(&mut self, piece: &gst::Buffer) -> Verdict {
        if !self.gate.growing {
            return self.whole(piece.clone());
        }
        let begins = piece.dts().or(piece.pts());
        let horizon = begins.map_or(0, |begins| self.stream_time(begins).nanos());
        self.gate.horizon.fetch_max(horizon, SeqCst);
        match self.last.replace(piece.clone()) {
            Some(before) => match self.whole(before.clone()) {
                Verdict::Pass => Verdict::Instead(Needed {
                    anew: false,
                    pieces: vec![before],
                }),
                other => other,
            },
            None => Verdict::Instead(Needed {
                anew: false,
                pieces: Vec::new(),
            }),
        }
    }

    /// Decides about a piece that is known to be whole.
    fn whole(&mut self, piece: gst::Buffer) -> Verdict {
        self.able &= piece.pts().is_some();
        let Some(pts) = piece.pts().filter(|_| self.able) else {
            let mut needed = self.skipper.end();
            needed.pieces.push(piece);
            return Verdict::Instead(needed);
        };
        let looked_at = Piece {
            at: self.stream_time(pts),
            key: !piece.flags().contains(gst::BufferFlags::DELTA_UNIT),
            size: piece.size(),
            inner: piece,
        };
        let wanted = MediaTime::from_nanos(self.gate.wanted.load(SeqCst));
        let needed = self.skipper.push(looked_at, wanted);
        self.gate.let_go(self.skipper.skipped.drain(..));
        Verdict::Instead(needed)
    }

    /// What a container hides before the beginning lies at the beginning.
    fn stream_time(&self, at: gst::ClockTime) -> MediaTime {
        let time = match &self.segment {
            Some(segment) => segment.to_stream_time(at),
            None => Some(at),
        };
        MediaTime::from_nanos(time.map_or(0, gst::ClockTime::nseconds))
    }

    fn event(&mut self, event: &gst::Event) -> Verdict {
        match event.view() {
            gst::EventView::Caps(caps) => {
                let needed = self.release();
                self.able = can_begin_anew(caps.caps());
                Verdict::After(needed)
            }
            gst::EventView::Segment(segment) => {
                let needed = self.release();
                let times = segment.segment().downcast_ref::<gst::ClockTime>();
                self.able &= times.is_some();
                self.segment = times.cloned();
                Verdict::After(needed)
            }
            gst::EventView::Eos(_) => {
                // Of a recording that grows the last piece may be cut short.
                self.last = None;
                Verdict::After(self.release())
            }
            _ => Verdict::Pass,
        }
    }

    /// All that waits.
    fn release(&mut self) -> Needed<gst::Buffer> {
        let mut needed = self.skipper.end();
        self.gate.let_go(self.skipper.skipped.drain(..));
        needed.pieces.extend(self.last.take());
        needed
    }
}

/// Whether a stream of this kind can be decoded from each of its key frames on. Parsers for these tell which those are.
fn can_begin_anew(caps: &gst::CapsRef) -> bool {
    const KINDS: [&str; 7] = [
        "video/x-h264",
        "video/x-h265",
        "video/x-vp8",
        "video/x-vp9",
        "video/x-av1",
        "video/mpeg",
        "image/jpeg",
    ];
    caps.structure(0)
        .is_some_and(|kind| KINDS.contains(&kind.name().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_codecs_that_can_begin_anew() {
        gst::init().unwrap();
        let can = |caps: &str| can_begin_anew(&caps.parse::<gst::Caps>().unwrap());
        assert!(can("video/x-h264, stream-format=avc"));
        assert!(can("video/mpeg, mpegversion=4"));
        assert!(!can("video/x-theora"));
        assert!(!can("video/x-raw"));
    }
}
