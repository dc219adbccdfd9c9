//! The form of a question: the kind of answer that its words ask for.

use crate::qa::counted_noun::CountedNoun;

/// The kind of answer that a question asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum QuestionForm {
    YesNo,
    When,
    HowLong,
    HowOften,
    /// "How many cars?"
    HowMany,
    /// "What can be seen?"
    Things,
    /// "What is happening?": about nothing in particular.
    Overview,
    /// Any other question: the decoder answers freely.
    Open,
}

/// First words of yes-or-no questions.
const YES_NO_OPENERS: &str = "\
    is are was were isn't aren't do does did can could has have had will would should may might must \
    doesn't didn't";
/// Openings of polite requests, which are not yes-or-no questions.
const POLITE_OPENERS: [&str; 4] = ["can you ", "could you ", "will you ", "would you "];
/// Words of a question for things, rather than for what happens.
const THING_WORDS: &str = "see seen visible show shown there objects things";
/// Words that do not show the subject of a question.
const STOP_WORDS: &str = "\
    a an the of in on at to for from with by and or it its this that these those there here they them \
    their he she his her him you we me i what which who whom whose where when why how many much kind \
    sort colour color be being been am doing done happen happening happens happened going see seen shown \
    show visible tell describe video recording picture scene please";

fn is_among(words: &str, word: &str) -> bool {
    words.split(' ').any(|other| other == word)
}

impl QuestionForm {
    /// Returns the form of a question, and the yes-or-no question that each segment is tested with.
    pub(crate) fn parse(text: &str) -> (Self, String) {
        let lower = text.to_lowercase();
        let openings = [
            ("when ", Self::When),
            ("how long ", Self::HowLong),
            ("how often ", Self::HowOften),
            ("how many times ", Self::HowOften),
        ];
        for (opening, form) in openings {
            if lower.starts_with(opening) {
                let rest = text.chars().skip(opening.chars().count());
                return (form, rest.collect::<String>().trim().to_owned());
            }
        }
        if CountedNoun::parse(text).is_some() {
            return (Self::HowMany, text.to_owned());
        }
        let first = lower.split_whitespace().next().unwrap_or("");
        // "Is it a cat or a dog?" wants neither yes nor no, nor does "Can you tell me where the dog is?".
        let choice = lower.contains(" or ");
        let polite = POLITE_OPENERS
            .iter()
            .any(|opening| lower.starts_with(opening))
            && !lower.contains("you see");
        let has = |list: &str| {
            let mut words = lower.split(|letter: char| !letter.is_alphabetic());
            words.any(|word| is_among(list, word))
        };
        let form = match is_among(YES_NO_OPENERS, first) && !choice && !polite {
            true => Self::YesNo,
            false if has("who whom") || !content_words(text).is_empty() => Self::Open,
            false if has(THING_WORDS) => Self::Things,
            false => Self::Overview,
        };
        (form, text.to_owned())
    }
}

/// Returns the words of a question that show its subject.
pub(crate) fn content_words(text: &str) -> String {
    let words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '\''));
    let content = words.filter(|word| {
        let lower = word.to_lowercase();
        !word.is_empty() && !is_among(STOP_WORDS, &lower) && !is_among(YES_NO_OPENERS, &lower)
    });
    content.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_question_follows_from_its_opening() {
        let form = |text| QuestionForm::parse(text).0;
        for yes_no in ["Is it red?", "Do dogs bark?", "can you see a dog?"] {
            assert_eq!(form(yes_no), QuestionForm::YesNo, "{yes_no}");
        }
        for open in [
            "What is red?",
            "Is it a cat or a dog?",
            "Could you describe the kitchen?",
            "Where is the dog?",
            "Who can be seen?",
        ] {
            assert_eq!(form(open), QuestionForm::Open, "{open}");
        }
        for things in [
            "What can be seen?",
            "What do you see?",
            "What is there in the video?",
        ] {
            assert_eq!(form(things), QuestionForm::Things, "{things}");
        }
        for overview in ["What is happening?", "Describe the video.", "Where?"] {
            assert_eq!(form(overview), QuestionForm::Overview, "{overview}");
        }
        assert_eq!(form("How many cars are there?"), QuestionForm::HowMany);
        assert_eq!(
            QuestionForm::parse("When is there a dog?"),
            (QuestionForm::When, "is there a dog?".to_owned())
        );
        assert_eq!(
            QuestionForm::parse("How many times is it red?").0,
            QuestionForm::HowOften
        );
    }

    #[test]
    fn content_words_leave_out_stop_words() {
        assert_eq!(
            content_words("What is the dog doing on the beach?"),
            "dog beach"
        );
        assert_eq!(content_words("What can be seen in this video?"), "");
    }
}
