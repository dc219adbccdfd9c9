//! Compares published models with the reference implementation, on the tiny random ones of `models/fixtures/`.
//!
//! `ATOM_VLM_FIXTURE` names the folder of another model that a script of `models/fixtures/` made, to be compared as well.

use std::{fs, path::PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::{
    vlm_decoder::{VlmDecoder, VlmDecoderFiles},
    vlm_encoder::VlmEncoder,
    vlm_images::VlmImages,
    vlm_model::VlmModel,
    vlm_part::VlmPart,
};
use crate::{
    Decoder, InputToken, Job, KvCache, Prompt, Scheduler, SchedulerSettings, ShownFrame, Urgency,
    VisionEncoder,
    decoder::scheduler::prompt_tokens,
    fake::fixture::{expected, folders, largest_difference, options, pattern},
    model_config::ConfigFile,
};

/// Largest difference of features and logits.
const TOLERANCE: f32 = 1e-3;

/// A case of `expected.json`.
#[derive(Deserialize)]
struct Case {
    name: String,
    splitting: bool,
    /// Width and height of each image; `pattern` makes them.
    images: Vec<(u32, u32)>,
    times_ms: Option<Vec<u64>>,
    instruction: String,
    prompt_ids: Vec<u32>,
    pixels_sha256: Option<String>,
    beams: usize,
    new_ids: Vec<u32>,
}

/// A tiny model with its cases.
struct Fixture {
    folder: PathBuf,
    cases: Vec<Case>,
    model: VlmModel,
}

impl Fixture {
    fn open(folder: PathBuf) -> Self {
        let cases = fs::read_to_string(folder.join("expected.json")).unwrap();
        let path = |name: &str| folder.join(name);
        Self {
            cases: serde_json::from_str(&cases).unwrap(),
            model: VlmModel::read(
                &path("config.json"),
                &path("generation_config.json"),
                &path("preprocessor_config.json"),
            )
            .unwrap(),
            folder,
        }
    }

    /// Returns the properties of the images of a case, which may be split.
    fn images(&self, case: &Case) -> VlmImages {
        let file = |name: &str| ConfigFile::read(&self.folder.join(name)).unwrap();
        let (config, processor) = (file("config.json"), file("preprocessor_config.json"));
        VlmImages::read(&config, &processor, case.splitting).unwrap()
    }

    fn decoder(&self) -> VlmDecoder {
        let path = |name: &str| self.folder.join(name);
        let files = VlmDecoderFiles {
            embed: &path("embed_tokens.onnx"),
            decoder: &path("decoder_model_merged.onnx"),
            tokenizer: &path("tokenizer.json"),
        };
        VlmDecoder::load(
            &files,
            self.model.ends.clone(),
            self.model.context,
            options(),
        )
        .unwrap()
    }

    /// Encodes the images of a case.
    fn frames(&self, case: &Case) -> Vec<ShownFrame> {
        let path = self.folder.join("vision_encoder.onnx");
        let mut encoder = VlmEncoder::load(&path, self.images(case), options()).unwrap();
        let images = case.images.iter().enumerate();
        let frame = |(n, size): (usize, &(u32, u32))| ShownFrame {
            at_ms: case.times_ms.as_ref().map_or(0, |times| times[n]),
            embeddings: encoder.encode(&pattern(*size, n)).unwrap().image.unwrap(),
        };
        images.map(frame).collect()
    }

    fn prompt(&self, case: &Case, frames: &[ShownFrame]) -> Prompt {
        let part = VlmPart {
            frames: 16,
            question: "{question}".to_owned(),
            ..serde_json::from_str(PART).unwrap()
        };
        let path = |name: &str| self.folder.join(name);
        let mut model = self.model.clone();
        model.images = self.images(case);
        let prompts = model
            .chat_prompts(&path("chat_template.jinja"), &path("tokenizer.json"), part)
            .unwrap();
        prompts
            .question(frames, "", &case.instruction)
            .with_beams(case.beams)
    }

    /// Returns each case with the tokens of its prompt.
    fn prompts(&self, decoder: &mut VlmDecoder) -> Vec<(&Case, Vec<InputToken>)> {
        let tokens = |case| {
            let prompt = self.prompt(case, &self.frames(case));
            (case, prompt_tokens(decoder, &prompt).unwrap())
        };
        self.cases.iter().map(tokens).collect()
    }

    /// Returns the numbers of a tensor of `expected.safetensors`.
    fn expected(&self, name: &str) -> Vec<f32> {
        expected(&self.folder, name)
    }
}

/// The required settings of a pack's section.
const PART: &str = r#"{"vision": "", "embed": "", "decoder": "", "caption": "-", "question": "", "ask": "",
    "caption_tokens": 1, "answer_tokens": 1}"#;

