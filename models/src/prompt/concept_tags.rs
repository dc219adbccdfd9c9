//! Tags: the concepts of an image in words, the confident ones first.

use std::{cmp::Ordering, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{VisualFeatures, vision::concept_vocabulary::Concept};

/// Maximum number of likely words in tags; a decoder without the caption adapter repeats longer lists.
const MAX_LIKELY: usize = 3;

/// The tags of an image in which no concept has any score.
const UNKNOWN: &str = "something";

/// The rules by which concepts become tags: the section `[vision.words]` of a manifest.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TagRules {
    /// Score above which a word is confident.
    #[serde(alias = "sure")]
    pub(crate) confident: f32,
    /// Score above which a word that stands out is likely.
    #[serde(alias = "least")]
    pub(crate) min_score: f32,
    /// Maximum number of words.
    #[serde(alias = "most")]
    pub(crate) max_words: usize,
    /// A word stands out by (score - mean) / deviation to this power; 0 ranks by (score - mean) alone.
    #[serde(alias = "power")]
    pub(crate) exponent: f32,
}

/// The words for an image, the likelier ones first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags<'a> {
    /// Words that most people would use.
    pub(crate) confident: Vec<&'a str>,
    /// Words that some people would use.
    pub(crate) likely: Vec<&'a str>,
}

/// Returns the confident words of tags in the form of [`PromptBuilder::tags`](crate::PromptBuilder::tags).
pub fn confident_tags(tags: &str) -> impl Iterator<Item = &str> {
    let confident = tags.split(';').next().unwrap_or_default();
    let confident = match confident.starts_with("maybe ") {
        true => "",
        false => confident,
    };
    confident
        .split(", ")
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

/// Returns all words of tags in the form of [`PromptBuilder::tags`](crate::PromptBuilder::tags), the confident ones first.
pub fn possible_tags(tags: &str) -> impl Iterator<Item = &str> {
    let words = tags.split([',', ';']).map(str::trim);
    let words = words.map(|word| word.strip_prefix("maybe ").unwrap_or(word));
    words.filter(|word| !word.is_empty() && *word != UNKNOWN)
}

/// A tagger of visual features.
#[derive(Clone, Debug)]
pub(crate) struct Tagger {
    concepts: Arc<[Concept]>,
    rules: TagRules,
}

impl Tagger {
    /// Creates a tagger for encoders with these concepts, the n-th for column n.
    pub(crate) fn new(concepts: Arc<[Concept]>, rules: TagRules) -> Self {
        Self { concepts, rules }
    }

    /// Returns the words that stand out most from the mean and are likely enough.
    pub(crate) fn tags(&self, features: &VisualFeatures) -> Tags<'_> {
        let rules = self.rules;
        let mut ranked: Vec<_> = self.concepts.iter().zip(&*features.concepts).collect();
        let salience = |(concept, score): &(&Concept, &f32)| {
            (**score - concept.mean) / concept.deviation.powf(rules.exponent)
        };
        // The sort is stable: of words that stand out equally, the more frequent one comes first.
        let descending = |a: f32, b: f32| b.partial_cmp(&a).unwrap_or(Ordering::Equal);
        ranked.sort_by(|a, b| descending(salience(a), salience(b)));
        // Some words that stand out are too unlikely, so two more are considered.
        ranked.truncate(rules.max_words + 2);
        ranked.retain(|(_, score)| **score > rules.min_score);
        ranked.truncate(rules.max_words);
        ranked.sort_by(|a, b| descending(*a.1, *b.1));
        let split = ranked.partition_point(|(_, score)| **score > rules.confident);
        let mut confident: Vec<_> = ranked.iter().map(|(concept, _)| &*concept.word).collect();
        let likely = confident.split_off(split);
        Tags { confident, likely }
    }

    /// Returns the tags as text: confident words, then the likely ones after "maybe". Never empty.
    pub(crate) fn text(&self, features: &VisualFeatures) -> String {
        let Tags {
            confident,
            mut likely,
        } = self.tags(features);
        likely.truncate(MAX_LIKELY);
        match (confident.is_empty(), likely.is_empty()) {
            (true, true) => self.best_guess(features),
            (true, false) => format!("maybe {}", likely.join(", ")),
            (false, true) => confident.join(", "),
            (false, false) => format!("{}; maybe {}", confident.join(", "), likely.join(", ")),
        }
    }

    /// Returns the concept of the highest score, for an image without a likely one.
    fn best_guess(&self, features: &VisualFeatures) -> String {
        let scored = self.concepts.iter().zip(&*features.concepts);
        let best = scored
            .filter(|(_, score)| **score > 0.0)
            .reduce(|best, next| if next.1 > best.1 { next } else { best });
        best.map_or_else(
            || UNKNOWN.to_owned(),
            |(concept, _)| format!("maybe {}", concept.word),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake;

    fn features(concepts: [f32; 5]) -> VisualFeatures {
        VisualFeatures {
            embedding: [1.0].into(),
            concepts: concepts.into(),
            ..VisualFeatures::default()
        }
    }

    #[test]
    fn names_confident_words_before_likely_ones() {
        let rules = TagRules {
            confident: 0.5,
            min_score: 0.2,
            max_words: 3,
            exponent: 0.5,
        };
        let tagger = Tagger::new(fake::concepts().into(), rules);
        let tags = |concepts| tagger.text(&features(concepts));
        assert_eq!(tags([0.3, 0.0, 0.6, 0.9, 0.0]), "white, blue; maybe red");
        assert_eq!(tags([0.4, 0.3, 0.1, 0.1, 0.0]), "maybe red, green");
        assert_eq!(tags([0.01, 0.02, 0.0, 0.0, 0.0]), "maybe green");
        assert_eq!(tags([0.0; 5]), "something");
    }

    #[test]
    fn the_words_of_tags_come_back_from_their_text() {
        let words = |tags| possible_tags(tags).collect::<Vec<_>>();
        assert_eq!(
            words("white, blue; maybe red, dark"),
            ["white", "blue", "red", "dark"]
        );
        assert_eq!(words("maybe red"), ["red"]);
        assert!(words("something").is_empty());
    }

    #[test]
    fn a_concept_with_a_high_mean_stands_out_less() {
        let mut concepts = fake::concepts();
        concepts[0].mean = 0.5;
        let rules = TagRules {
            confident: 0.3,
            min_score: 0.1,
            max_words: 1,
            exponent: 0.5,
        };
        let tagger = Tagger::new(concepts.into(), rules);
        assert_eq!(tagger.text(&features([0.6, 0.0, 0.4, 0.0, 0.0])), "blue");
    }
}
