//! The steps from an image to the values that an image encoder takes, as `preprocessor_config.json` describes them: resize,
//! cut out the centre, scale and normalise.
//!
//! An image that already has the encoder's size is not resized, so frames that were scaled for the encoder keep their pixels.
//!
//! Source: `image_processing_backends.py` (PilBackend) and `image_transforms.py` of transformers 5.24.

use serde_json::Value;

use crate::{
    Image, ModelError,
    model_config::ConfigFile,
    vision::{
        pixel_levels::PixelLevels,
        resize::{Filter, resize},
    },
};

/// Longest side that an encoder can take.
const LONGEST_SIDE: usize = 4096;

/// The size to which an image is resized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ResizeTo {
    /// The shorter side has this length; the aspect ratio stays.
    ShortestEdge(u32),
    /// Width and height.
    Size(u32, u32),
}

/// The steps from an image to the values that an image encoder takes.
#[derive(Clone, Debug)]
pub(crate) struct ImageSteps {
    resize: ResizeTo,
    filter: Filter,
    /// Width and height of the centre that is cut out, the encoder's size.
    size: (u32, u32),
    levels: PixelLevels,
}

impl ImageSteps {
    /// Reads the steps from the configuration of an image processor.
    ///
    /// # Errors
    /// If a value is missing, makes no sense, or names a step that is not supported.
    pub(crate) fn read(processor: &ConfigFile) -> Result<Self, ModelError> {
        for step in ["/do_resize", "/do_rescale", "/do_normalize"] {
            if !processor.flag_or(step, true)? {
                return Err(processor.wrong(step, "true"));
            }
        }
        let crops = processor.find("/crop_size").is_some();
        let crops = processor.flag_or("/do_center_crop", crops)?;
        let resize = resize_to(processor, crops)?;
        let size = match crops {
            true => width_and_height(processor, "/crop_size")?,
            false => width_and_height(processor, "/size")?,
        };
        if !resize.covers(size) {
            let expected = "no larger than the size to which images are resized";
            return Err(processor.wrong("/crop_size", expected));
        }
        let filter = Filter::read(processor, "/resample", 3.0)?;
        let scale = processor.number_or("/rescale_factor", 1.0 / 255.0)?;
        let mean = channels(processor, "/image_mean")?;
        let deviation = channels(processor, "/image_std")?;
        Ok(Self {
            resize,
            filter,
            size,
            levels: PixelLevels::new(scale, mean, deviation),
        })
    }

    /// Returns the width and height of the encoder's input.
    pub(crate) fn size(&self) -> (u32, u32) {
        self.size
    }

    /// Returns the values of an image, `[3, height, width]`.
    ///
    /// # Errors
    /// If the image cannot be resized.
    pub(crate) fn pixels(&self, image: &Image) -> Result<Vec<f32>, ModelError> {
        let mut values = Vec::new();
        if (image.width(), image.height()) == self.size {
            self.levels.append(&mut values, image, (0, 0), self.size);
            return Ok(values);
        }
        let (width, height) = self.resize.size_of(image.width(), image.height());
        let resized = resize(image, width, height, self.filter)?;
        let corner = ((width - self.size.0) / 2, (height - self.size.1) / 2);
        self.levels.append(&mut values, &resized, corner, self.size);
        Ok(values)
    }
}

impl ResizeTo {
    /// Returns the size to which an image of this size is resized.
    fn size_of(self, width: u32, height: u32) -> (u32, u32) {
        let longer = |edge: u32, long: u32, short: u32| {
            let length = u64::from(edge) * u64::from(long) / u64::from(short);
            u32::try_from(length).unwrap_or(u32::MAX)
        };
        match self {
            Self::Size(width, height) => (width, height),
            Self::ShortestEdge(edge) if width <= height => (edge, longer(edge, height, width)),
            Self::ShortestEdge(edge) => (longer(edge, width, height), edge),
        }
    }

    /// True if every resized image is at least as large as `size`.
    fn covers(self, (width, height): (u32, u32)) -> bool {
        match self {
            Self::ShortestEdge(edge) => edge >= width.max(height),
            Self::Size(resized_width, resized_height) => {
                resized_width >= width && resized_height >= height
            }
        }
    }
}

/// Reads the size to which images are resized. A plain number is the shorter side if the centre is cut out, as in the first
/// files of CLIP, and both sides otherwise.
fn resize_to(processor: &ConfigFile, crops: bool) -> Result<ResizeTo, ModelError> {
    if processor.find("/size/longest_edge").is_some() {
        return Err(processor.wrong("/size/longest_edge", "absent"));
    }
    if crops && processor.find("/size").is_some_and(Value::is_number) {
        return Ok(ResizeTo::ShortestEdge(side(processor, "/size")?));
    }
    if processor.find("/size/shortest_edge").is_some() {
        let edge = side(processor, "/size/shortest_edge")?;
        return Ok(ResizeTo::ShortestEdge(edge));
    }
    let (width, height) = width_and_height(processor, "/size")?;
    Ok(ResizeTo::Size(width, height))
}

