//! From decoded pictures to what the vision encoder takes.

use atom_models::Image;
use gstreamer as gst;
use gstreamer_video::{self as gst_video, prelude::*};

/// Turns decoded pictures of one format into packed RGB of the encoder's size, in one step.
pub(super) struct Converter {
    pub(super) from: gst_video::VideoInfo,
    to: gst_video::VideoInfo,
    inner: gst_video::VideoConverter,
}

impl Converter {
    pub(super) fn new(
        from: &gst_video::VideoInfo,
        (width, height): (u32, u32),
    ) -> Result<Self, String> {
        let to = gst_video::VideoInfo::builder(gst_video::VideoFormat::Rgb, width, height)
            // The converter changes pictures, never their rate.
            .fps(from.fps())
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

    pub(super) fn convert(&self, buffer: gst::Buffer) -> Result<Image, String> {
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
        Image::new(width, height, rows.copied().collect()).map_err(|e| e.to_string())
    }
}
