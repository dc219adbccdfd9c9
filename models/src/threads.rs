//! How many threads each module runs on: of vision encoder and decoder measured when a pack is installed, and kept beside it.
//!
//! What a module gives is the same, bit for bit, on any number of threads; a number that gives something else for what is measured is
//! never chosen. So a wrong choice costs time and nothing else. What was measured counts for the same pack, runtime, processor and
//! number of cores.

use std::{
    fs,
    path::Path,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{Decoder, Image, Impression, Kv, ModelError, Pack, Vision};

/// The file in a pack's folder.
const FILE: &str = "threads.toml";
/// What an installation works on while it measures: about a second. The words take longer than the pictures, as in a run that captions.
const PICTURES: usize = 6;
const PROMPT: usize = 32;
const STEPS: usize = 20;
const ROWS: usize = 6;
/// How often each choice has its turn; the quickest time counts.
const TURNS: usize = 3;
/// Another choice than the usual one must be faster by so much: less is chance.
const BETTER: f64 = 0.9;

/// What is kept: the numbers, and what they hold for.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    of: String,
    threads: Threads,
}

/// How many threads each module runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threads {
    /// On a machine with so many cores.
    pub cores: usize,
    /// The decoder.
    pub decoder: usize,
    /// The vision encoder, where it works beside the decoder.
    pub vision_beside: usize,
    /// The vision encoder, where there is no decoder.
    pub vision: usize,
    /// The text encoder, which always works beside others, and little.
    pub text: usize,
}

impl Threads {
    /// What is good on most machines: the decoder on all cores, what works beside it on half of them, since nets lose time by every
    /// division. On two cores a minute of video with captions and three questions took 22.5 s so, and 25 s with both nets on all.
    pub fn usual() -> Self {
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            cores,
            decoder: cores,
            vision_beside: cores.div_ceil(2),
            vision: cores,
            text: cores.div_ceil(2),
        }
    }

    /// What was measured of a pack on this machine, if it was.
    pub(crate) fn kept(folder: &Path, pack: &str) -> Option<Self> {
        let text = fs::read_to_string(folder.join(FILE)).ok()?;
        let Kept { of, threads } = toml::from_str(&text).ok()?;
        let Self {
            decoder,
            vision_beside,
            vision,
            text,
            cores,
        } = threads;
        let counts = [decoder, vision_beside, vision, text];
        let sound = counts.iter().all(|count| (1..=cores).contains(count));
        (sound && cores == Self::usual().cores && of == here(pack)).then_some(threads)
    }

    /// Keeps it for later.
    ///
    /// # Errors
    /// If the folder cannot be written.
    pub(crate) fn keep(self, folder: &Path, pack: &str) -> Result<(), ModelError> {
        let path = folder.join(FILE);
        let kept = Kept {
            of: here(pack),
            threads: self,
        };
        let text = toml::to_string(&kept).expect("plain data can be written");
        fs::write(&path, text).map_err(|source| ModelError::Io {
            action: "write",
            path,
            source,
        })
    }

    /// Measures which numbers are fastest on this machine. Takes some seconds, in which nothing else should run.
    ///
    /// # Errors
    /// If a module of the pack cannot be loaded, or fails.
    pub fn measure(pack: &Pack) -> Result<Self, ModelError> {
        let usual = Self::usual();
        let mut counts = vec![1, usual.cores.div_ceil(2), usual.cores];
        counts.dedup();
        let (mut pictures, mut words) = (Vec::new(), Vec::new());
        for count in counts {
            pictures.push((count, pack.vision_on(count, Arc::default())?));
            words.push((count, pack.decoder_on(count, Arc::default())?));
        }
        let (width, height) = pack.frame_size();
        let picture = stripes(width, height);
        let (mut looking, mut saying) = (Choices::default(), Choices::default());
        // In turns, so that a slow moment of the machine is nobody's fault.
        for _ in 0..TURNS {
            for (count, vision) in &mut pictures {
                looking.try_out(*count, || look(&mut **vision, &picture))?;
            }
            for (count, decoder) in &mut words {
                saying.try_out(*count, || say(&mut **decoder))?;
            }
        }
        // The decoder often works while there is nothing to look at, so that is what it is made fast for.
        let decoder = saying.best(usual.decoder);
        let mut beside = Choices::default();
        for _ in 0..TURNS {
            for (_, words) in words.iter_mut().filter(|(count, _)| *count == decoder) {
                for (count, vision) in &mut pictures {
                    beside.try_out(*count, || together(&mut **words, &mut **vision, &picture))?;
                }
            }
        }
        Ok(Self {
            decoder,
            vision_beside: beside.best(usual.vision_beside),
            vision: looking.best(usual.vision),
            ..usual
        })
    }
}

/// What numbers hold for: the pack, the runtime, the processor.
fn here(pack: &str) -> String {
    let runtime = crate::pack::installed("onnxruntime").map(|(manifest, _)| manifest.id());
    let processor = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let model = model.unwrap_or("unknown").trim_matches([' ', '\t', ':']);
    let runtime = runtime.as_deref().unwrap_or("another runtime");
    format!("{pack}, {runtime}, {model}")
}

