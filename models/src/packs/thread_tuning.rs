//! Measurement of the fastest thread counts for a pack's vision encoder and decoder on this machine.
//!
//! Counts that change a module's result are never chosen, so a wrong choice costs only time.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crate::{
    decoder::{kv_cache::KvCache, language_decoder::Decoder},
    error::ModelError,
    packs::pack::Pack,
    runtime::threads::ThreadCounts,
    vision::{encoder::VisionEncoder, features::VisualFeatures, image::Image},
};

/// Workload of the measurement, about a second. Decoding takes longer than encoding, as in a run that captions.
const IMAGES: usize = 6;
const PROMPT_TOKENS: usize = 32;
const STEPS: usize = 20;
const ROWS: usize = 6;
/// Repetitions of each trial; the shortest time counts.
const ROUNDS: usize = 3;
/// Share of the default's time below which another choice is better; a smaller gain is noise.
const REQUIRED_GAIN: f64 = 0.9;

/// Measures the fastest counts. Takes some seconds, during which nothing else should run.
///
/// # Errors
/// If a module of the pack cannot be loaded, or fails.
pub(super) fn measure(pack: &Pack) -> Result<ThreadCounts, ModelError> {
    let default = ThreadCounts::default();
    let mut counts = vec![1, default.cores.div_ceil(2), default.cores];
    counts.dedup();
    let (mut encoders, mut decoders) = (Vec::new(), Vec::new());
    for count in counts {
        encoders.push((count, pack.vision_with(count, Arc::default())?));
        decoders.push((count, pack.decoder_with(count, Arc::default())?));
    }
    let (width, height) = pack.frame_size();
    let image = test_image(width, height);
    let (mut encoding, mut decoding) = (Trials::default(), Trials::default());
    // Alternating, so that a slow moment of the machine affects all counts.
    for _ in 0..ROUNDS {
        for (count, encoder) in &mut encoders {
            encoding.time(*count, || encode(&mut **encoder, &image))?;
        }
        for (count, decoder) in &mut decoders {
            decoding.time(*count, || decode(&mut **decoder))?;
        }
    }
    // The decoder often runs while there is nothing to encode, so its count is the best one alone.
    let decoder = decoding.best(default.decoder);
    let mut both = Trials::default();
    for _ in 0..ROUNDS {
        for (_, decoder) in decoders.iter_mut().filter(|(count, _)| *count == decoder) {
            for (count, encoder) in &mut encoders {
                both.time(*count, || {
                    concurrently(&mut **decoder, &mut **encoder, &image)
                })?;
            }
        }
    }
    Ok(ThreadCounts {
        decoder,
        vision_beside: both.best(default.vision_beside),
        vision: encoding.best(default.vision),
        ..default
    })
}

/// Returns an image in which no row and no column equals the next.
fn test_image(width: u32, height: u32) -> Image {
    let pixel = |at: u32| {
        let (x, y) = (at % width, at / width);
        [
            (x * 7 % 256) as u8,
            (y * 5 % 256) as u8,
            ((x + y) % 256) as u8,
        ]
    };
    let pixels = (0..width * height).flat_map(pixel).collect();
    Image::new(width, height, pixels).expect("as many pixels as the size says")
}

/// Trials with their choice, duration and result.
struct Trials<C, R>(Vec<(C, Duration, R)>);

impl<C, R> Default for Trials<C, R> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: Copy + PartialEq, R: PartialEq> Trials<C, R> {
    /// Runs `work` and records its duration and result.
    fn time(
        &mut self,
        choice: C,
        work: impl FnOnce() -> Result<R, ModelError>,
    ) -> Result<(), ModelError> {
        let start = Instant::now();
        let result = work()?;
        self.0.push((choice, start.elapsed(), result));
        Ok(())
    }

    /// Returns the fastest choice with the default's result, or the default if none is clearly faster.
    fn best(&self, default: C) -> C {
        let of_default = self.0.iter().filter(|(choice, ..)| *choice == default);
        let Some((_, limit, expected)) = of_default.min_by_key(|(_, time, _)| *time) else {
            return default;
        };
        let same = self.0.iter().filter(|(_, _, result)| result == expected);
        let faster = same.filter(|(_, time, _)| *time < limit.mul_f64(REQUIRED_GAIN));
        faster
            .min_by_key(|(_, time, _)| *time)
            .map_or(default, |(choice, ..)| *choice)
    }
}

/// Encodes some images.
fn encode(encoder: &mut dyn VisionEncoder, image: &Image) -> Result<VisualFeatures, ModelError> {
    let mut features = VisualFeatures::default();
    for _ in 0..IMAGES {
        features = encoder.encode(image)?;
    }
    Ok(features)
}

/// Runs a prompt and some steps of several texts.
fn decode(decoder: &mut dyn Decoder) -> Result<Vec<f32>, ModelError> {
    let shape = decoder.shape();
    let mut prompt = KvCache::from_tokens(shape, &[], PROMPT_TOKENS);
    let mut ids = decoder.encode(&"A red car and two dogs on a street. ".repeat(PROMPT_TOKENS))?;
    ids.truncate(PROMPT_TOKENS);
    let mut logits = decoder.run(&ids, &[true], &mut prompt)?;
    let mut texts = KvCache::new(shape);
    texts.resize(ROWS, PROMPT_TOKENS + STEPS);
    (0..ROWS).for_each(|row| texts.copy_row_from(row, &prompt, 0));
    for _ in 0..STEPS {
        logits.extend(decoder.run(&ids[..ROWS], &[true; ROWS], &mut texts)?);
    }
    Ok(logits)
}

/// Does both at once.
fn concurrently(
    decoder: &mut dyn Decoder,
    encoder: &mut dyn VisionEncoder,
    image: &Image,
) -> Result<(Vec<f32>, VisualFeatures), ModelError> {
    thread::scope(|threads| {
        let encoding = threads.spawn(|| encode(encoder, image));
        let logits = decode(decoder)?;
        let features = encoding
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((logits, features))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trials(tried: &[(u8, u64, char)]) -> Trials<u8, char> {
        let trial =
            |(choice, ms, result): &(u8, u64, char)| (*choice, Duration::from_millis(*ms), *result);
        Trials(tried.iter().map(trial).collect())
    }

    #[test]
    fn chooses_the_fastest_that_is_clearly_faster_with_the_same_result() {
        let best = |tried: &[(u8, u64, char)]| trials(tried).best(2);
        assert_eq!(best(&[(1, 80, 'a'), (2, 100, 'a'), (1, 300, 'a')]), 1);
        assert_eq!(best(&[(1, 92, 'a'), (2, 100, 'a')]), 2);
        assert_eq!(best(&[(1, 50, 'b'), (2, 100, 'a'), (3, 80, 'a')]), 3);
        assert_eq!(best(&[]), 2);
    }

    #[test]
    fn measures_a_pack() {
        let threads = measure(&Pack::open("fake").unwrap()).unwrap();
        assert!(
            (1..=threads.cores).contains(&threads.decoder),
            "{threads:?}"
        );
    }
}
