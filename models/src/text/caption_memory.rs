//! The caption memory: sentences that people wrote about other images, retrieved by embedding.
//!
//! It supplies a segment's draft caption immediately, without the decoder, and the examples in the decoder's prompt.
//! Retrieval is a flat scan: 30,000 rows of 384 numbers take some milliseconds. The pack's `train/memory.py` trains with
//! the same search; both must choose the same sentences.

use std::{cmp::Ordering, fs, path::Path};

use safetensors::{Dtype, SafeTensors, tensor::TensorView};
use serde::{Deserialize, Serialize};

use crate::{
    ModelError,
    vision::concept_vocabulary::{Concept, ConceptVocabulary},
};

/// Nearest sentences among which the draft is chosen.
const DRAFT_NEIGHBOURS: usize = 80;
/// Nearest sentences among which examples are chosen.
const EXAMPLE_NEIGHBOURS: usize = 40;

/// The `[memory]` section of a manifest.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MemoryPart {
    /// The vectors, in the form that [`CaptionMemory::load`] reads.
    pub(crate) vectors: String,
    /// The sentences, one a line.
    pub(crate) sentences: String,
    /// Number of examples in a prompt.
    pub(crate) examples: usize,
    /// How the draft is chosen.
    #[serde(default)]
    pub(crate) draft: DraftRule,
}

/// How the draft is chosen among the nearest sentences: the `[memory.draft]` section of a manifest.
///
/// A sentence scores its consensus with the other neighbours, plus `similarity` × its similarity with the images, plus
/// `support` × the sum of (score - `neutral`) over the concepts that it names. By default, its consensus alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DraftRule {
    /// Weight of the similarity.
    pub(crate) similarity: f32,
    /// Weight of the concepts' scores.
    pub(crate) support: f32,
    /// Score of a concept that counts neither for nor against a sentence that names it.
    pub(crate) neutral: f32,
}

/// Sentences with their embeddings, in 8 bits with one scale each.
#[derive(Debug)]
pub struct CaptionMemory {
    sentences: Vec<String>,
    codes: Vec<i8>,
    scale: Vec<f32>,
    /// The number of each sentence's image.
    image: Vec<i32>,
    width: usize,
    rule: DraftRule,
    concepts: ConceptVocabulary,
}

/// A row near a vector, both measures at most 1.
struct Neighbour {
    row: usize,
    similarity: f32,
    consensus: f32,
}

impl CaptionMemory {
    /// Reads `codes` i8 `[n, width]`, `scale` f32 `[n]` and `picture` i32 `[n]` of a safetensors file, and a text file
    /// with one sentence a line.
    ///
    /// # Errors
    /// If a file cannot be read or does not have this form.
    pub fn load(vectors: &Path, sentences: &Path, width: usize) -> Result<Self, ModelError> {
        let read_failed = |path: &Path, source| ModelError::Io {
            action: "read",
            path: path.to_owned(),
            source,
        };
        let text = fs::read_to_string(sentences).map_err(|e| read_failed(sentences, e))?;
        let sentences: Vec<_> = text.lines().map(str::to_owned).collect();
        let bytes = fs::read(vectors).map_err(|e| read_failed(vectors, e))?;
        let file = SafeTensors::deserialize(&bytes).map_err(|source| ModelError::Tensors {
            path: vectors.to_owned(),
            source,
        })?;
        let rows = sentences.len();
        let tensor = |name, kind, shape: &[usize]| tensor(&file, vectors, name, (kind, shape));
        Ok(Self {
            codes: tensor("codes", Dtype::I8, &[rows, width])?
                .data()
                .iter()
                .map(|byte| byte.cast_signed())
                .collect(),
            scale: words(&tensor("scale", Dtype::F32, &[rows])?, f32::from_le_bytes),
            image: words(&tensor("picture", Dtype::I32, &[rows])?, i32::from_le_bytes),
            sentences,
            width,
            rule: DraftRule::default(),
            concepts: ConceptVocabulary::new(&[]),
        })
    }

