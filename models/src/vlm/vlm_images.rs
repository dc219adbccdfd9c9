//! The supported architectures: how each turns images into tensors and shows them in a prompt.

use crate::{
    Image, ModelError, PromptPart, ShownFrame,
    model_config::ConfigFile,
    runtime::session::{ElementType, TensorSpec, TensorValue},
    vision::image_embeddings::Tile,
    vlm::{
        idefics3::{Idefics3, PixelTiles},
        lfm2_vl::{Lfm2Vl, PixelPatches},
    },
};

/// The images of a model.
#[derive(Clone, Debug)]
pub(crate) enum VlmImages {
    /// Images for Idefics3, SmolVLM and SmolVLM2.
    Idefics3(Box<Idefics3>),
    /// Images for LFM2-VL and LFM2.5-VL.
    Lfm2Vl(Box<Lfm2Vl>),
}

/// The input of a vision encoder, and the tiles that it shows.
pub(crate) struct EncoderInput {
    pub(crate) tensors: Vec<(&'static str, TensorValue)>,
    pub(crate) tiles: Vec<Tile>,
}

impl VlmImages {
    /// Reads the architecture and its sizes from a model's configuration and that of its image processor. With `splitting`, large images
    /// are also shown as tiles, where the architecture has them.
    ///
    /// # Errors
    /// If the architecture is not supported, or a size makes no sense.
    pub(crate) fn read(
        config: &ConfigFile,
        processor: &ConfigFile,
        splitting: bool,
    ) -> Result<Self, ModelError> {
        match config.text("/model_type")? {
            "idefics3" | "smolvlm" => {
                let images = Idefics3::read(config, processor, splitting)?;
                Ok(Self::Idefics3(Box::new(images)))
            }
            "lfm2_vl" | "lfm2-vl" => {
                let images = Lfm2Vl::read(config, processor, splitting)?;
                Ok(Self::Lfm2Vl(Box::new(images)))
            }
            found => Err(ModelError::Architecture {
                path: config.path().to_owned(),
                found: found.to_owned(),
                supported: "idefics3, smolvlm and lfm2_vl",
            }),
        }
    }

    /// Returns the side of the square to which frames of a video are stretched: the smallest that the model was trained with.
    pub(crate) fn frame_side(&self) -> u32 {
        match self {
            Self::Idefics3(images) => images.tile,
            Self::Lfm2Vl(images) => images.smallest_side(),
        }
    }

    /// Returns the inputs and outputs that the vision encoder must have.
    pub(crate) fn signature(&self) -> (Vec<TensorSpec>, Vec<TensorSpec>) {
        let pixels = |shape: &[i64]| TensorSpec::new("pixel_values", ElementType::F32, shape);
        let mask = |element, shape: &[i64]| TensorSpec::new("pixel_attention_mask", element, shape);
        let features = |shape: &[i64]| TensorSpec::new("image_features", ElementType::F32, shape);
        match self {
            Self::Idefics3(images) => {
                let side = i64::from(images.tile);
                let inputs = vec![
                    pixels(&[-1, -1, 3, side, side]),
                    mask(ElementType::Bool, &[-1, -1, side, side]),
                ];
                (inputs, vec![features(&[-1, -1, -1])])
            }
            Self::Lfm2Vl(images) => {
                let patches = images.patches as i64;
                let inputs = vec![
                    pixels(&[-1, patches, images.patch_values() as i64]),
                    mask(ElementType::I64, &[-1, patches]),
                    TensorSpec::new("spatial_shapes", ElementType::I64, &[-1, 2]),
                ];
                (inputs, vec![features(&[-1, -1])])
            }
        }
    }

    /// Returns the vision encoder's input for an image of any size.
    ///
    /// # Errors
    /// If the image cannot be resized.
    pub(crate) fn encoder_input(&self, image: &Image) -> Result<EncoderInput, ModelError> {
        match self {
            Self::Idefics3(images) => tile_input(images, image),
            Self::Lfm2Vl(images) => patch_input(images, image),
        }
    }

    /// Returns the parts of a prompt that show one image.
    pub(crate) fn show_image(&self, frame: &ShownFrame) -> Vec<PromptPart> {
        match self {
            Self::Idefics3(images) => images.show_image(frame),
            Self::Lfm2Vl(images) => images.show_image(frame),
        }
    }

    /// Returns the parts of a prompt that show the frames of a video, each with its time; `None` if the architecture knows images only.
    pub(crate) fn show_video(&self, frames: &[ShownFrame]) -> Option<Vec<PromptPart>> {
        match self {
            Self::Idefics3(images) => Some(images.show_video(frames)),
            Self::Lfm2Vl(_) => None,
        }
    }
}

fn tile_input(images: &Idefics3, image: &Image) -> Result<EncoderInput, ModelError> {
    let PixelTiles { values, tiles } = images.pixels(image)?;
    let (count, side) = (tiles.len(), images.tile as usize);
    let mask = vec![true; count * side * side];
    let pixels = TensorValue::new(&[1, count, 3, side, side], values)?;
    let mask = TensorValue::new(&[1, count, side, side], mask)?;
    Ok(EncoderInput {
        tensors: vec![("pixel_values", pixels), ("pixel_attention_mask", mask)],
        tiles,
    })
}

fn patch_input(images: &Lfm2Vl, image: &Image) -> Result<EncoderInput, ModelError> {
    let PixelPatches {
        values,
        mask,
        shapes,
        tiles,
    } = images.pixels(image)?;
    let (count, patches) = (tiles.len(), images.patches);
    let pixels = TensorValue::new(&[count, patches, images.patch_values()], values)?;
    let mask = TensorValue::new(&[count, patches], mask)?;
    Ok(EncoderInput {
        tensors: vec![
            ("pixel_values", pixels),
            ("pixel_attention_mask", mask),
            ("spatial_shapes", TensorValue::new(&[count, 2], shapes)?),
        ],
        tiles,
    })
}
