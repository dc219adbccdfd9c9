//! From decoded pictures to what the vision encoder takes.

use atom_models::Image;
use gstreamer as gst;
use gstreamer_video::{self as gst_video, prelude::*};

/// Turns decoded pictures into packed RGB of the encoder's size, whatever format each of them has.
pub(super) struct Converting {
    size: (u32, u32),
    converter: Option<Converter>,
}

impl Converting {
    pub(super) fn to(size: (u32, u32)) -> Self {
        Self {
            size,
            converter: None,
        }
    }

    pub(super) fn image(
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
pub(super) fn parts(sample: &gst::Sample) -> Option<(gst_video::VideoInfo, gst::Buffer)> {
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    Some((info, sample.buffer_owned()?))
}

/// How long a frame is shown, in nanoseconds: as its buffer says, else by the frame rate, else 40 ms.
pub(super) fn duration(info: &gst_video::VideoInfo, buffer: &gst::Buffer) -> u64 {
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

/// Turns decoded pictures of one format into packed RGB of the encoder's size, in one step.
struct Converter {
    from: gst_video::VideoInfo,
    to: gst_video::VideoInfo,
    inner: gst_video::VideoConverter,
}

impl Converter {
    fn new(from: &gst_video::VideoInfo, (width, height): (u32, u32)) -> Result<Self, String> {
        let to = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, width, height)
            // The converter changes pictures, neither their rate nor how their lines were taken.
            .fps(from.fps())
            .interlace_mode(from.interlace_mode())
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
        let (width, height) = (self.to.width(), self.to.height());
        let stride = to.plane_stride()[0] as usize;
        let data = to.plane_data(0).map_err(|e| e.to_string())?;
        let rows = data
            .chunks(stride)
            .take(height as usize)
            .flat_map(|row| &row[..width as usize * 3]);
        let image = Image::new(width, height, rows.copied().collect());
        let (wide, high) = shown(&self.from);
        image
            .map(|image| image.shown_as(wide, high))
            .map_err(|e| e.to_string())
    }
}