    /// Creates a memory of these sentences, each about an image of its own.
    pub(crate) fn from_sentences(sentences: &[(&str, &[f32])]) -> Self {
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
            image: (0..sentences.len() as i32).collect(),
            width,
            rule: DraftRule::default(),
            concepts: ConceptVocabulary::new(&[]),
        }
    }

    /// Sets how the draft is chosen, for images with scores of these concepts.
    pub(crate) fn with_draft_rule(self, rule: DraftRule, concepts: &[Concept]) -> Self {
        Self {
            rule,
            concepts: ConceptVocabulary::new(concepts),
            ..self
        }
    }

    /// Returns all sentences, one for each row.
    pub fn sentences(&self) -> &[String] {
        &self.sentences
    }

    /// Returns the sentence that best describes images with the embedding `vector` and these concept scores; `None` for an empty
    /// memory.
    pub fn draft(&self, vector: &[f32], scores: &[f32]) -> Option<&str> {
        let neighbours = self.neighbours(vector, DRAFT_NEIGHBOURS);
        let scored = neighbours.iter().map(|neighbour| {
            let score = neighbour.consensus + self.rule.similarity * neighbour.similarity;
            (neighbour.row, score + self.support(neighbour.row, scores))
        });
        // The first of equals, as in training.
        let best = scored.reduce(|best, next| if next.1 > best.1 { next } else { best })?;
        Some(&self.sentences[best.0])
    }

    /// Returns the weighted support of the concept scores for a sentence.
    fn support(&self, row: usize, scores: &[f32]) -> f32 {
        if self.rule.support == 0.0 {
            return 0.0;
        }
        let DraftRule {
            support, neutral, ..
        } = self.rule;
        let sentence = &self.sentences[row];
        support * self.concepts.support(sentence, scores, neutral)
    }

    /// Returns at most `count` sentences about different images, near `vector` and in agreement with its other
    /// neighbours.
    pub fn examples(&self, vector: &[f32], count: usize) -> Vec<&str> {
        let mut neighbours = self.neighbours(vector, EXAMPLE_NEIGHBOURS);
        neighbours.sort_by(|a, b| {
            let score = |neighbour: &Neighbour| neighbour.similarity + neighbour.consensus;
            score(b).partial_cmp(&score(a)).unwrap_or(Ordering::Equal)
        });
        let (mut examples, mut images) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for Neighbour { row, .. } in neighbours {
            if examples.len() < count && !images.contains(&self.image[row]) {
                images.push(self.image[row]);
                examples.push(self.sentences[row].as_str());
            }
        }
        examples
    }

    /// Returns the `count` nearest rows, nearest first.
    fn neighbours(&self, vector: &[f32], count: usize) -> Vec<Neighbour> {
        if vector.len() != self.width || self.width == 0 {
            return Vec::new();
        }
        let scored = self.nearest(vector, count);
        let mut common = vec![0.0; self.width];
        for (row, score) in &scored {
            let weight = score.max(0.0).powi(2) * self.scale[*row];
            for (sum, code) in common.iter_mut().zip(self.codes(*row)) {
                *sum += weight * f32::from(*code);
            }
        }
        let mut neighbours: Vec<_> = scored
            .into_iter()
            .map(|(row, similarity)| Neighbour {
                row,
                similarity,
                consensus: dot(self.codes(row), &common) * self.scale[row],
            })
            .collect();
        let highest =
            |value: fn(&Neighbour) -> f32| neighbours.iter().map(value).fold(1e-6, f32::max);
        let (similarity, consensus) = (highest(|n| n.similarity), highest(|n| n.consensus));
        for neighbour in &mut neighbours {
            neighbour.similarity /= similarity;
            neighbour.consensus /= consensus;
        }
        neighbours
    }

    /// Returns the `count` rows of the highest dot products with `vector`, the highest first.
    fn nearest(&self, vector: &[f32], count: usize) -> Vec<(usize, f32)> {
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
        scored
    }

    fn codes(&self, row: usize) -> &[i8] {
        &self.codes[row * self.width..][..self.width]
    }
}

/// Returns a tensor of `file`, read from `path`, that must have this type and shape.
fn tensor<'f>(
    file: &SafeTensors<'f>,
    path: &Path,
    name: &str,
    (kind, shape): (Dtype, &[usize]),
) -> Result<TensorView<'f>, ModelError> {
    let found = file.tensor(name).map_err(|source| ModelError::Tensors {
        path: path.to_owned(),
        source,
    })?;
    if found.dtype() == kind && found.shape() == shape {
        return Ok(found);
    }
    let found = format!("{:?} {:?}", found.dtype(), found.shape());
    Err(ModelError::DataFile {
        path: path.to_owned(),
        problem: format!("tensor {name}: expected {kind:?} {shape:?}, found {found}"),
    })
}

/// Returns the dot product. The sums run in 16 lanes, which the compiler turns into vector instructions.
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

/// Reads a tensor's data as numbers of four bytes.
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

    fn memory() -> CaptionMemory {
        CaptionMemory::from_sentences(&[
            ("A red ball.", &[0.995, 0.1]),
            ("Something red.", &[1.0, 0.0]),
            ("A red thing.", &[0.995, -0.1]),
            ("A blue sky.", &[0.0, 1.0]),
        ])
    }

    #[test]
    fn drafts_the_sentence_on_which_the_neighbours_agree() {
        assert_eq!(memory().draft(&[1.0, 0.02], &[]), Some("Something red."));
        assert_eq!(CaptionMemory::from_sentences(&[]).draft(&[1.0], &[]), None);
    }

    #[test]
    fn drafts_a_sentence_whose_concepts_are_seen() {
        let concepts = ["ball", "thing"].map(|word| Concept {
            word: word.to_owned(),
            mean: 0.1,
            deviation: 0.1,
        });
        let rule = DraftRule {
            similarity: 0.5,
            support: 0.5,
            neutral: 0.15,
        };
        let memory = memory().with_draft_rule(rule, &concepts);
        let draft = |scores: &[f32]| memory.draft(&[1.0, 0.02], scores).unwrap();
        assert_eq!(draft(&[0.9, 0.0]), "A red ball.");
        assert_eq!(draft(&[0.0, 0.9]), "A red thing.");
        assert_eq!(draft(&[0.1, 0.1]), "Something red.");
    }

    #[test]
    fn chooses_examples_about_different_images() {
        let mut memory = memory();
        assert_eq!(
            memory.examples(&[1.0, 0.09], 2),
            ["Something red.", "A red ball."]
        );
        memory.image = vec![7, 7, 8, 9];
        assert_eq!(
            memory.examples(&[1.0, 0.09], 3),
            ["Something red.", "A red thing.", "A blue sky."]
        );
    }

    #[test]
    fn finds_nothing_for_a_vector_of_another_width() {
        assert!(memory().examples(&[1.0], 2).is_empty());
    }

    #[test]
    fn refuses_vectors_that_do_not_match_the_sentences() {
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
        let error = CaptionMemory::load(&vectors, &sentences, 4).unwrap_err();
        assert!(
            format!("{error:?}").contains("expected I8 [2, 4], found I8 [1, 4]"),
            "{error:?}"
        );
        std::fs::write(&sentences, "One.\n").unwrap();
        assert_eq!(
            CaptionMemory::load(&vectors, &sentences, 4)
                .unwrap()
                .sentences(),
            ["One."]
        );
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
