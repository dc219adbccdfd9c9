//! The caption memory: sentences that people wrote about other pictures, found again by an index vector.
//!
//! It gives a segment's draft caption at once, without the decoder, and the examples that the decoder's prompt holds.
//! Rows are searched one by one: 23,000 of 384 numbers take some milliseconds. The search is the one that
//! `train/memory.py` of the pack trains with; both must choose the same sentences.

use std::{cmp::Ordering, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};

use crate::error::ModelError;

/// The draft is the sentence, among so many nearest, that agrees best with all of them.
const DRAFT: usize = 80;
/// Examples are taken from so many nearest.
const EXAMPLES: usize = 40;

/// Sentences with their index vectors, in 8 bits with a scale for each.
#[derive(Debug)]
pub struct Memory {
    sentences: Vec<String>,
    codes: Vec<i8>,
    scale: Vec<f32>,
    /// Sentences of one picture bear one number.
    picture: Vec<i32>,
    width: usize,
}

/// A row near a vector, both measures at most 1.
struct Near {
    row: usize,
    likeness: f32,
    agreement: f32,
}

impl Memory {
    /// Reads `codes` i8 `[n, width]`, `scale` f32 `[n]` and `picture` i32 `[n]` of a safetensors file, and a text file
    /// with a sentence a line.
    ///
    /// # Errors
    /// If a file cannot be read, or is not of this form.
    pub fn load(vectors: &Path, sentences: &Path, width: usize) -> Result<Self, ModelError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|source| ModelError::Io {
                action: "read",
                path: path.to_owned(),
                source,
            })
        };
        let wrong = |path: &Path, reason: String| ModelError::Load {
            path: path.to_owned(),
            reason,
        };
        let text = String::from_utf8(read(sentences)?)
            .map_err(|e| wrong(sentences, format!("expected UTF-8: {e}")))?;
        let sentences: Vec<_> = text.lines().map(str::to_owned).collect();
        let bytes = read(vectors)?;
        let file = SafeTensors::deserialize(&bytes).map_err(|e| wrong(vectors, e.to_string()))?;
        let rows = sentences.len();
        let tensor = |name, kind, shape: &[usize]| {
            let found = file
                .tensor(name)
                .map_err(|e| wrong(vectors, format!("tensor {name}: {e}")))?;
            if found.dtype() == kind && found.shape() == shape {
                return Ok(found);
            }
            let found = format!("{:?} {:?}", found.dtype(), found.shape());
            Err(wrong(
                vectors,
                format!("tensor {name}: expected {kind:?} {shape:?}, found {found}"),
            ))
        };
        Ok(Self {
            codes: tensor("codes", Dtype::I8, &[rows, width])?
                .data()
                .iter()
                .map(|byte| byte.cast_signed())
                .collect(),
            scale: words(&tensor("scale", Dtype::F32, &[rows])?, f32::from_le_bytes),
            picture: words(&tensor("picture", Dtype::I32, &[rows])?, i32::from_le_bytes),
            sentences,
            width,
        })
    }

    /// A memory of these sentences, each about a picture of its own.
    pub fn of(sentences: &[(&str, &[f32])]) -> Self {
        let width = sentences.first().map_or(0, |(_, vector)| vector.len());
        let largest = |vector: &[f32]| vector.iter().fold(1e-9f32, |most, x| most.max(x.abs()));
        Self {
            sentences: sentences
                .iter()
                .map(|(text, _)| (*text).to_owned())
                .collect(),
            codes: sentences
                .iter()
                .flat_map(|(_, vector)| {
                    vector
                        .iter()
                        .map(|x| (x / largest(vector) * 127.0).round() as i8)
                })
                .collect(),
            scale: sentences
                .iter()
                .map(|(_, vector)| largest(vector) / 127.0)
                .collect(),
            picture: (0..sentences.len() as i32).collect(),
            width,
        }
    }

    /// All sentences, one for each row.
    pub fn sentences(&self) -> &[String] {
        &self.sentences
    }

    /// The sentence that says best what is near `vector`; none of an empty memory.
    pub fn draft(&self, vector: &[f32]) -> Option<&str> {
        let near = self.near(vector, DRAFT);
        // The first of equals, as in training.
        let best = near.iter().reduce(|best, next| {
            if next.agreement > best.agreement {
                next
            } else {
                best
            }
        })?;
        Some(&self.sentences[best.row])
    }

    /// At most `count` sentences about different pictures, near `vector` and in agreement with what else is near.
    pub fn examples(&self, vector: &[f32], count: usize) -> Vec<&str> {
        let mut near = self.near(vector, EXAMPLES);
        near.sort_by(|a, b| {
            let worth = |near: &Near| near.likeness + near.agreement;
            worth(b).partial_cmp(&worth(a)).unwrap_or(Ordering::Equal)
        });
        let (mut out, mut told) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for Near { row, .. } in near {
            if out.len() < count && !told.contains(&self.picture[row]) {
                told.push(self.picture[row]);
                out.push(self.sentences[row].as_str());
            }
        }
        out
    }

    /// The `count` nearest rows, nearest first.
    fn near(&self, vector: &[f32], count: usize) -> Vec<Near> {
        if vector.len() != self.width || self.width == 0 {
            return Vec::new();
        }
        let mut scored: Vec<_> = self
            .codes
            .chunks_exact(self.width)
            .zip(&self.scale)
            .map(|(codes, scale)| dot(codes, vector) * scale)
            .enumerate()
            .collect();
        let nearer = |a: &(usize, f32), b: &(usize, f32)| {
            b.1.partial_cmp(&a.1)
                .unwrap_or(Ordering::Equal)
                .then(a.0.cmp(&b.0))
        };
        if scored.len() > count {
            scored.select_nth_unstable_by(count - 1, nearer);
            scored.truncate(count);
        }
        scored.sort_by(nearer);
        let mut common = vec![0.0; self.width];
        for (row, score) in &scored {
            let weight = score.max(0.0).powi(2) * self.scale[*row];
            for (sum, code) in common.iter_mut().zip(self.codes(*row)) {
                *sum += weight * f32::from(*code);
            }
        }
        let mut near: Vec<_> = scored
            .into_iter()
            .map(|(row, likeness)| Near {
                row,
                likeness,
                agreement: dot(self.codes(row), &common) * self.scale[row],
            })
            .collect();
        let most = |value: fn(&Near) -> f32| near.iter().map(value).fold(1e-6, f32::max);
        let (likest, most_agreed) = (most(|near| near.likeness), most(|near| near.agreement));
        for near in &mut near {
            near.likeness /= likest;
            near.agreement /= most_agreed;
        }
        near
    }

    fn codes(&self, row: usize) -> &[i8] {
        &self.codes[row * self.width..][..self.width]
    }
}

