//! Questions about one segment that code answers from its frames: how many there are of a thing, and what can be seen.

use std::collections::BTreeSet;

use atom_models::{
    NounMeaning, PromptBuilder,
    english::{capitalized, counted, is_thing, list, with_article},
    possible_tags,
};

use crate::{
    qa::{counted_noun::CountedNoun, question_form::QuestionForm},
    seen_objects::SeenObjects,
    segment::Segment,
    summary::moment::Moment,
};

/// Maximum number of things that an answer names.
const MAX_THINGS: usize = 5;
/// Maximum number of things that are named where none is certain.
const MAX_LIKELY_THINGS: usize = 3;

/// A question that code answers.
#[derive(Clone, Debug)]
pub(crate) enum SegmentQuestion {
    /// "How many cars are there?"
    Count(CountedNoun),
    /// "What can be seen?"
    Things,
}

impl SegmentQuestion {
    /// Parses a question; `None` if code cannot answer it.
    pub(crate) fn parse(question: &str) -> Option<Self> {
        match QuestionForm::parse(question).0 {
            QuestionForm::HowMany => CountedNoun::parse(question).map(Self::Count),
            QuestionForm::Things => Some(Self::Things),
            _ => None,
        }
    }

    /// Returns the answer about a segment with its caption, if that is known.
    pub(crate) fn answer(
        &self,
        segment: &Segment,
        caption: Option<&str>,
        prompts: &PromptBuilder,
    ) -> String {
        let moment = Moment {
            caption: caption.map(str::to_owned),
            tags: prompts.tags(&segment.features),
            objects: SeenObjects::in_segment(segment, prompts),
            ..Moment::default()
        };
        match self {
            Self::Count(question) => {
                let known = |noun: &str| prompts.meaning(noun) != NounMeaning::default();
                let (noun, _) = question.resolve(known);
                match known(&noun) {
                    true => count(question, &noun, &moment, &prompts.meaning(&noun).classes),
                    false => "Not known.".to_owned(),
                }
            }
            Self::Things => things(&moment, prompts),
        }
    }
}

/// Returns the number of a noun of these classes in a moment: the most in one frame. Where the detector does not know the thing, tags
/// and caption only show if there is any.
fn count(question: &CountedNoun, noun: &str, moment: &Moment, classes: &[String]) -> String {
    // The detector knows no properties, so "red cars" cannot be counted.
    let countable = !question.has_adjectives(noun);
    let objects = moment.objects.iter();
    let objects = objects.filter(|object| countable && classes.contains(&object.name));
    let counts: Vec<_> = objects
        .map(|object| counted(&object.name, object.most as usize))
        .collect();
    let certain = moment.certain_things();
    let described = question.adjectives.iter().all(|word| moment.has(word));
    match (
        counts.is_empty(),
        certain.contains(noun) && (countable || described),
    ) {
        (false, _) => format!("{}.", capitalized(&list(&counts))),
        (true, true) => "At least one.".to_owned(),
        (true, false) => "None.".to_owned(),
    }
}

/// Returns the things that a moment shows, with their number where the detector counted them. Kinds of a class count as that class.
fn things(moment: &Moment, prompts: &PromptBuilder) -> String {
    let class = |thing: String| prompts.class_of_concept(&thing).unwrap_or(thing);
    let certain: BTreeSet<String> = moment.certain_things().into_iter().map(class).collect();
    let numbered = |thing: &String| {
        let objects = moment.objects.iter().find(|object| object.name == *thing);
        match objects.map_or(0, |object| object.most) {
            0 | 1 => with_article(thing),
            most => counted(thing, most as usize),
        }
    };
    let certain: Vec<_> = certain.iter().map(numbered).take(MAX_THINGS).collect();
    if !certain.is_empty() {
        return format!("{}.", capitalized(&list(&certain)));
    }
    let likely = possible_tags(&moment.tags).filter(|word| is_thing(word));
    let likely: Vec<_> = likely.map(with_article).take(MAX_LIKELY_THINGS).collect();
    match likely.is_empty() {
        true => "Nothing that can be named.".to_owned(),
        false => format!("Perhaps {}.", list(&likely)),
    }
}

#[cfg(test)]
mod tests {
    use atom_models::fake;

    use super::*;

    fn moment(tags: &str, objects: &[(&str, u32)]) -> Moment {
        let objects = objects.iter().map(|(name, most)| SeenObjects {
            name: (*name).to_owned(),
            most: *most,
            at_ms: 0,
            frames: 2,
        });
        Moment {
            tags: tags.to_owned(),
            objects: objects.collect(),
            ..Moment::default()
        }
    }

    #[test]
    fn a_node_that_asks_how_many_gets_the_count_of_the_frames() {
        let moment = moment("car, red, tree; maybe bus", &[("car", 3), ("truck", 1)]);
        let ask = |question: &str, classes: &[&str]| {
            let question = CountedNoun::parse(question).unwrap();
            let classes: Vec<_> = classes.iter().map(|class| (*class).to_owned()).collect();
            count(&question, &question.noun, &moment, &classes)
        };
        assert_eq!(ask("How many cars are there?", &["car"]), "Three cars.");
        let vehicles = ["bus", "car", "truck"];
        assert_eq!(
            ask("How many vehicles?", &vehicles),
            "Three cars and one truck."
        );
        assert_eq!(ask("How many red cars?", &["car"]), "At least one.");
        assert_eq!(ask("How many blue cars?", &["car"]), "None.");
        assert_eq!(ask("How many trees?", &[]), "At least one.");
        assert_eq!(ask("How many buses?", &["bus"]), "None.");
    }

    #[test]
    fn a_node_that_asks_what_can_be_seen_gets_no_a_people() {
        let prompts = fake::prompt_builder();
        let told = |tags, objects: &[(&str, u32)]| things(&moment(tags, objects), &prompts);
        assert_eq!(told("people, walk", &[]), "People.");
        assert_eq!(told("street", &[("person", 2)]), "Two people and a street.");
        assert_eq!(
            told("maybe walk, umbrella, food", &[]),
            "Perhaps an umbrella and food."
        );
        assert_eq!(told("red; maybe dark", &[]), "Nothing that can be named.");
    }
}
