//! Converts decoded frames to packed RGB in the size that the vision encoder takes.
//!
//! GStreamer scales a frame in its own colour format. Its conversion from YUV to RGB comes out two to three levels of 255 too
//! dark, so that step is done here, on the scaled frame, which also takes less time. Transparent parts are black.

use super::alpha_over_black::AlphaOverBlack;
use atom_models::Image;
use gstreamer as gst;
use gstreamer_video::{self as gst_video, prelude::*};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv444_to_rgb};

/// Converts decoded frames, whatever format each of them has.
pub(crate) struct FrameConverter {
    size: (u32, u32),
    converter: Option<FormatConverter>,
}

impl FrameConverter {
    /// Returns a converter to frames of this width and height.
    pub(crate) fn new(size: (u32, u32)) -> Self {
        Self {
            size,
            converter: None,
        }
    }

    /// Converts one frame; the error is a text for people.
    pub(crate) fn convert(
        &mut self,
        info: &gst_video::VideoInfo,
        buffer: gst::Buffer,
    ) -> Result<Image, String> {
        if self
            .converter
            .as_ref()
            .is_none_or(|converter| converter.from != *info)
        {
            self.converter = Some(FormatConverter::new(info, self.size)?);
        }
        let converter = self
            .converter
            .as_ref()
            .ok_or("the pixel format of the frame cannot be converted")?;
        converter.convert(buffer)
    }
}

/// Returns the format and the bytes of a frame.
pub(crate) fn format_and_buffer(
    sample: &gst::Sample,
) -> Option<(gst_video::VideoInfo, gst::Buffer)> {
    Some((video_info(sample.caps()?)?, sample.buffer_owned()?))
}

/// Returns the format of frames. GStreamer forgets their range if their matrix is not known.
fn video_info(caps: &gst::CapsRef) -> Option<gst_video::VideoInfo> {
    let info = gst_video::VideoInfo::from_caps(caps).ok()?;
    let signalled = caps.structure(0)?.get::<String>("colorimetry");
    let full = signalled.is_ok_and(|colours| colours.starts_with(FULL_WITHOUT_MATRIX));
    if !full || !info.is_yuv() {
        return Some(info);
    }
    let usual = info.colorimetry();
    let colours = gst_video::VideoColorimetry::new(
        gst_video::VideoColorRange::Range0_255,
        usual.matrix(),
        usual.transfer(),
        usual.primaries(),
    );
    let mut caps = caps.to_owned();
    caps.make_mut().set("colorimetry", colours.to_string());
    gst_video::VideoInfo::from_caps(&caps).ok()
}

/// The beginning of GStreamer's name for colours in full range with an unknown matrix.
const FULL_WITHOUT_MATRIX: &str = "1:0:";

/// Returns how long a frame is shown, in nanoseconds: from its buffer, else from the frame rate, else 40 ms.
pub(crate) fn frame_duration(info: &gst_video::VideoInfo, buffer: &gst::Buffer) -> u64 {
    let rate = (info.fps().numer() > 0)
        .then(|| 1_000_000_000 * info.fps().denom() as u64 / info.fps().numer() as u64);
    buffer
        .duration()
        .map(gst::ClockTime::nseconds)
        .filter(|nanos| *nanos > 0)
        .or(rate)
        .unwrap_or(40_000_000)
}

/// Returns the proportions in which a frame is shown: its pixels need not be square.
fn display_proportions(info: &gst_video::VideoInfo) -> (u32, u32) {
    let pixel = info.par();
    let (wide, high) = (pixel.numer().max(1) as u32, pixel.denom().max(1) as u32);
    (
        info.width().saturating_mul(wide),
        info.height().saturating_mul(high),
    )
}

/// Converts frames of one format.
struct FormatConverter {
    from: gst_video::VideoInfo,
    /// Set for a format with alpha.
    over_black: Option<AlphaOverBlack>,
    to: gst_video::VideoInfo,
    inner: gst_video::VideoConverter,
}

impl FormatConverter {
    fn new(from: &gst_video::VideoInfo, (width, height): (u32, u32)) -> Result<Self, String> {
        let format = match from.is_yuv() {
            true => gst_video::VideoFormat::Y444,
            false => gst_video::VideoFormat::Rgb,
        };
        let colours = from.colorimetry();
        let to = gst_video::VideoInfo::builder(format, width, height)
            // The converter refuses to change the frame rate or the interlacing.
            .fps(from.fps())
            .interlace_mode(from.interlace_mode())
            .colorimetry_if_some(from.is_yuv().then_some(&colours))
            .build()
            .map_err(|e| e.to_string())?;
        let mut config = gst_video::VideoConverterConfig::new();
        config.set_resampler_method(gst_video::VideoResamplerMethod::Linear);
        let over_black = AlphaOverBlack::for_format(from)?;
        let opaque = over_black.as_ref().map_or(from, AlphaOverBlack::format);
        let inner =
            gst_video::VideoConverter::new(opaque, &to, Some(config)).map_err(|e| e.to_string())?;
        Ok(Self {
            from: from.clone(),
            over_black,
            to,
            inner,
        })
    }

    fn convert(&self, buffer: gst::Buffer) -> Result<Image, String> {
        let (buffer, format) = match &self.over_black {
            Some(blending) => (blending.blend(buffer)?, blending.format()),
            None => (buffer, &self.from),
        };
        let from = gst_video::VideoFrame::from_buffer_readable(buffer, format)
            .map_err(|_| "the frame cannot be read".to_owned())?;
        let buffer = gst::Buffer::with_size(self.to.size()).map_err(|e| e.to_string())?;
        let mut to = gst_video::VideoFrame::from_buffer_writable(buffer, &self.to)
            .map_err(|_| "not enough memory for a frame".to_owned())?;
        self.inner.frame(&from, &mut to);
        let pixels = match self.to.is_yuv() {
            true => rgb_from_yuv(&to)?,
            false => packed_rgb(&to)?,
        };
        let image = Image::new(self.to.width(), self.to.height(), pixels);
        let (wide, high) = display_proportions(&self.from);
        image
            .map(|image| image.with_display_size(wide, high))
            .map_err(|e| e.to_string())
    }
}