/// Sums in 16 lanes, which the compiler turns into vector instructions.
fn dot(codes: &[i8], vector: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 16];
    let (codes_in, vector_in) = (codes.chunks_exact(16), vector.chunks_exact(16));
    let rest = codes_in.remainder().iter().zip(vector_in.remainder());
    let rest: f32 = rest.map(|(code, x)| f32::from(*code) * x).sum();
    for (codes, vector) in codes_in.zip(vector_in) {
        for lane in 0..16 {
            lanes[lane] += f32::from(codes[lane]) * vector[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

fn words<T>(tensor: &TensorView<'_>, read: fn([u8; 4]) -> T) -> Vec<T> {
    tensor
        .data()
        .chunks_exact(4)
        .map(|bytes| read([bytes[0], bytes[1], bytes[2], bytes[3]]))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory() -> Memory {
        Memory::of(&[
            ("A red ball.", &[0.995, 0.1]),
            ("Something red.", &[1.0, 0.0]),
            ("A red thing.", &[0.995, -0.1]),
            ("A blue sky.", &[0.0, 1.0]),
        ])
    }

    #[test]
    fn the_draft_is_what_its_neighbours_agree_on() {
        assert_eq!(memory().draft(&[1.0, 0.02]), Some("Something red."));
        assert_eq!(Memory::of(&[]).draft(&[1.0]), None);
    }

    #[test]
    fn examples_are_about_different_pictures() {
        let mut memory = memory();
        assert_eq!(
            memory.examples(&[1.0, 0.09], 2),
            ["Something red.", "A red ball."]
        );
        memory.picture = vec![7, 7, 8, 9];
        assert_eq!(
            memory.examples(&[1.0, 0.09], 3),
            ["Something red.", "A red thing.", "A blue sky."]
        );
    }

    #[test]
    fn a_vector_of_another_width_finds_nothing() {
        assert!(memory().examples(&[1.0], 2).is_empty());
    }

    #[test]
    fn refuses_vectors_that_do_not_fit_the_sentences() {
        let folder = std::env::temp_dir().join(format!("atom-memory-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (vectors, sentences) = (folder.join("v.safetensors"), folder.join("s.txt"));
        let data = [0u8; 4];
        let tensor = |kind, shape| TensorView::new(kind, shape, &data).unwrap();
        let file = safetensors::serialize(
            [
                ("codes", tensor(Dtype::I8, vec![1, 4])),
                ("scale", tensor(Dtype::F32, vec![1])),
                ("picture", tensor(Dtype::I32, vec![1])),
            ],
            None,
        )
        .unwrap();
        std::fs::write(&vectors, file).unwrap();
        std::fs::write(&sentences, "One.\nTwo.\n").unwrap();
        let error = Memory::load(&vectors, &sentences, 4).unwrap_err();
        assert!(
            format!("{error:?}").contains("expected I8 [2, 4], found I8 [1, 4]"),
            "{error:?}"
        );
        std::fs::write(&sentences, "One.\n").unwrap();
        assert_eq!(
            Memory::load(&vectors, &sentences, 4).unwrap().sentences(),
            ["One."]
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
