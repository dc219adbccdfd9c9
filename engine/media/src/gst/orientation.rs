//! Turns the frames of a recording upright, as its metadata says, in whatever format its decoder gives them.
//!
//! `videoflip` knows fewer formats than decoders give, so `videoconvert` stands before it. Invariant: a frame in a format that
//! `videoflip` knows passes both unchanged, unless it must be turned; any other is converted to the known format that keeps
//! most of it: its alpha, its chroma, its depth.

use gstreamer::{self as gst, prelude::*};
use gstreamer_app::AppSink;
use gstreamer_video as gst_video;

/// Adds the elements between a decoder and the sink, and returns the first of them.
pub(super) fn add_orientation(
    pipeline: &gst::Pipeline,
    sink: &AppSink,
) -> Result<gst::Element, gst::glib::BoolError> {
    let conversion = gst::ElementFactory::make("videoconvert").build()?;
    let rotation = gst::ElementFactory::make("videoflip")
        .property_from_str("video-direction", "auto")
        .build()?;
    if let Some(pad) = conversion.static_pad("sink") {
        make_palettes_opaque(&pad);
    }
    pipeline.add_many([&conversion, &rotation, sink.upcast_ref()])?;
    gst::Element::link_many([&conversion, &rotation, sink.upcast_ref()])?;
    Ok(conversion)
}

/// Makes the palettes of frames opaque. No codec with a palette has alpha, and some decoders leave that byte zero.
fn make_palettes_opaque(pad: &gst::Pad) {
    pad.add_probe(gst::PadProbeType::BUFFER, |pad, info| {
        let caps = pad.current_caps();
        let format = caps.and_then(|caps| gst_video::VideoInfo::from_caps(&caps).ok());
        let paletted = format.filter(|info| info.format() == gst_video::VideoFormat::Rgb8p);
        if let Some((format, frame)) = paletted.zip(info.buffer_mut()) {
            let frame = frame.make_mut();
            let planes = gst_video::VideoFrameRef::from_buffer_ref_writable(frame, &format);
            if let Ok(mut planes) = planes
                && let Ok(palette) = planes.plane_data_mut(1)
            {
                // Each colour is a number of 32 bits, with alpha in its highest byte.
                for colour in palette.chunks_exact_mut(4) {
                    colour[ALPHA] = u8::MAX;
                }
            }
        }
        gst::PadProbeReturn::Ok
    });
}

/// The place of alpha in a colour of a palette.
const ALPHA: usize = if cfg!(target_endian = "little") { 3 } else { 0 };

#[cfg(test)]
mod tests {
    use atom_models::Image;
    use gst_video::{VideoConverter, VideoFormat, VideoFrame, VideoInfo};
    use gstreamer_app::AppSrc;
    use gstreamer_video::prelude::*;

    use super::*;
    use crate::gst::frame_converter::{FrameConverter, format_and_buffer};

