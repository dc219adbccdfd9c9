//! From decoded pictures to what the vision encoder takes.
//!
//! GStreamer brings a picture to the encoder's size in the colours that it has. From YUV to RGB its own way is rough: what comes
//! out is two to three levels of 255 too dark. So that is done here, of the small picture, which takes less time too.

use atom_models::Image;
use gstreamer as gst;
use gstreamer_video::{self as gst_video, prelude::*};
use yuv::{YuvPlanarImage, YuvRange, YuvStandardMatrix, yuv444_to_rgb};

/// Turns decoded pictures into packed RGB of the encoder's size, whatever format each of them has.
pub(crate) struct Converting {
    size: (u32, u32),
    converter: Option<Converter>,
}

impl Converting {
    pub(crate) fn to(size: (u32, u32)) -> Self {
        Self {
            size,
            converter: None,
        }
    }

    pub(crate) fn image(
        &mut self,
        info: &gst_video::VideoInfo,
        buffer: gst::Buffer,
    ) -> Result<Image, String> {
        if self
            .converter
            .as_ref()
            .is_none_or(|converter| converter.from != *info)
        {
            self.converter = Some(Converter::new(info, self.size)?);
        }
        let converter = self.converter.as_ref().ok_or("no converter")?;
        converter.convert(buffer)
    }
}

/// The format and the bytes of a picture.
pub(crate) fn parts(sample: &gst::Sample) -> Option<(gst_video::VideoInfo, gst::Buffer)> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    Some((info, sample.buffer_owned()?))
}

/// How long a frame is shown, in nanoseconds: as its buffer says, else by the frame rate, else 40 ms.
pub(crate) fn duration(info: &gst_video::VideoInfo, buffer: &gst::Buffer) -> u64 {
    let rate = (info.fps().numer() > 0)
        .then(|| 1_000_000_000 * info.fps().denom() as u64 / info.fps().numer() as u64);
    buffer
        .duration()
        .map(gst::ClockTime::nseconds)
        .filter(|shown| *shown > 0)
        .or(rate)
        .unwrap_or(40_000_000)
}

/// The proportions in which a picture is shown: its pixels need not be square.
fn shown(info: &gst_video::VideoInfo) -> (u32, u32) {
    let pixel = info.par();
    let (wide, high) = (pixel.numer().max(1) as u32, pixel.denom().max(1) as u32);
    (
        info.width().saturating_mul(wide),
        info.height().saturating_mul(high),
    )
}

/// Turns decoded pictures of one format into packed RGB of the encoder's size.
struct Converter {
    from: gst_video::VideoInfo,
    to: gst_video::VideoInfo,
    inner: gst_video::VideoConverter,
}

impl Converter {
    fn new(from: &gst_video::VideoInfo, (width, height): (u32, u32)) -> Result<Self, String> {
        let format = match from.is_yuv() {
            true => gst_video::VideoFormat::Y444,
            false => gst_video::VideoFormat::Rgb,
        };
        let colours = from.colorimetry();
        let to = gst_video::VideoInfo::builder(format, width, height)
            // The converter changes pictures, neither their rate nor how their lines were taken.
            .fps(from.fps())
            .interlace_mode(from.interlace_mode())
            .colorimetry_if_some(from.is_yuv().then_some(&colours))
            .build()
            .map_err(|e| e.to_string())?;
        let mut config = gst_video::VideoConverterConfig::new();
        config.set_resampler_method(gst_video::VideoResamplerMethod::Linear);
        let inner =
            gst_video::VideoConverter::new(from, &to, Some(config)).map_err(|e| e.to_string())?;
        Ok(Self {
            from: from.clone(),
            to,
            inner,
        })
    }

    fn convert(&self, buffer: gst::Buffer) -> Result<Image, String> {
        let from = gst_video::VideoFrame::from_buffer_readable(buffer, &self.from)
            .map_err(|_| "a picture that cannot be read".to_owned())?;
        let buffer = gst::Buffer::with_size(self.to.size()).map_err(|e| e.to_string())?;
        let mut to = gst_video::VideoFrame::from_buffer_writable(buffer, &self.to)
            .map_err(|_| "no memory for a picture".to_owned())?;
        self.inner.frame(&from, &mut to);
        let pixels = match self.to.is_yuv() {
            true => from_yuv(&to)?,
            false => packed(&to)?,
        };
        let image = Image::new(self.to.width(), self.to.height(), pixels);
        let (wide, high) = shown(&self.from);
        image
            .map(|image| image.with_display_size(wide, high))
            .map_err(|e| e.to_string())
    }
}

type Frame = gst_video::VideoFrame<gst_video::video_frame::Writable>;

/// The rows of an RGB picture without what is between them.
fn packed(frame: &Frame) -> Result<Vec<u8>, String> {
    let data = frame.plane_data(0).map_err(|e| e.to_string())?;
    let rows = data
        .chunks(frame.plane_stride()[0] as usize)
        .take(frame.height() as usize)
        .flat_map(|row| &row[..frame.width() as usize * 3]);
    Ok(rows.copied().collect())
}

/// The pixels of a Y444 picture as RGB, by the matrix and the range of its own colours.
fn from_yuv(frame: &Frame) -> Result<Vec<u8>, String> {
    let plane = |n| frame.plane_data(n).map_err(|e| e.to_string());
    let stride = |n: usize| frame.plane_stride()[n] as u32;
    let picture = YuvPlanarImage {
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
    yuv444_to_rgb(&picture, &mut pixels, row, range, matrix).map_err(|e| e.to_string())?;
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst_video::{VideoColorMatrix, VideoColorRange, VideoFormat};

    /// What a picture of one YUV colour becomes.
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
        let image = Converting::to((30, 30)).image(&info, buffer).unwrap();
        let first = image.pixels()[..3].try_into().unwrap();
        assert!(image.pixels().chunks(3).all(|pixel| pixel == first));
        first
    }

    /// By the definition of the standards: Kr and Kb are 0.299 and 0.114 (ITU-R BT.601), 0.2126 and 0.0722 (BT.709).
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
