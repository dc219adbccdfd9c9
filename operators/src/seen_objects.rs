//! Objects that the detector counted in the frames of a segment: the most of each class in one frame, and when.

use std::collections::BTreeMap;

use atom_models::PromptBuilder;
use serde::{Deserialize, Serialize};

use crate::segment::Segment;

/// The objects of one class in a segment. In JSON it is an array of the fields in this order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(String, u32, u64, u32)", into = "(String, u32, u64, u32)")]
pub struct SeenObjects {
    /// The class, in the singular.
    pub name: String,
    /// The most of them in one frame, at least 1.
    pub most: u32,
    /// Media time of the first frame with the most, in milliseconds.
    pub at_ms: u64,
    /// Number of frames with at least one.
    pub frames: u32,
}

impl From<(String, u32, u64, u32)> for SeenObjects {
    fn from((name, most, at_ms, frames): (String, u32, u64, u32)) -> Self {
        Self {
            name,
            most,
            at_ms,
            frames,
        }
    }
}

impl From<SeenObjects> for (String, u32, u64, u32) {
    fn from(seen: SeenObjects) -> Self {
        (seen.name, seen.most, seen.at_ms, seen.frames)
    }
}

impl SeenObjects {
    /// Returns the objects in the frames of a segment, in the order of the pack's classes.
    pub fn in_segment(segment: &Segment, prompts: &PromptBuilder) -> Vec<Self> {
        let mut by_class: BTreeMap<usize, Self> = BTreeMap::new();
        for frame in &segment.frames {
            for object in &*frame.features.objects {
                let Some(class) = prompts.object_classes().get(object.class) else {
                    continue;
                };
                let seen = by_class.entry(object.class).or_insert_with(|| Self {
                    name: class.name.clone(),
                    most: 0,
                    at_ms: 0,
                    frames: 0,
                });
                seen.frames += 1;
                if object.count > seen.most {
                    (seen.most, seen.at_ms) = (object.count, frame.at.millis());
                }
            }
        }
        by_class.into_values().collect()
    }
}
