//! The answers to questions about nothing in particular: what can be seen, and what happens.

use atom_models::PromptBuilder;

use crate::{
    qa::{
        citation::{Citation, ComposedAnswer},
        seen_things::{seen_things, seen_things_text},
    },
    stretch::Stretch,
    summary::{moment::Moment, summary_text::summarize_moments},
};

/// Maximum number of scenes that an answer describes.
const MAX_SCENES: usize = 5;
/// The answer where nothing can be named.
const NOTHING_NAMED: &str = "Nothing that the pack can name with certainty.";

/// Returns the answer to "What can be seen?".
pub(super) fn things(moments: &[Moment], prompts: &PromptBuilder) -> ComposedAnswer {
    let seen_things = seen_things(moments, prompts);
    let cite = |stretch: &Stretch| {
        let inside = |moment: &&Moment| {
            moment.source == stretch.source && moment.start_ms == stretch.start_ms
        };
        let first = moments.iter().find(inside);
        Citation {
            text: first.map_or_else(String::new, |moment| moment.text().to_owned()),
            ..Citation::of_stretch(stretch.clone())
        }
    };
    let first = seen_things
        .iter()
        .filter_map(|thing| thing.stretches.first());
    ComposedAnswer {
        citations: first.map(cite).collect(),
        text: seen_things_text(&seen_things).unwrap_or_else(|| NOTHING_NAMED.to_owned()),
        count: None,
    }
}

/// Returns the answer to "What is happening?".
pub(super) fn happenings(moments: &[Moment]) -> ComposedAnswer {
    let (text, described) = summarize_moments(moments, MAX_SCENES);
    let citations = described.iter().map(|scene| {
        let (source, start_ms, end_ms) = scene.first();
        let stretch = Stretch {
            source: source.to_owned(),
            start_ms,
            end_ms,
        };
        Citation {
            text: format!("{}.", scene.sentence),
            ..Citation::of_stretch(stretch)
        }
    });
    ComposedAnswer {
        citations: citations.collect(),
        text,
        count: None,
    }
}