fn fixtures() -> Vec<Fixture> {
    let folders = folders(&["smolvlm", "lfm2_vl"], "ATOM_VLM_FIXTURE");
    folders.into_iter().map(Fixture::open).collect()
}

/// Returns the likeliest token of each row.
fn likeliest(logits: &[f32], rows: usize) -> Vec<u32> {
    let best = |row: &[f32]| {
        let each = row.iter().enumerate();
        each.max_by(|a, b| a.1.total_cmp(b.1)).unwrap().0 as u32
    };
    logits.chunks_exact(logits.len() / rows).map(best).collect()
}

/// Runs a prompt in parts of `chunk` tokens. Returns its cache and the logits of the first new token.
fn prefill(decoder: &mut VlmDecoder, tokens: &[InputToken], chunk: usize) -> (KvCache, Vec<f32>) {
    let mut kv = KvCache::from_tokens(decoder.shape(), &[], 0);
    let mut logits = Vec::new();
    for part in tokens.chunks(chunk) {
        logits = decoder.run(part, &[false], &mut kv).unwrap();
    }
    (kv, logits)
}

#[test]
fn pixels_are_equal_bit_for_bit() {
    for fixture in fixtures() {
        for case in &fixture.cases {
            let Some(expected) = &case.pixels_sha256 else {
                continue;
            };
            let VlmImages::Idefics3(model) = fixture.images(case) else {
                panic!("the pixels of other architectures differ by a rounding");
            };
            let mut digest = Sha256::new();
            for (number, size) in case.images.iter().enumerate() {
                let pixels = model.pixels(&pattern(*size, number)).unwrap();
                pixels
                    .values
                    .iter()
                    .for_each(|value| digest.update(value.to_le_bytes()));
            }
            let found: String = digest
                .finalize()
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect();
            assert_eq!(&found, expected, "{}", case.name);
        }
    }
}

#[test]
fn prompts_have_the_same_tokens() {
    for fixture in fixtures() {
        let config = ConfigFile::read(&fixture.folder.join("config.json")).unwrap();
        let image = config.token_ids("/image_token_id").unwrap()[0];
        for (case, tokens) in fixture.prompts(&mut fixture.decoder()) {
            let ids: Vec<_> = tokens
                .iter()
                .map(|token| token.text().unwrap_or(image))
                .collect();
            assert_eq!(ids, case.prompt_ids, "{}", case.name);
        }
    }
}

#[test]
fn features_and_logits_are_the_same_within_rounding() {
    for fixture in fixtures() {
        let mut decoder = fixture.decoder();
        for (case, tokens) in fixture.prompts(&mut decoder) {
            let images = fixture.frames(case);
            let features: Vec<f32> = images
                .iter()
                .flat_map(|image| image.embeddings.values().to_vec())
                .collect();
            if !case.images.is_empty() {
                let expected = fixture.expected(&format!("{}.features", case.name));
                let difference = largest_difference(&features, &expected);
                assert!(
                    difference < TOLERANCE,
                    "{}: features differ by {difference}",
                    case.name
                );
            }
            let (_, logits) = prefill(&mut decoder, &tokens, tokens.len());
            let difference =
                largest_difference(&logits, &fixture.expected(&format!("{}.logits", case.name)));
            assert!(
                difference < TOLERANCE,
                "{}: logits differ by {difference}",
                case.name
            );
        }
    }
}