    const SIZE: (u32, u32) = (64, 48);
    /// The colours of the quarters of a frame: left and right above, left and right below.
    const QUARTERS: [[u8; 3]; 4] = [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]];

    /// GStreamer reads the two bits of alpha of these formats as less than they are. No decoder gives them.
    const READ_WRONGLY: [VideoFormat; 2] = [VideoFormat::Rgb10a2Le, VideoFormat::Bgr10a2Le];

    /// Returns a frame in this format whose quarters have those colours.
    fn frame(format: VideoFormat) -> (VideoInfo, gst::Buffer) {
        let build = |format| VideoInfo::builder(format, SIZE.0, SIZE.1).build().unwrap();
        let (rgb, info) = (build(VideoFormat::Rgb), build(format));
        let mut pixels = gst::Buffer::with_size(rgb.size()).unwrap();
        {
            let mut bytes = pixels.get_mut().unwrap().map_writable().unwrap();
            for (index, pixel) in bytes.chunks_exact_mut(3).enumerate() {
                let (x, y) = (index as u32 % SIZE.0, index as u32 / SIZE.0);
                let quarter = x * 2 / SIZE.0 + y * 2 / SIZE.1 * 2;
                pixel.copy_from_slice(&QUARTERS[quarter as usize]);
            }
        }
        let from = VideoFrame::from_buffer_readable(pixels, &rgb).unwrap();
        let buffer = gst::Buffer::with_size(info.size()).unwrap();
        let mut to = VideoFrame::from_buffer_writable(buffer, &info).unwrap();
        let converter = VideoConverter::new(&rgb, &info, None).unwrap();
        converter.frame(&from, &mut to);
        (info, to.into_buffer())
    }

    /// Plays one frame of this format through the elements, with an orientation in its metadata.
    fn played(format: VideoFormat, orientation: &str) -> Option<Image> {
        let (info, mut buffer) = frame(format);
        let pipeline = gst::Pipeline::new();
        let caps = info.to_caps().unwrap();
        let source = AppSrc::builder()
            .format(gst::Format::Time)
            .caps(&caps)
            .build();
        let tags = gst::ElementFactory::make("taginject")
            .property("tags", format!("image-orientation={orientation}"))
            .build()
            .unwrap();
        let sink = AppSink::builder().sync(false).build();
        let first = add_orientation(&pipeline, &sink).unwrap();
        pipeline.add_many([source.upcast_ref(), &tags]).unwrap();
        gst::Element::link_many([source.upcast_ref(), &tags, &first]).unwrap();
        pipeline.set_state(gst::State::Playing).unwrap();
        buffer.get_mut().unwrap().set_pts(gst::ClockTime::ZERO);
        source.push_buffer(buffer).unwrap();
        source.end_of_stream().unwrap();
        let sample = sink.try_pull_sample(gst::ClockTime::from_seconds(10));
        let image = sample.map(|sample| {
            let (info, buffer) = format_and_buffer(&sample).unwrap();
            FrameConverter::new((32, 32))
                .convert(&info, buffer)
                .unwrap()
        });
        pipeline.set_state(gst::State::Null).unwrap();
        image
    }

    /// Returns the middles of the quarters of an image.
    fn quarters(image: &Image) -> [[u8; 3]; 4] {
        [(8, 8), (24, 8), (8, 24), (24, 24)].map(|(x, y): (usize, usize)| {
            let at = (y * 32 + x) * 3;
            image.pixels()[at..at + 3].try_into().unwrap()
        })
    }

    fn is_near(found: [u8; 3], expected: [u8; 3], grey: bool) -> bool {
        let luma = |[r, g, b]: [u8; 3]| {
            (299 * u32::from(r) + 587 * u32::from(g) + 114 * u32::from(b)) / 1000
        };
        let expected = match grey {
            true => [luma(expected) as u8; 3],
            false => expected,
        };
        found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 4)
    }

    #[test]
    fn every_raw_format_is_played_upright_and_in_its_colours() {
        gst::init().unwrap();
        let [a, b, c, d] = QUARTERS;
        // A quarter turn clockwise brings the left quarters up.
        let cases = [("rotate-0", [a, b, c, d]), ("rotate-90", [c, a, d, b])];
        let mut wrong = Vec::new();
        for format in VideoFormat::iter_raw().filter(|format| !READ_WRONGLY.contains(format)) {
            let grey = gst_video::VideoFormatInfo::from_format(format).is_gray();
            for (orientation, expected) in cases {
                let found = played(format, orientation).map(|image| quarters(&image));
                let right = found.is_some_and(|found| {
                    found
                        .iter()
                        .zip(expected)
                        .all(|(found, expected)| is_near(*found, expected, grey))
                });
                if !right {
                    wrong.push(format!("{format:?} {orientation}: {found:?}"));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn every_format_of_every_installed_video_decoder_is_accepted() {
        gst::init().unwrap();
        let pipeline = gst::Pipeline::new();
        let sink = AppSink::builder().build();
        let first = add_orientation(&pipeline, &sink).unwrap();
        let accepted = first.static_pad("sink").unwrap().query_caps(None);
        let kinds = gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO;
        let decoders = gst::ElementFactory::factories_with_type(kinds, gst::Rank::MARGINAL);
        assert!(!decoders.is_empty(), "no decoder is installed");
        for decoder in decoders {
            let templates = decoder.static_pad_templates();
            let given = templates
                .iter()
                .filter(|pad| pad.direction() == gst::PadDirection::Src);
            for given in given.map(|pad| pad.caps()) {
                for format in VideoFormat::iter_raw() {
                    let info = VideoInfo::builder(format, SIZE.0, SIZE.1).build().unwrap();
                    let caps = info.to_caps().unwrap();
                    let missing = given.can_intersect(&caps) && !accepted.can_intersect(&caps);
                    assert!(!missing, "{} gives {format:?}", decoder.name());
                }
            }
        }
    }
}
