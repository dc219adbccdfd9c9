//! The pack `fake`: deterministic modules that compute something a test can check, with no weights.
//!
//! The vision encoder sees mean colours, the decoder repeats what it was told, the text encoder knows the names of
//! colours. They fail when the data asks for it: a yellow picture is an error, a magenta one a panic; a question that
//! says `fail` or `panic` does the same to the decoder.

use std::{path::Path, sync::Arc, time::Instant};

use crate::{
    concept::Concept,
    decoder::Decoder,
    error::ModelError,
    image::Image,
    kv::{Kv, KvShape},
    manifest::Manifest,
    memory::Memory,
    meter::Meter,
    text::TextEncoder,
    vision::{Impression, Vision, normalise},
};

/// The only name that leads to fakes.
pub const NAME: &str = "fake";

const COLOURS: [&str; 5] = ["red", "green", "blue", "white", "dark"];

/// The manifest of the fake pack, as text: what other versions of it are made of.
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
summary = "summary {captions} <|say|>"
summary_tokens = 24
caption_tokens = 24
caption_beams = 1
caption_likeness = 0.0
answer_tokens = 24

[[files]]
path = "none"
size = 0
sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
origins = ["none"]
licence = "none"
"#;

/// The manifest of the fake pack.
pub fn manifest() -> Manifest {
    Manifest::parse(Path::new("fake"), MANIFEST).expect("the fake manifest is right")
}

/// What the fake vision encoder sees.
pub fn concepts() -> Vec<Concept> {
    let concept = |word: &str| Concept {
        word: word.to_owned(),
        usual: 0.0,
        deviation: 1.0,
    };
    COLOURS.map(concept).to_vec()
}

/// A sentence for each colour.
pub fn memory() -> Memory {
    let sentences = COLOURS.map(|colour| format!("Something {colour}."));
    let vectors: [[f32; 5]; 5] =
        std::array::from_fn(|row| std::array::from_fn(|column| f32::from(u8::from(row == column))));
    let rows = sentences
        .iter()
        .map(String::as_str)
        .zip(vectors.iter().map(|v| &v[..]));
    Memory::of(&rows.collect::<Vec<_>>())
}

/// Sees the mean colour: embedding and concepts are how red, green, blue, white and dark the picture is.
pub struct FakeVision {
    meter: Arc<Meter>,
}

impl FakeVision {
    /// A fake encoder, counted as loaded.
    pub fn new(meter: Arc<Meter>) -> Self {
        meter.loaded(Instant::now());
        Self { meter }
    }
}

impl Vision for FakeVision {
    fn encode(&mut self, image: &Image) -> Result<Impression, ModelError> {
        self.meter.run(1, || {
            let [r, g, b] = mean(image);
            if g < 0.3 && r > 0.7 && b > 0.7 {
                panic!("a magenta picture, as asked");
            }
            if b < 0.3 && r > 0.7 && g > 0.7 {
                return Err(ModelError::Asked("a yellow picture"));
            }
            let (white, dark) = (r.min(g).min(b), 1.0 - r.max(g).max(b));
            let concepts =
                [r - g.max(b), g - r.max(b), b - r.max(g), white, dark].map(|x| x.clamp(0.0, 1.0));
            let mut embedding = concepts.to_vec();
            normalise(&mut embedding);
            Ok(Impression {
                embedding: embedding.into(),
                concepts: concepts.into(),
            })
        })
    }
}

/// Mean of each channel, 0..1.
fn mean(image: &Image) -> [f32; 3] {
    let mut sums = [0u64; 3];
    for pixel in image.pixels().chunks_exact(3) {
        sums.iter_mut()
            .zip(pixel)
            .for_each(|(sum, value)| *sum += u64::from(*value));
    }
    let count = (image.pixels().len() / 3) as f32;
    sums.map(|sum| sum as f32 / count / 255.0)
}

/// Repeats what it was told: a caption says the tags, an answer says whether the question's last word is among the
/// evidence. A token is a word, and all that is kept of it is its number: what it says comes from the keys and values that
/// it is given, so that a mistake in those is heard.
pub struct FakeDecoder {
    words: Vec<String>,
    meter: Arc<Meter>,
}

/// What ends a prompt; no user can write it.
const SAY: &str = "<|say|>";
/// The number of the token that ends a text.
const END: u32 = 0;

impl FakeDecoder {
    /// A fake decoder, counted as loaded.
    pub fn new(meter: Arc<Meter>) -> Self {
        meter.loaded(Instant::now());
        Self {
            words: vec!["<|end|>".to_owned()],
            meter,
        }
    }

    fn number(&mut self, word: &str) -> u32 {
        let known = self.words.iter().position(|have| have == word);
        known.unwrap_or_else(|| {
            self.words.push(word.to_owned());
            self.words.len() - 1
        }) as u32
    }