#[test]
fn greedy_texts_have_the_same_tokens_alone_and_together() {
    for fixture in fixtures() {
        let mut decoder = fixture.decoder();
        let prompts = fixture.prompts(&mut decoder);
        let greedy = prompts.iter().filter(|(case, _)| case.beams == 1);
        let (cases, tokens): (Vec<&Case>, Vec<_>) =
            greedy.map(|(case, tokens)| (*case, tokens)).unzip();
        for chunk in [7, 1000] {
            let mut together = KvCache::new(decoder.shape());
            let longest = cases
                .iter()
                .map(|case| case.prompt_ids.len() + case.new_ids.len())
                .max();
            together.resize(cases.len(), longest.unwrap());
            let mut newest = Vec::new();
            for (row, tokens) in tokens.iter().enumerate() {
                let (kv, logits) = prefill(&mut decoder, tokens, chunk);
                together.copy_row_from(row, &kv, 0);
                newest.extend(likeliest(&logits, 1));
            }
            let mut texts: Vec<Vec<u32>> = newest.iter().map(|token| vec![*token]).collect();
            let most = cases.iter().map(|case| case.new_ids.len()).max().unwrap();
            for _ in 1..most {
                let next: Vec<_> = newest.iter().copied().map(InputToken::Text).collect();
                let logits = decoder
                    .run(&next, &vec![false; cases.len()], &mut together)
                    .unwrap();
                newest = likeliest(&logits, cases.len());
                texts
                    .iter_mut()
                    .zip(&newest)
                    .for_each(|(text, token)| text.push(*token));
            }
            for (case, text) in cases.iter().zip(texts) {
                assert_eq!(
                    text[..case.new_ids.len()],
                    case.new_ids,
                    "{} in parts of {chunk}",
                    case.name
                );
            }
        }
    }
}

#[test]
fn the_scheduler_finds_the_same_texts_and_reuses_what_shows_the_same_images() {
    for fixture in fixtures() {
        let decoder = fixture.decoder();
        let mut scheduler = Scheduler::new(Box::new(decoder), SchedulerSettings::default());
        for (id, case) in fixture.cases.iter().enumerate() {
            let job = Job {
                prompt: fixture.prompt(case, &fixture.frames(case)),
                max_tokens: case.new_ids.len(),
                urgency: Urgency::Recording,
                deadline: None,
            };
            scheduler.submit(id as u64, job);
        }
        let mut reader = fixture.decoder();
        let mut finished = 0;
        while !scheduler.idle() {
            for job in scheduler.advance(std::time::Instant::now()) {
                let case = &fixture.cases[job.id as usize];
                let expected = reader.decode(&case.new_ids).unwrap();
                assert_eq!(job.result.unwrap().text(), expected.trim(), "{}", case.name);
                finished += 1;
            }
        }
        assert_eq!(finished, fixture.cases.len());
        let case = &fixture.cases[0];
        let again = scheduler
            .generate(&fixture.prompt(case, &fixture.frames(case)), 8)
            .unwrap();
        // A decoder with a state goes on where it was kept: after the images.
        let stateful = reader.shape().state > 0;
        let tokens =
            prompt_tokens(&mut reader, &fixture.prompt(case, &fixture.frames(case))).unwrap();
        let last_image = tokens.iter().rposition(|token| token.text().is_none());
        let expected = match stateful {
            true => last_image.unwrap() + 1,
            false => tokens.len() - 2,
        };
        assert_eq!(again.reused, expected, "of {} tokens", tokens.len());
    }
}
