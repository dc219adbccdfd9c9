//! The text of a summary: described scenes with their times, joined by code.

use std::collections::BTreeSet;

use atom_models::english::{capitalized, list, singular, with_article};

use crate::summary::{
    described_scenes::{DescribedScene, describe_scenes},
    moment::{Moment, content_words},
};

/// Maximum number of things that are named where no caption is supported.
const MAX_THINGS: usize = 5;
/// The summary of moments of which nothing is certain.
const NOTHING_CERTAIN: &str =
    "Nothing certain: no caption is confirmed by tags, objects or another caption.";

/// Returns the summary of moments in order of time, with the scenes that it describes: at most `most`.
pub fn summarize_moments(moments: &[Moment], most: usize) -> (String, Vec<DescribedScene>) {
    let described = describe_scenes(moments, most);
    let text = match described.is_empty() {
        true => agreed_things(moments),
        false => described
            .iter()
            .map(DescribedScene::text)
            .collect::<Vec<_>>()
            .join(" "),
    };
    (text, described)
}

/// Returns the things that captions name and tags or objects confirm, as a sentence.
fn agreed_things(moments: &[Moment]) -> String {
    let mut agreed: Vec<String> = Vec::new();
    for moment in moments {
        let caption = moment.caption.as_deref().unwrap_or_default();
        let said: BTreeSet<String> = content_words(caption)
            .iter()
            .map(|word| singular(word))
            .collect();
        let things = moment.certain_things().into_iter();
        let things = things.filter(|thing| said.contains(thing));
        for thing in things.map(|thing| with_article(&thing)) {
            if !agreed.contains(&thing) {
                agreed.push(thing);
            }
        }
    }
    agreed.truncate(MAX_THINGS);
    match agreed.is_empty() {
        true => NOTHING_CERTAIN.to_owned(),
        false => format!("{} can be seen.", capitalized(&list(&agreed))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_supported_caption_only_things_of_both_tags_and_captions_are_named() {
        let moment = |caption: &str, tags: &str| Moment {
            end_ms: 4000,
            caption: Some(caption.to_owned()),
            tags: tags.to_owned(),
            ..Moment::default()
        };
        let text = |moments: &[Moment]| summarize_moments(moments, 5).0;
        let wrong = moment("A bathroom with a mirror.", "maybe mirror, car");
        assert_eq!(text(&[wrong]), "A mirror can be seen.");
        assert_eq!(text(&[moment("A bathroom.", "maybe car")]), NOTHING_CERTAIN);
        assert_eq!(text(&[]), NOTHING_CERTAIN);
        let right = [
            moment("A dog runs.", "dog"),
            moment("A cat sits.", "maybe cat"),
        ];
        assert_eq!(
            text(&right),
            "A dog runs (0:00 to 0:04). A cat sits (0:00 to 0:04)."
        );
    }
}