    /// The token that it would say after these.
    fn next(&mut self, tokens: &[u32]) -> Result<u32, ModelError> {
        let words: Vec<_> = tokens
            .iter()
            .map(|token| &*self.words[*token as usize])
            .collect();
        let prompt = words
            .iter()
            .position(|word| *word == SAY)
            .unwrap_or(words.len());
        let said = words.len().saturating_sub(prompt + 1);
        let text = match words[..prompt].split_first() {
            Some((&"caption", tags)) => format!("A picture of {}.", tags.join(" ")),
            Some((&"summary", rest)) => format!("In short: {}", rest.join(" ")),
            Some((_, rest)) => answer(&rest.join(" "), said)?,
            None => String::new(),
        };
        let word = text.split(' ').filter(|word| !word.is_empty()).nth(said);
        Ok(word.map_or(END, |word| self.number(word)))
    }
}

impl Decoder for FakeDecoder {
    fn encode(&mut self, text: &str) -> Result<Vec<u32>, ModelError> {
        Ok(text
            .split_whitespace()
            .map(|word| self.number(word))
            .collect())
    }

    fn decode(&mut self, tokens: &[u32]) -> Result<String, ModelError> {
        let words: Vec<_> = tokens
            .iter()
            .map(|token| &*self.words[*token as usize])
            .collect();
        Ok(words.join(" "))
    }

    fn ends(&self) -> &[u32] {
        &[END]
    }

    fn context(&self) -> usize {
        1000
    }

    fn shape(&self) -> KvShape {
        KvShape {
            parts: 1,
            heads: 1,
            dim: 1,
            of_module: false,
        }
    }

    fn run(&mut self, ids: &[u32], _: &[bool], kv: &mut Kv) -> Result<Vec<f32>, ModelError> {
        let meter = Arc::clone(&self.meter);
        let rows = kv.lengths().len();
        meter.run(rows, || {
            let new = ids.len() / rows;
            let mut next = Vec::new();
            for (row, ids) in ids.chunks_exact(new).enumerate() {
                let past = kv.tokens(row, 0..kv.lengths()[row]);
                let past = past.into_iter().map(|number| number as u32);
                next.push(self.next(&past.chain(ids.iter().copied()).collect::<Vec<_>>())?);
            }
            let longest = kv.lengths().iter().max().copied().unwrap_or(0) + new;
            kv.reserve(longest);
            let (room, lengths) = (kv.room(), kv.lengths().to_vec());
            let numbers = kv.parts()[0].numbers_mut();
            for (row, ids) in ids.chunks_exact(new).enumerate() {
                let to = numbers[row * room + lengths[row]..].iter_mut().zip(ids);
                to.for_each(|(number, id)| *number = *id as f32);
            }
            kv.grow(new);
            // Numbers of words depend on what was asked before: nothing may depend on the scores of the others.
            let score = |next: u32| {
                let scores = (0..self.words.len() as u32)
                    .map(move |word| if word == next { 0.0 } else { -99.0 });
                scores.collect::<Vec<f32>>()
            };
            Ok(next.into_iter().flat_map(score).collect())
        })
    }
}

/// Fails once it has said as much as the question asks: "fail" and "panic" at once, "fail2" after a word.
fn answer(prompt: &str, said: usize) -> Result<String, ModelError> {
    let (evidence, question) = prompt.split_once(" ? ").unwrap_or((prompt, ""));
    let wanted = |word: &str| {
        question.contains(word) && (said > 0 || !question.contains(&format!("{word}2")))
    };
    if wanted("panic") {
        panic!("a question that says panic, as asked");
    }
    if wanted("fail") {
        return Err(ModelError::Asked("a question that says fail"));
    }
    let word = question
        .trim_end_matches('?')
        .split(' ')
        .next_back()
        .unwrap_or("");
    let yes = evidence.contains(word);
    Ok(if yes { "Yes" } else { "No" }.to_owned())
}

/// Knows the names of colours.
pub struct FakeText {
    meter: Arc<Meter>,
}

impl FakeText {
    /// A fake encoder, counted as loaded.
    pub fn new(meter: Arc<Meter>) -> Self {
        meter.loaded(Instant::now());
        Self { meter }
    }
}

impl TextEncoder for FakeText {
    fn embed(&mut self, text: &str) -> Result<Vec<f32>, ModelError> {
        self.meter.run(1, || {
            let lower = text.to_lowercase();
            let mut vector = COLOURS
                .map(|colour| f32::from(u8::from(lower.contains(colour))))
                .to_vec();
            normalise(&mut vector);
            Ok(vector)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::{Scheduler, Settings};

    #[test]
    fn pictures_and_their_names_meet_in_one_space() {
        let mut vision = FakeVision::new(Arc::default());
        let seen = vision.encode(&Image::filled(4, 4, [255, 0, 0])).unwrap();
        let named = FakeText::new(Arc::default())
            .embed("something Red")
            .unwrap();
        assert_eq!(seen.embedding.to_vec(), named);
    }

    #[test]
    fn answers_from_the_evidence() {
        let decoder = Box::new(FakeDecoder::new(Arc::default()));
        let mut scheduler = Scheduler::new(decoder, Settings::default());
        let connector = manifest().connector(concepts());
        let mut ask = |question| {
            scheduler
                .generate(&connector.reason_prompt("red, dark", question), 9)
                .map(|g| g.text().to_owned())
        };
        assert_eq!(ask("Is it red?").unwrap(), "Yes");
        assert_eq!(ask("Is it blue?").unwrap(), "No");
        assert!(ask("please fail").is_err());
    }
}
