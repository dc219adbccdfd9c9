//! The words of a scene's captions, how far tags, objects and other captions support them, and the caption that is supported best.
//!
//! A caption is supported if its subject and at least half of its things are: by a tag or an object of the scene, or by another
//! caption. So a single wrong caption is never chosen.

use std::collections::{BTreeSet, HashMap};

use atom_models::english::{base_forms, is_person, singular};

use crate::summary::moment::{Moment, content_words, names_thing};

/// Weight of the time for which captions alone have a word, beside that of tags and objects: captions repeat each other's errors.
const CAPTION_WEIGHT: f32 = 0.25;
/// Weight of a word that names no thing, beside that of a thing.
const ACTION_WEIGHT: f32 = 0.3;
/// Penalty for a thing that is not supported, beside the weight of one that is for the whole scene.
const MISSING_PENALTY: f32 = 0.25;

/// The degree to which a word of a scene's captions is supported.
#[derive(Clone, Copy, Debug, Default)]
struct WordSupport {
    /// Time for which tags or objects show it.
    shown_ms: u64,
    /// Further time for which captions alone have it.
    said_ms: u64,
    /// Number of captions with it.
    said: usize,
}

impl WordSupport {
    /// Returns true if it is supported: by a tag, an object, or a second caption.
    fn is_supported(self) -> bool {
        self.shown_ms > 0 || self.said > 1
    }

    /// Returns its weight. A long scene counts more than a short one, but does not hide it.
    fn weight(self) -> f32 {
        match self.is_supported() {
            true => (self.shown_ms as f32 + CAPTION_WEIGHT * self.said_ms as f32).sqrt(),
            false => 0.0,
        }
    }
}

/// The captions of a scene, and how far their words are supported.
#[derive(Debug, Default)]
pub(super) struct SceneWords {
    /// By word in the singular.
    words: HashMap<String, WordSupport>,
    /// Distinct captions in order of their first occurrence, with the time of the moments that have them.
    captions: Vec<(String, u64)>,
    all_ms: u64,
}

impl SceneWords {
    /// Collects the words of a scene.
    pub(super) fn of(scene: &[&Moment]) -> Self {
        let vocabulary = CaptionVocabulary::of(scene);
        let mut words = Self::default();
        let mut positions: HashMap<String, usize> = HashMap::new();
        for moment in scene {
            let length = moment.length_ms();
            words.all_ms += length;
            let shown = vocabulary.shown_by(moment);
            for word in &shown {
                words.words.entry((*word).to_owned()).or_default().shown_ms += length;
            }
            let Some(caption) = &moment.caption else {
                continue;
            };
            for word in caption_keys(caption) {
                let only_said = !shown.contains(&*word);
                let support = words.words.entry(word).or_default();
                support.said += 1;
                support.said_ms += if only_said { length } else { 0 };
            }
            let next = words.captions.len();
            let at = *positions.entry(caption.to_lowercase()).or_insert(next);
            match words.captions.get_mut(at) {
                Some((_, ms)) => *ms += length,
                None => words.captions.push((caption.clone(), length)),
            }
        }
        words
    }

    fn support(&self, word: &str) -> WordSupport {
        self.words.get(word).copied().unwrap_or_default()
    }

    /// Returns the caption that is supported best; `None` if none is.
    pub(super) fn best_caption(&self) -> Option<SupportedCaption<'_>> {
        let candidates = self.captions.iter();
        let candidates =
            candidates.filter_map(|(caption, ms)| self.supported_caption(caption, *ms));
        // Of equals, the first stays.
        candidates.reduce(|best, next| {
            if next.weight > best.weight {
                next
            } else {
                best
            }
        })
    }

    /// Returns a caption with its weight; `None` if its subject or more than half of its things are not supported.
    fn supported_caption<'c>(&self, caption: &'c str, ms: u64) -> Option<SupportedCaption<'c>> {
        let words = content_words(caption);
        let things = words.iter().filter(|word| names_thing(word));
        let mut things: Vec<String> = things.map(|word| singular(word)).collect();
        let all = things.len();
        let subject = things.first().cloned();
        let subject = subject.or_else(|| words.last().map(|word| singular(word)))?;
        things.retain(|thing| self.support(thing).is_supported());
        let missing = all - things.len();
        if !self.support(&subject).is_supported() || 2 * missing > all {
            return None;
        }
        let weight = |word: &String| {
            let weight = self.support(&singular(word)).weight();
            weight
                * if names_thing(word) {
                    1.0
                } else {
                    ACTION_WEIGHT
                }
        };
        let said = 1.0 + ms as f32 / self.all_ms as f32;
        let missing = MISSING_PENALTY * missing as f32 * (self.all_ms as f32).sqrt();
        if things.is_empty() {
            things.push(subject);
        }
        Some(SupportedCaption {
            text: caption,
            weight: words.iter().map(weight).sum::<f32>() * said - missing,
            things,
        })
    }
}

