//! The answer to "What can be seen?": the things that tags, objects and captions agree on, with their times, in a sentence made by
//! code.

use std::{cmp::Reverse, collections::BTreeMap};

use atom_models::{
    PromptBuilder,
    english::{capitalized, counted, list, plural, with_article},
};

use crate::{
    stretch::{Stretch, extend, stretch_text},
    summary::moment::Moment,
};

/// Maximum number of things that are named with their times.
const MAX_THINGS: usize = 6;
/// Maximum number of further things that are named.
const MAX_FURTHER_THINGS: usize = 6;
/// Maximum number of stretches that are named with a thing.
const MAX_STRETCHES: usize = 3;

/// A thing with the stretches in which it was seen.
#[derive(Clone, Debug)]
pub(crate) struct SeenThing {
    /// The thing, in the singular.
    name: String,
    /// The most in one frame, as the detector counted; 0 if it did not.
    most: u32,
    pub(crate) stretches: Vec<Stretch>,
}

impl SeenThing {
    /// Returns the time for which it was seen.
    fn length_ms(&self) -> u64 {
        self.stretches.iter().map(Stretch::length_ms).sum()
    }

    /// Returns it with its article or number: "a car", "up to two people".
    fn numbered(&self) -> String {
        match self.most {
            0 | 1 => with_article(&self.name),
            most => format!("up to {}", counted(&self.name, most as usize)),
        }
    }

    /// Returns it as it is named a second time: "a car", "people".
    fn repeated(&self) -> String {
        match self.most {
            0 | 1 => with_article(&self.name),
            _ => plural(&self.name),
        }
    }
}

/// Returns the things that moments in order of time certainly show, those seen longest first. Kinds of an object class count as that
/// class: the encoder often errs about sex and age.
pub(crate) fn seen_things(moments: &[Moment], prompts: &PromptBuilder) -> Vec<SeenThing> {
    let mut found: BTreeMap<String, SeenThing> = BTreeMap::new();
    for moment in moments {
        for thing in moment.certain_things() {
            let name = prompts.class_of_concept(&thing).unwrap_or(thing);
            let objects = moment.objects.iter().find(|object| object.name == name);
            let thing = found.entry(name.clone()).or_insert_with(|| SeenThing {
                name,
                most: 0,
                stretches: Vec::new(),
            });
            thing.most = thing.most.max(objects.map_or(0, |object| object.most));
            extend(&mut thing.stretches, moment.stretch());
        }
    }
    let mut things: Vec<_> = found.into_values().collect();
    things.sort_by_key(|thing| Reverse(thing.length_ms()));
    things
}

/// Returns the sentence about seen things, those seen longest first; `None` if there are none.
pub(crate) fn seen_things_text(seen_things: &[SeenThing]) -> Option<String> {
    let (named, further) = seen_things.split_at(seen_things.len().min(MAX_THINGS));
    let times =
        |thing: &SeenThing| format!("from {}", stretch_text(&thing.stretches, MAX_STRETCHES));
    let mut text = match named {
        [] => return None,
        [only] => format!("{} can be seen {}.", only.numbered(), times(only)),
        _ => {
            let names: Vec<_> = named.iter().map(SeenThing::numbered).collect();
            let details = named
                .iter()
                .map(|thing| format!("{} {}", thing.repeated(), times(thing)));
            let details = details.collect::<Vec<_>>().join("; ");
            format!("{} can be seen: {details}.", list(&names))
        }
    };
    if !further.is_empty() {
        let names = further.iter().take(MAX_FURTHER_THINGS);
        let mut names: Vec<_> = names.map(SeenThing::numbered).collect();
        match further.len().saturating_sub(MAX_FURTHER_THINGS) {
            0 => {}
            1 => names.push("one other thing".to_owned()),
            more => names.push(format!("{more} other things")),
        }
        text.push_str(&format!(" Also seen: {}.", list(&names)));
    }
    Some(capitalized(&text))
}

#[cfg(test)]
mod tests {
    use atom_models::fake;

    use super::*;
    use crate::seen_objects::SeenObjects;

    fn moment(n: u64, tags: &str, objects: &[(&str, u32)]) -> Moment {
        let objects = objects.iter().map(|(name, most)| SeenObjects {
            name: (*name).to_owned(),
            most: *most,
            at_ms: n * 4000,
            frames: 2,
        });
        Moment {
            start_ms: n * 4000,
            end_ms: n * 4000 + 4000,
            tags: tags.to_owned(),
            objects: objects.collect(),
            ..Moment::default()
        }
    }

    fn text(moments: &[Moment]) -> Option<String> {
        seen_things_text(&seen_things(moments, &fake::prompt_builder()))
    }

    #[test]
    fn seen_things_are_listed_in_grammatical_english_with_times() {
        let moments = [
            moment(0, "car, walk; maybe dog", &[("car", 1)]),
            moment(1, "car, young", &[("person", 2)]),
            moment(2, "food", &[("person", 1)]),
            moment(4, "car", &[]),
        ];
        assert_eq!(
            text(&moments).unwrap(),
            "A car, up to two people and food can be seen: a car from 0:00 to 0:08, 0:16 to 0:20; people from 0:04 to 0:12; food \
             from 0:08 to 0:12."
        );
        assert_eq!(
            text(&moments[2..3]).unwrap(),
            "Food and a person can be seen: food from 0:08 to 0:12; a person from 0:08 to 0:12."
        );
        let jeans = moment(0, "jean", &[]);
        assert_eq!(
            text(&[jeans]).unwrap(),
            "Jeans can be seen from 0:00 to 0:04."
        );
        assert_eq!(text(&[moment(0, "walk, red; maybe car", &[])]), None);
    }

    #[test]
    fn the_sentence_is_bounded_however_much_was_seen() {
        let tags: Vec<_> = (0..40).map(|n| format!("thing{n}")).collect();
        let text = text(&[moment(0, &tags.join(", "), &[])]).unwrap();
        assert_eq!(text.matches(" from ").count(), MAX_THINGS, "{text}");
        assert!(text.ends_with("and 28 other things."), "{text}");
    }
}
