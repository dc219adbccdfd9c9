//! A moment that can be described: a segment with its caption and the words that support the caption.

use std::{collections::BTreeSet, sync::Arc};

use atom_models::{
    confident_tags,
    english::{base_forms, is_person, is_thing, singular},
    possible_tags,
};

use crate::{seen_objects::SeenObjects, stretch::Stretch};

/// Words of captions that have no content.
const FUNCTION_WORDS: &str = "\
    a an the of in on at to with and by for from near next into onto down up over under behind is are was were be being been it its \
    his her their there some that this these those other another while out off through along around across as front back side top \
    lot lots many much several each all very who which has have having between against";

/// A segment with its caption and the words that support it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moment {
    /// Name of the source; empty where only one is concerned.
    pub source: String,
    /// Start in milliseconds of media time.
    pub start_ms: u64,
    /// End in milliseconds of media time.
    pub end_ms: u64,
    /// Its caption, if it has one.
    pub caption: Option<String>,
    /// Its content in words, in the form of [`PromptBuilder::tags`](atom_models::PromptBuilder::tags).
    pub tags: String,
    /// The objects that the detector counted.
    pub objects: Vec<SeenObjects>,
    /// The vector of its frames; empty if there is none.
    pub embedding: Arc<[f32]>,
}

impl Moment {
    /// Returns its caption, or its content in words.
    pub(crate) fn text(&self) -> &str {
        self.caption.as_deref().unwrap_or(&self.tags)
    }

    /// Returns its source and times.
    pub(crate) fn stretch(&self) -> Stretch {
        Stretch {
            source: self.source.clone(),
            start_ms: self.start_ms,
            end_ms: self.end_ms,
        }
    }

    /// Returns the length in milliseconds, at least 1.
    pub(crate) fn length_ms(&self) -> u64 {
        self.end_ms.saturating_sub(self.start_ms).max(1)
    }

    /// Returns the words that the encoder and the detector found, likely ones too.
    pub(crate) fn seen_words(&self) -> BTreeSet<&str> {
        let objects = self.objects.iter().map(|object| &*object.name);
        // The class "traffic light" supports "light" as well.
        let objects = objects.flat_map(|name| name.split(' ').chain([name]));
        possible_tags(&self.tags).chain(objects).collect()
    }

    /// Returns the things that it certainly shows: confident tags, objects in at least two frames, and what tags or the
    /// detector suggest and the caption confirms.
    pub(crate) fn certain_things(&self) -> BTreeSet<String> {
        let said = self
            .caption
            .as_deref()
            .map(content_words)
            .unwrap_or_default();
        let confirmed = |word: &str| said.iter().any(|said| supports(word, said));
        let confident: BTreeSet<_> = confident_tags(&self.tags).collect();
        let tags =
            possible_tags(&self.tags).filter(|word| confident.contains(word) || confirmed(word));
        let objects = self.objects.iter();
        let objects = objects.filter(|object| object.frames > 1 || confirmed(&object.name));
        let names = tags.chain(objects.map(|object| &*object.name));
        names
            .filter(|word| is_thing(word))
            .map(str::to_owned)
            .collect()
    }

    /// Returns true if the detector found a person.
    pub(crate) fn shows_person(&self) -> bool {
        self.objects.iter().any(|object| object.name == "person")
    }

    /// Returns true if its tags, objects or caption have this word of a caption.
    pub(crate) fn has(&self, word: &str) -> bool {
        self.shows(word) || self.says(word)
    }

    /// Returns true if its tags or objects have this word of a caption. Any word for people is supported by a person that the
    /// detector found.
    pub(crate) fn shows(&self, word: &str) -> bool {
        self.shows_person() && is_person(&singular(word))
            || self.seen_words().iter().any(|seen| supports(seen, word))
    }

    /// Returns true if its caption has this word in any form.
    pub(crate) fn says(&self, word: &str) -> bool {
        let said = self
            .caption
            .as_deref()
            .map(content_words)
            .unwrap_or_default();
        said.iter().any(|other| singular(other) == singular(word))
    }
}

/// Returns true if a word in its base form supports a word of a caption in any form.
fn supports(seen: &str, word: &str) -> bool {
    base_forms(word).iter().any(|form| form == seen)
}

/// Returns true if a word of a caption names a thing, rather than what it does or how it looks.
pub(crate) fn names_thing(word: &str) -> bool {
    base_forms(word).iter().all(|form| is_thing(form))
}

/// Returns the words of a caption that have content, in lower case, each once and in order.
pub(crate) fn content_words(caption: &str) -> Vec<String> {
    let lower = caption.to_lowercase();
    let mut words: Vec<String> = Vec::new();
    for word in lower.split(|letter: char| !letter.is_alphanumeric() && letter != '\'') {
        let function = FUNCTION_WORDS.split_whitespace().any(|other| other == word);
        if !word.is_empty() && !function && !words.iter().any(|known| known == word) {
            words.push(word.to_owned());
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_likely_tag_is_certain_only_where_the_caption_agrees() {
        let object = |name: &str, frames| SeenObjects {
            name: name.to_owned(),
            most: 1,
            at_ms: 0,
            frames,
        };
        let moment = Moment {
            caption: Some("Two cars are parked near a tie.".to_owned()),
            tags: "street; maybe car, truck, walk".to_owned(),
            objects: vec![
                object("tie", 1),
                object("train", 1),
                object("traffic light", 2),
            ],
            ..Moment::default()
        };
        let things: Vec<_> = moment.certain_things().into_iter().collect();
        assert_eq!(things, ["car", "street", "tie", "traffic light"]);
        assert!(moment.has("trucks") && moment.has("light") && moment.has("car"));
        assert!(!moment.has("woman") && !moment.shows("parked"));
        assert_eq!(
            content_words("A man is on the man's bike."),
            ["man", "man's", "bike"]
        );
    }
}