type WritableFrame = gst_video::VideoFrame<gst_video::video_frame::Writable>;

/// Returns the rows of an RGB frame without the padding between them.
fn packed_rgb(frame: &WritableFrame) -> Result<Vec<u8>, String> {
    let data = frame.plane_data(0).map_err(|e| e.to_string())?;
    let rows = data
        .chunks(frame.plane_stride()[0] as usize)
        .take(frame.height() as usize)
        .flat_map(|row| &row[..frame.width() as usize * 3]);
    Ok(rows.copied().collect())
}

/// Converts a Y444 frame to RGB, with the matrix and the range of its own colours.
fn rgb_from_yuv(frame: &WritableFrame) -> Result<Vec<u8>, String> {
    let plane = |n| frame.plane_data(n).map_err(|e| e.to_string());
    let stride = |n: usize| frame.plane_stride()[n] as u32;
    let planes = YuvPlanarImage {
        y_plane: plane(0)?,
        y_stride: stride(0),
        u_plane: plane(1)?,
        u_stride: stride(1),
        v_plane: plane(2)?,
        v_stride: stride(2),
        width: frame.width(),
        height: frame.height(),
    };
    let colours = frame.info().colorimetry();
    let range = match colours.range() {
        gst_video::VideoColorRange::Range0_255 => YuvRange::Full,
        _ => YuvRange::Limited,
    };
    let matrix = match colours.matrix().kr_kb() {
        Ok((kr, kb)) => YuvStandardMatrix::Custom(kr as f32, kb as f32),
        Err(_) => YuvStandardMatrix::Bt709,
    };
    let row = frame.width() * 3;
    let mut pixels = vec![0; (row * frame.height()) as usize];
    yuv444_to_rgb(&planes, &mut pixels, row, range, matrix).map_err(|e| e.to_string())?;
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst_video::{VideoColorMatrix, VideoColorRange, VideoFormat};

    /// Converts a frame of one YUV colour.
    fn converted(
        format: VideoFormat,
        range: VideoColorRange,
        matrix: VideoColorMatrix,
        yuv: [u8; 3],
    ) -> [u8; 3] {
        gst::init().unwrap();
        let colours = gst_video::VideoColorimetry::new(
            range,
            matrix,
            gst_video::VideoTransferFunction::Bt709,
            gst_video::VideoColorPrimaries::Bt709,
        );
        let info = gst_video::VideoInfo::builder(format, 64, 48)
            .colorimetry(&colours)
            .build()
            .unwrap();
        let mut buffer = gst::Buffer::with_size(info.size()).unwrap();
        let mut bytes = buffer.get_mut().unwrap().map_writable().unwrap();
        for (plane, value) in yuv.into_iter().enumerate() {
            let end = info.offset().get(plane + 1).copied();
            let end = end.unwrap_or(info.size());
            bytes[info.offset()[plane]..end].fill(value);
        }
        drop(bytes);
        let image = FrameConverter::new((30, 30))
            .convert(&info, buffer)
            .unwrap();
        let first = image.pixels()[..3].try_into().unwrap();
        assert!(image.pixels().chunks(3).all(|pixel| pixel == first));
        first
    }

    /// Converts by the formula of the standards: Kr and Kb are 0.299 and 0.114 (ITU-R BT.601), 0.2126 and 0.0722 (BT.709).
    fn exact((kr, kb): (f64, f64), full: bool, yuv: [u8; 3]) -> [u8; 3] {
        let [y, u, v] = yuv.map(f64::from);
        let (y, half) = if full {
            (y, 255.0)
        } else {
            ((y - 16.0) * 255.0 / 219.0, 224.0)
        };
        let (u, v) = ((u - 128.0) * 255.0 / half, (v - 128.0) * 255.0 / half);
        let (red, blue) = (y + 2.0 * (1.0 - kr) * v, y + 2.0 * (1.0 - kb) * u);
        let green = (y - kr * red - kb * blue) / (1.0 - kr - kb);
        [red, green, blue].map(|x| x.round().clamp(0.0, 255.0) as u8)
    }

    #[test]
    fn colours_are_exact_to_a_level() {
        let matrices = [
            (VideoColorMatrix::Bt601, (0.299, 0.114)),
            (VideoColorMatrix::Bt709, (0.2126, 0.0722)),
        ];
        let ranges = [
            (VideoColorRange::Range16_235, false),
            (VideoColorRange::Range0_255, true),
        ];
        let colours = [
            [16, 128, 128],
            [235, 128, 128],
            [126, 128, 128],
            [90, 200, 60],
            [180, 70, 160],
        ];
        for (matrix, weights) in matrices {
            for (range, full) in ranges {
                for yuv in colours {
                    let exact = exact(weights, full, yuv);
                    for format in [VideoFormat::I420, VideoFormat::Y42b, VideoFormat::Y444] {
                        let found = converted(format, range, matrix, yuv);
                        let near = found.iter().zip(exact).all(|(a, b)| a.abs_diff(b) <= 1);
                        assert!(
                            near,
                            "{format:?} {matrix:?} {range:?} {yuv:?}: {found:?}, not {exact:?}"
                        );
                    }
                }
            }
        }
    }
}
