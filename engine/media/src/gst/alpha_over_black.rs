//! Puts frames with transparent parts on black, before they are scaled.
//!
//! Without this the colours under a transparent part would be seen, which are often arbitrary. A frame is blended in its full
//! size, because scaling mixes the colours of pixels whatever their alpha is.

use gstreamer as gst;
use gstreamer_video as gst_video;

/// Blends frames of one format with black.
pub(super) struct AlphaOverBlack {
    from: gst_video::VideoInfo,
    /// The format of blended frames: four bytes per pixel, of which the first is alpha.
    blended: gst_video::VideoInfo,
    converter: gst_video::VideoConverter,
    /// The three bytes of a black pixel after its alpha.
    black: [u8; 3],
}

impl AlphaOverBlack {
    /// Returns the blending for frames of this format; none if they are opaque, or premultiplied with alpha already.
    pub(super) fn for_format(from: &gst_video::VideoInfo) -> Result<Option<Self>, String> {
        let premultiplied = from
            .flags()
            .contains(gst_video::VideoFlags::PREMULTIPLIED_ALPHA);
        match has_usable_alpha(&from.format_info()) && !premultiplied {
            true => Self::new(from).map(Some),
            false => Ok(None),
        }
    }

    fn new(from: &gst_video::VideoInfo) -> Result<Self, String> {
        let colours = from.colorimetry();
        let full = colours.range() == gst_video::VideoColorRange::Range0_255;
        let (format, black) = match (from.is_yuv(), full) {
            (false, _) => (gst_video::VideoFormat::Argb, [0; 3]),
            (true, true) => (gst_video::VideoFormat::Ayuv, [0, 128, 128]),
            (true, false) => (gst_video::VideoFormat::Ayuv, [16, 128, 128]),
        };
        let blended = gst_video::VideoInfo::builder(format, from.width(), from.height())
            .fps(from.fps())
            .interlace_mode(from.interlace_mode())
            .colorimetry_if_some(from.is_yuv().then_some(&colours))
            .build()
            .map_err(|e| e.to_string())?;
        let converter = gst_video::VideoConverter::new(from, &blended, None);
        Ok(Self {
            from: from.clone(),
            blended,
            converter: converter.map_err(|e| e.to_string())?,
            black,
        })
    }

    /// Returns the format of blended frames.
    pub(super) fn format(&self) -> &gst_video::VideoInfo {
        &self.blended
    }

    /// Blends a frame; the error is a text for people.
    pub(super) fn blend(&self, buffer: gst::Buffer) -> Result<gst::Buffer, String> {
        let from = gst_video::VideoFrame::from_buffer_readable(buffer, &self.from)
            .map_err(|_| "the frame cannot be read".to_owned())?;
        let buffer = gst::Buffer::with_size(self.blended.size()).map_err(|e| e.to_string())?;
        let mut to = gst_video::VideoFrame::from_buffer_writable(buffer, &self.blended)
            .map_err(|_| "not enough memory for a frame".to_owned())?;
        self.converter.frame(&from, &mut to);
        let bytes = to.plane_data_mut(0).map_err(|e| e.to_string())?;
        for pixel in bytes.chunks_exact_mut(4) {
            if let [alpha, colours @ ..] = pixel {
                for (colour, black) in colours.iter_mut().zip(self.black) {
                    *colour = mix(*colour, black, *alpha);
                }
                *alpha = u8::MAX;
            }
        }
        Ok(to.into_buffer())
    }
}

/// True if a format has alpha. The two bits in 32-bit formats with 10 bits a colour are padding in practice, and GStreamer reads
/// them as less than they are.
fn has_usable_alpha(format: &gst_video::VideoFormatInfo) -> bool {
    format.has_alpha() && format.depth().last().is_none_or(|bits| *bits > 2)
}

/// Returns the mixture of a colour with black, of which `alpha` of 255 parts are the colour.
fn mix(colour: u8, black: u8, alpha: u8) -> u8 {
    let (colour, black, alpha) = (u32::from(colour), u32::from(black), u32::from(alpha));
    ((colour * alpha + black * (255 - alpha) + 127) / 255) as u8
}

#[cfg(test)]
mod tests {
    use gst_video::{VideoConverter, VideoFormat, VideoFrame, VideoInfo};

    use super::*;
    use crate::gst::frame_converter::FrameConverter;

    /// Returns the colour of a white frame of this format with this alpha.
    fn white(format: VideoFormat, alpha: u8) -> [u8; 3] {
        let build = |format| VideoInfo::builder(format, 32, 16).build().unwrap();
        let (argb, info) = (build(VideoFormat::Argb), build(format));
        let pixels = [alpha, 255, 255, 255].repeat(32 * 16);
        let from = VideoFrame::from_buffer_readable(gst::Buffer::from_slice(pixels), &argb);
        let buffer = gst::Buffer::with_size(info.size()).unwrap();
        let mut to = VideoFrame::from_buffer_writable(buffer, &info).unwrap();
        let converter = VideoConverter::new(&argb, &info, None).unwrap();
        converter.frame(&from.unwrap(), &mut to);
        let image = FrameConverter::new((16, 16)).convert(&info, to.into_buffer());
        image.unwrap().pixels()[..3].try_into().unwrap()
    }

    #[test]
    fn every_format_with_alpha_is_shown_on_black() {
        gst::init().unwrap();
        let info = gst_video::VideoFormatInfo::from_format;
        let formats = VideoFormat::iter_raw().filter(|format| has_usable_alpha(&info(*format)));
        // GStreamer makes no palette with transparent colours.
        for format in formats.filter(|format| *format != VideoFormat::Rgb8p) {
            for alpha in [0, 1, 85, 170, 255] {
                let found = white(format, alpha);
                let near = found.iter().all(|colour| colour.abs_diff(alpha) <= 3);
                assert!(near, "{format:?} with alpha {alpha}: {found:?}");
            }
        }
    }

    #[test]
    fn a_mixture_of_a_colour_with_itself_is_that_colour() {
        for colour in 0..=255 {
            for alpha in 0..=255 {
                assert_eq!(mix(colour, colour, alpha), colour);
            }
        }
    }
}
