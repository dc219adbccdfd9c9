//! Chooses one of the video tracks of a file.
//!
//! The track that the container names as the default one is taken, else the first. A picture that is kept beside the video,
//! such as a cover, is taken only if there is nothing else.

use gstreamer::{self as gst, prelude::*};

/// Links the chosen track to `next` as soon as all tracks are known.
pub(super) fn link_chosen_track(
    decoder: &gst::Element,
    next: &gst::Element,
) -> Result<(), gst::glib::BoolError> {
    let target = next
        .static_pad("sink")
        .ok_or_else(|| gst::glib::bool_error!("{} has no sink pad", next.name()))?;
    decoder.connect_no_more_pads(move |decoder| {
        let tracks = decoder.src_pads().into_iter();
        if let Some(track) = tracks
            .min_by_key(disadvantages)
            .filter(|_| !target.is_linked())
        {
            // A track that cannot be linked is reported on the bus as an error.
            let _ = track.link(&target);
        }
    });
    Ok(())
}

/// Returns what speaks against a track, the gravest first.
fn disadvantages(track: &gst::Pad) -> (bool, bool, bool) {
    let start = track.sticky_event::<gst::event::StreamStart>(0);
    let flags = start.map_or(gst::StreamFlags::empty(), |event| event.stream_flags());
    let picture = codec(track).is_some_and(|codec| codec.starts_with("image/"));
    let disabled = flags.contains(gst::StreamFlags::UNSELECT);
    (picture, disabled, !flags.contains(gst::StreamFlags::SELECT))
}

/// Returns the name of the format from which a track is decoded.
fn codec(track: &gst::Pad) -> Option<String> {
    let mut inner = track.clone();
    while let Some(target) = inner
        .downcast_ref::<gst::GhostPad>()
        .and_then(|pad| pad.target())
    {
        inner = target;
    }
    let caps = inner.parent_element()?.static_pad("sink")?.current_caps()?;
    Some(caps.structure(0)?.name().to_string())
}

/// True for a decoder that is one of two, of colours and of alpha: both must get the same packets.
pub(super) fn decodes_alpha(decoder: &gst::Element) -> bool {
    let bin = decoder.parent().and_downcast::<gst::Element>();
    let factory = bin.and_then(|bin| bin.factory());
    factory.is_some_and(|factory| factory.name().ends_with("alphadecodebin"))
}

/// True if a file was found to hold sound, but neither a video nor a picture.
pub(super) fn holds_only_sound(pipeline: &gst::Pipeline) -> bool {
    let elements = pipeline
        .iterate_recurse()
        .into_iter()
        .filter_map(Result::ok);
    let mut sound = false;
    for element in elements {
        let Some(factory) = element.factory() else {
            continue;
        };
        let divides = factory.has_type(gst::ElementFactoryType::DEMUXER)
            || factory.has_type(gst::ElementFactoryType::PARSER);
        let pads = element.src_pads();
        let formats = pads.iter().filter_map(|pad| pad.current_caps());
        for name in formats.filter_map(|caps| Some(caps.structure(0)?.name().to_string())) {
            let picture = name.starts_with("video/") || name.starts_with("image/");
            if divides && picture {
                return false;
            }
            sound |= name.starts_with("audio/");
        }
    }
    sound
}