/// A picture in which no row and no column is like the next.
fn stripes(width: u32, height: u32) -> Image {
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

/// What was tried, how long it took, and what came out.
struct Choices<C, O>(Vec<(C, Duration, O)>);

impl<C, O> Default for Choices<C, O> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<C: Copy + PartialEq, O: PartialEq> Choices<C, O> {
    fn try_out(
        &mut self,
        choice: C,
        work: impl FnOnce() -> Result<O, ModelError>,
    ) -> Result<(), ModelError> {
        let begun = Instant::now();
        let gave = work()?;
        self.0.push((choice, begun.elapsed(), gave));
        Ok(())
    }

    /// The fastest of those that gave what the usual one gives; the usual one if it is about as fast.
    fn best(&self, usual: C) -> C {
        let of_usual = self.0.iter().filter(|(choice, ..)| *choice == usual);
        let Some((_, usual_took, wanted)) = of_usual.min_by_key(|(_, took, _)| *took) else {
            return usual;
        };
        let same = self.0.iter().filter(|(_, _, gave)| gave == wanted);
        let faster = same.filter(|(_, took, _)| *took < usual_took.mul_f64(BETTER));
        faster
            .min_by_key(|(_, took, _)| *took)
            .map_or(usual, |(choice, ..)| *choice)
    }
}

/// Some pictures.
fn look(vision: &mut dyn Vision, picture: &Image) -> Result<Impression, ModelError> {
    let mut seen = Impression::default();
    for _ in 0..PICTURES {
        seen = vision.encode(picture)?;
    }
    Ok(seen)
}

/// A prompt and some steps of several texts.
fn say(decoder: &mut dyn Decoder) -> Result<Vec<f32>, ModelError> {
    let shape = decoder.shape();
    let mut prompt = Kv::of(shape, &[], PROMPT);
    let mut ids = decoder.encode(&"A red car and two dogs on a street. ".repeat(PROMPT))?;
    ids.truncate(PROMPT);
    let mut said = decoder.run(&ids, &[true], &mut prompt)?;
    let mut texts = Kv::new(shape);
    texts.resize(ROWS, PROMPT + STEPS);
    (0..ROWS).for_each(|row| texts.put(row, &prompt, 0));
    for _ in 0..STEPS {
        said.extend(decoder.run(&ids[..ROWS], &[true; ROWS], &mut texts)?);
    }
    Ok(said)
}

/// Both at once.
fn together(
    decoder: &mut dyn Decoder,
    vision: &mut dyn Vision,
    picture: &Image,
) -> Result<(Vec<f32>, Impression), ModelError> {
    thread::scope(|threads| {
        let looking = threads.spawn(|| look(vision, picture));
        let said = say(decoder)?;
        let seen = looking
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        Ok((said, seen))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choices(tried: &[(u8, u64, char)]) -> Choices<u8, char> {
        let one =
            |(choice, ms, gave): &(u8, u64, char)| (*choice, Duration::from_millis(*ms), *gave);
        Choices(tried.iter().map(one).collect())
    }

    #[test]
    fn the_fastest_is_chosen_if_it_gives_the_same_and_is_clearly_faster() {
        let best = |tried: &[(u8, u64, char)]| choices(tried).best(2);
        assert_eq!(best(&[(1, 80, 'a'), (2, 100, 'a'), (1, 300, 'a')]), 1);
        assert_eq!(best(&[(1, 92, 'a'), (2, 100, 'a')]), 2);
        assert_eq!(best(&[(1, 50, 'b'), (2, 100, 'a'), (3, 80, 'a')]), 3);
        assert_eq!(best(&[]), 2);
    }

    #[test]
    fn what_is_kept_counts_for_the_same_pack_and_as_many_cores_only() {
        let folder = tempfile::tempdir().unwrap();
        let usual = Threads::usual();
        assert_eq!(Threads::kept(folder.path(), "mini-1"), None);
        usual.keep(folder.path(), "mini-1").unwrap();
        assert_eq!(Threads::kept(folder.path(), "mini-1"), Some(usual));
        assert_eq!(Threads::kept(folder.path(), "mini-2"), None);
        let other = Threads {
            cores: usual.cores + 1,
            ..usual
        };
        other.keep(folder.path(), "mini-1").unwrap();
        assert_eq!(Threads::kept(folder.path(), "mini-1"), None);
        let none = Threads {
            decoder: 0,
            ..usual
        };
        none.keep(folder.path(), "mini-1").unwrap();
        assert_eq!(Threads::kept(folder.path(), "mini-1"), None);
    }

    #[test]
    fn a_pack_is_measured() {
        let threads = Threads::measure(&Pack::open("fake").unwrap()).unwrap();
        assert!(
            (1..=threads.cores).contains(&threads.decoder),
            "{threads:?}"
        );
    }
}
