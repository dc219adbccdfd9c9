//! The pack `fake`: deterministic modules without weights, whose results a test can compute by hand.
//!
//! The vision encoder computes mean colours, the decoder repeats its prompt, the text encoder knows the names of colours.
//! They fail when the data requests it: a yellow image is an error, a magenta one a panic; a question that contains `fail`
//! or `panic` does the same to the decoder.

use std::path::Path;

use crate::{CaptionMemory, Manifest, PromptBuilder, vision::concept_vocabulary::Concept};

mod decoder;
mod encoders;
#[cfg(test)]
pub(crate) mod fixture;

pub use decoder::FakeDecoder;
pub use encoders::{FakeTextEncoder, FakeVisionEncoder};

use encoders::COLOURS;

/// The only name that leads to fake modules.
pub const NAME: &str = "fake";

/// The manifest of the fake pack as text, from which tests make other versions.
pub const MANIFEST: &str = r#"
name = "fake"
version = "1"
family = "composed"
about = "Deterministic modules without weights, for tests."

[vision]
file = "none"
width = 64
height = 48
embedding = 5
concepts = "none"

[vision.words]
sure = 0.4
least = 0.4
most = 5
power = 0.0

[yes_no]
scale = 10.0
shift = -3.0

[text]
file = "none"
tokenizer = "none"
embedding = 5
max_tokens = 128

[decoder]
file = "none"
tokenizer = "none"
layers = 0
kv_heads = 0
head_dim = 0
vocabulary = 0
context = 1000
end = []

[prompts]
caption = "caption {tags} <|say|>"
reason = "answer {evidence} ? {question} <|say|>"
ask = "answer {evidence} ? {question} <|say|>"
caption_tokens = 24
caption_beams = 1
caption_similarity = 0.0
answer_tokens = 24

[[files]]
path = "none"
size = 0
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
origins = ["none"]
licence = "none"
"#;

/// Returns the manifest of the fake pack.
pub(crate) fn manifest() -> Manifest {
    Manifest::parse(Path::new("fake"), MANIFEST).expect("the fake manifest is right")
}

/// Returns the concepts of the fake vision encoder, the colours.
pub(crate) fn concepts() -> Vec<Concept> {
    let concept = |word: &str| Concept {
        word: word.to_owned(),
        mean: 0.0,
        deviation: 1.0,
    };
    COLOURS.map(concept).to_vec()
}

/// Returns the prompt builder of the fake pack.
pub fn prompt_builder() -> PromptBuilder {
    prompts_of(&manifest())
}

/// Returns the prompt builder of a version of the fake pack, which has no detector.
pub(crate) fn prompts_of(manifest: &Manifest) -> PromptBuilder {
    PromptBuilder::new(concepts(), Vec::new(), manifest.prompt_settings())
}

/// Returns a memory with one sentence for each colour.
pub fn memory() -> CaptionMemory {
    let sentences = COLOURS.map(|colour| format!("Something {colour}."));
    let vectors: [[f32; 5]; 5] =
        std::array::from_fn(|row| std::array::from_fn(|column| f32::from(u8::from(row == column))));
    let rows = sentences
        .iter()
        .map(String::as_str)
        .zip(vectors.iter().map(|v| &v[..]));
    CaptionMemory::from_sentences(&rows.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{Image, Scheduler, SchedulerSettings, TextEncoder, VisionEncoder};

    #[test]
    fn images_and_their_colour_names_have_the_same_embedding() {
        let mut vision = FakeVisionEncoder::new(Arc::default());
        let image = vision.encode(&Image::filled(4, 4, [255, 0, 0])).unwrap();
        let text = FakeTextEncoder::new(Arc::default())
            .embed("something Red")
            .unwrap();
        assert_eq!(image.embedding.to_vec(), text);
    }

    #[test]
    fn answers_from_the_evidence() {
        let decoder = Box::new(FakeDecoder::new(Arc::default()));
        let mut scheduler = Scheduler::new(decoder, SchedulerSettings::default());
        let prompts = prompt_builder();
        let mut ask = |question| {
            scheduler
                .generate(&prompts.reason_prompt("red, dark", question), 9)
                .map(|g| g.text().to_owned())
        };
        assert_eq!(ask("Is it red?").unwrap(), "Yes");
        assert_eq!(ask("Is it blue?").unwrap(), "No");
        assert!(ask("please fail").is_err());
    }
}