/// A caption that its scene supports.
pub(super) struct SupportedCaption<'c> {
    pub(super) text: &'c str,
    /// The things in it that are supported, in the singular.
    things: Vec<String>,
    pub(super) weight: f32,
}

impl SupportedCaption<'_> {
    /// Returns true if a moment has at least half of the things.
    pub(super) fn fits(&self, moment: &Moment) -> bool {
        let had = self.things.iter().filter(|thing| moment.has(thing));
        2 * had.count() >= self.things.len()
    }
}

/// Returns the content words of a caption in the singular, each once.
fn caption_keys(caption: &str) -> BTreeSet<String> {
    content_words(caption)
        .iter()
        .map(|word| singular(word))
        .collect()
}

/// The words of a scene's captions, found by the words of tags and objects.
struct CaptionVocabulary {
    /// By base form.
    by_form: HashMap<String, BTreeSet<String>>,
    people: BTreeSet<String>,
}

impl CaptionVocabulary {
    fn of(scene: &[&Moment]) -> Self {
        let mut by_form: HashMap<String, BTreeSet<String>> = HashMap::new();
        let mut people = BTreeSet::new();
        let captions: BTreeSet<&str> = scene
            .iter()
            .filter_map(|moment| moment.caption.as_deref())
            .collect();
        for word in captions.into_iter().flat_map(content_words) {
            let key = singular(&word);
            if is_person(&key) {
                people.insert(key.clone());
            }
            for form in base_forms(&word) {
                by_form.entry(form).or_default().insert(key.clone());
            }
        }
        Self { by_form, people }
    }

    /// Returns the words that tags or objects of a moment show.
    fn shown_by(&self, moment: &Moment) -> BTreeSet<&str> {
        let seen = moment.seen_words();
        let people = self.people.iter().filter(|_| moment.shows_person());
        let words = seen
            .iter()
            .filter_map(|word| self.by_form.get(*word))
            .flatten();
        words.chain(people).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seen_objects::SeenObjects;

    fn moment(caption: &str, tags: &str) -> Moment {
        Moment {
            end_ms: 4000,
            caption: Some(caption.to_owned()),
            tags: tags.to_owned(),
            ..Moment::default()
        }
    }

    fn best(moments: &[Moment]) -> Option<String> {
        let scene: Vec<_> = moments.iter().collect();
        let words = SceneWords::of(&scene);
        words.best_caption().map(|caption| caption.text.to_owned())
    }

    #[test]
    fn a_caption_with_mostly_unsupported_things_is_not_used() {
        let girl = moment("A girl in a costume at a wall.", "girl; maybe young");
        assert_eq!(best(std::slice::from_ref(&girl)), None);
        let plain = moment("A girl in a dress.", "girl");
        assert_eq!(best(&[girl, plain]).as_deref(), Some("A girl in a dress."));
    }

    #[test]
    fn a_person_that_the_detector_found_supports_any_word_for_people() {
        let mut runner = moment("A woman is running.", "maybe grass");
        assert_eq!(best(std::slice::from_ref(&runner)), None);
        runner.objects = vec![SeenObjects {
            name: "person".to_owned(),
            most: 1,
            at_ms: 0,
            frames: 4,
        }];
        assert_eq!(best(&[runner]).as_deref(), Some("A woman is running."));
    }

    #[test]
    fn a_caption_that_several_moments_share_is_preferred() {
        let moments = [
            moment("A car and a bus.", "car, bus"),
            moment("A bus and a car.", "car, bus"),
            moment("A bus and a car.", "car, bus"),
        ];
        assert_eq!(best(&moments).as_deref(), Some("A bus and a car."));
    }
}