/// Reads a width and a height, or one number for both.
fn width_and_height(processor: &ConfigFile, pointer: &str) -> Result<(u32, u32), ModelError> {
    if processor.find(pointer).is_some_and(Value::is_number) {
        let side = side(processor, pointer)?;
        return Ok((side, side));
    }
    Ok((
        side(processor, &format!("{pointer}/width"))?,
        side(processor, &format!("{pointer}/height"))?,
    ))
}

/// Reads the length of a side in pixels.
fn side(processor: &ConfigFile, pointer: &str) -> Result<u32, ModelError> {
    match processor.size(pointer)? {
        side @ 1..=LONGEST_SIDE => Ok(side as u32),
        _ => Err(processor.wrong(pointer, &format!("at most {LONGEST_SIDE}"))),
    }
}

/// Reads a number for each channel, which has no usual value.
fn channels(processor: &ConfigFile, pointer: &str) -> Result<[f64; 3], ModelError> {
    match processor.find(pointer) {
        None => Err(processor.wrong(pointer, "three numbers")),
        Some(_) => processor.channels_or(pointer, 0.5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads steps that leave levels from 0 to 255 as they are.
    fn steps(members: &str) -> Result<ImageSteps, ModelError> {
        let plain = r#""image_mean": [0, 0, 0], "image_std": [1, 1, 1], "rescale_factor": 1"#;
        ImageSteps::read(&ConfigFile::from_text(&format!("{{{plain}, {members}}}")))
    }

    fn problem(members: &str) -> String {
        steps(members).unwrap_err().to_string()
    }

    #[test]
    fn reads_every_published_form_of_a_size() {
        let clip = steps(r#""size": {"shortest_edge": 9}, "crop_size": {"height": 4, "width": 6}"#);
        let clip = clip.unwrap();
        assert_eq!(
            (clip.resize, clip.size),
            (ResizeTo::ShortestEdge(9), (6, 4))
        );
        let first_clip = steps(r#""size": 9, "crop_size": 9, "do_center_crop": true"#).unwrap();
        assert_eq!(
            (first_clip.resize, first_clip.size),
            (ResizeTo::ShortestEdge(9), (9, 9))
        );
        let siglip = steps(r#""size": {"height": 4, "width": 6}"#).unwrap();
        assert_eq!((siglip.resize, siglip.size), (ResizeTo::Size(6, 4), (6, 4)));
        let no_crop =
            steps(r#""size": {"height": 4, "width": 6}, "crop_size": 2, "do_center_crop": false"#);
        assert_eq!(no_crop.unwrap().size, (6, 4));
    }

    #[test]
    fn cuts_out_the_centre_of_the_resized_image() {
        let steps = steps(r#""size": {"shortest_edge": 2}, "crop_size": 2"#).unwrap();
        let image = Image::new(5, 2, (0..30).collect()).unwrap();
        let pixels = steps.pixels(&image).unwrap();
        assert_eq!(pixels[..4], [3.0, 6.0, 18.0, 21.0]);
        assert_eq!(pixels.len(), 12);
        let thin = steps.pixels(&Image::filled(1, 7, [9, 8, 7])).unwrap();
        assert_eq!(thin[..5], [9.0, 9.0, 9.0, 9.0, 8.0]);
    }

    #[test]
    fn an_image_of_the_encoder_s_size_keeps_its_pixels() {
        let steps = steps(r#""size": {"shortest_edge": 8}, "crop_size": 2"#).unwrap();
        let image = Image::new(2, 2, (0..12).collect()).unwrap();
        let pixels = steps.pixels(&image).unwrap();
        assert_eq!(pixels[..4], [0.0, 3.0, 6.0, 9.0]);
    }

    #[test]
    fn a_wrong_step_is_named_with_what_was_expected() {
        assert!(
            problem(r#""size": 4, "do_rescale": false"#)
                .contains("/do_rescale must be true, found false")
        );
        assert!(problem(r#""size": {"shortest_edge": 4}"#).contains("/size/width must be"));
        assert!(problem(r#""size": 4, "crop_size": 5"#).contains("/crop_size must be no larger"));
        assert!(problem(r#""size": 4, "resample": 0"#).contains("/resample must be 1 (Lanczos)"));
        assert!(problem(r#""size": 5000"#).contains("/size must be at most 4096"));
        let empty = ConfigFile::from_text(r#"{"size": 4}"#);
        let error = ImageSteps::read(&empty).unwrap_err().to_string();
        assert!(
            error.contains("/image_mean must be three numbers"),
            "{error}"
        );
    }
}
