//! The thing that a question for a number counts: "How many red cars are on the road?" counts cars, under conditions.

use atom_models::{
    PromptBuilder,
    english::{singular, with_article},
};

/// Openings of questions for a number.
const OPENINGS: [&str; 4] = [
    "how many ",
    "what is the number of ",
    "what number of ",
    "count the ",
];
/// Words before the noun that say nothing about it.
const DETERMINERS: &str = "of the different other more visible distinct separate total single";
/// Words that end the noun.
const AFTER_NOUN: &str = "\
    is are was were be been do does did can could has have had will would there in on at of by with from to near under behind \
    inside outside beside and or that which who visible seen";
/// Words after the noun that set no condition.
const NO_CONDITION: &str = "\
    is are was were be been do does did can could has have had will would there you we i one see seen visible appear appears \
    present shown show in on at the this that a it video videos recording recordings picture pictures frame frames scene scenes \
    image images clip footage here once same time most maximum together all total altogether overall and";

/// Words that join the noun with a condition.
const COPULA: &str = "is are was were";

/// The noun that a question counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CountedNoun {
    /// The noun in the singular, which may be several words: "traffic light".
    pub(crate) noun: String,
    /// The words before it that set a condition: "red" in "red cars".
    pub(crate) adjectives: Vec<String>,
    /// The yes-or-no question that each segment is tested with.
    pub(crate) condition: String,
    /// True if words after the noun set a condition, such as "on the road".
    pub(crate) place: bool,
}

fn is_among(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|other| other == word)
}

/// Returns true if a question asks for a number of times rather than of things.
fn asks_for_times(rest: &str) -> bool {
    rest.starts_with("times ") || rest == "times"
}

impl CountedNoun {
    /// Parses a question; `None` if it does not ask for a number of things.
    pub(crate) fn parse(question: &str) -> Option<Self> {
        let lower = question.trim().to_lowercase();
        let opening = OPENINGS
            .iter()
            .find(|opening| lower.starts_with(**opening))?;
        let rest = &lower[opening.len()..];
        if asks_for_times(rest) {
            return None;
        }
        let words = rest.split(|letter: char| !(letter.is_alphanumeric() || "'-".contains(letter)));
        let words = words.filter(|word| !word.is_empty());
        let words: Vec<&str> = words
            .skip_while(|word| is_among(DETERMINERS, word))
            .collect();
        let end = noun_end(&words);
        let (phrase, after) = words.split_at(end);
        let (last, before) = phrase.split_last()?;
        let after_condition = after.iter().any(|word| !is_among(NO_CONDITION, word));
        let noun = singular(last);
        let condition = match after_condition {
            true => {
                let after = after.iter().skip_while(|word| is_among(COPULA, word));
                let after: Vec<&str> = after.copied().collect();
                format!("Are there {} {}?", phrase.join(" "), after.join(" "))
            }
            false => {
                let mut described = before.to_vec();
                described.push(&noun);
                format!("Is there {}?", with_article(&described.join(" ")))
            }
        };
        Some(Self {
            noun,
            adjectives: before.iter().map(|word| (*word).to_owned()).collect(),
            condition,
            place: after_condition,
        })
    }

    /// Returns true if there are adjectives that do not belong to the noun as it was resolved.
    pub(crate) fn has_adjectives(&self, resolved: &str) -> bool {
        self.adjectives.len() + 1 > resolved.split(' ').count()
    }

    /// Returns the object classes by which the noun, as it was resolved, can be counted in a frame. The detector knows no
    /// properties, so there are none for "red cars".
    pub(crate) fn countable_classes(&self, resolved: &str, prompts: &PromptBuilder) -> Vec<String> {
        match self.has_adjectives(resolved) {
            true => Vec::new(),
            false => prompts.meaning(resolved).classes,
        }
    }

    /// Returns the longest end of the phrase that `known` accepts, with true if it is all that the question asks for. Without
    /// any it returns the noun alone.
    pub(crate) fn resolve(&self, known: impl Fn(&str) -> bool) -> (String, bool) {
        for from in 0..self.adjectives.len() {
            let phrase = format!("{} {}", self.adjectives[from..].join(" "), self.noun);
            if known(&phrase) {
                return (phrase, from == 0 && !self.place);
            }
        }
        (self.noun.clone(), self.adjectives.is_empty() && !self.place)
    }
}

/// Returns the end of the noun phrase: after the first plural, and plurals that follow it; else before the first word that cannot
/// belong to it.
fn noun_end(words: &[&str]) -> usize {
    let limit = words
        .iter()
        .position(|word| is_among(AFTER_NOUN, word))
        .unwrap_or(words.len());
    let is_plural = |word: &&str| singular(word) != **word;
    let Some(first) = words[..limit].iter().position(is_plural) else {
        return limit;
    };
    let more = words[first + 1..limit]
        .iter()
        .take_while(|word| is_plural(word));
    first + 1 + more.count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noun_of_a_counting_question_is_found() {
        let parsed = |question: &str| {
            let noun = CountedNoun::parse(question)?;
            Some((noun.adjectives.join(" "), noun.noun, noun.place))
        };
        let counted = |adjectives: &str, noun: &str, place| {
            Some((adjectives.to_owned(), noun.to_owned(), place))
        };
        for plain in [
            "How many cars?",
            "How many cars are there in this video?",
            "how many different cars can you see at the same time",
            "What is the number of cars?",
            "Count the cars.",
        ] {
            assert_eq!(parsed(plain), counted("", "car", false), "{plain}");
        }
        assert_eq!(
            parsed("How many people are there?"),
            counted("", "person", false)
        );
        assert_eq!(
            parsed("How many red cars are on the road?"),
            counted("red", "car", true)
        );
        assert_eq!(
            parsed("How many traffic lights?"),
            counted("traffic", "light", false)
        );
        assert_eq!(
            parsed("How many sports balls?"),
            counted("sports", "ball", false)
        );
        assert_eq!(parsed("How many cars drive by?"), counted("", "car", true));
        assert_eq!(
            parsed("How many sheep are seen?"),
            counted("", "sheep", false)
        );
    }

    #[test]
    fn other_questions_count_nothing() {
        for other in [
            "How many times is it red?",
            "How much snow is there?",
            "How many?",
        ] {
            assert_eq!(CountedNoun::parse(other), None, "{other}");
        }
    }

    #[test]
    fn the_condition_of_a_count_is_a_question_of_yes_or_no() {
        let condition = |question| CountedNoun::parse(question).unwrap().condition;
        assert_eq!(condition("How many cars are there?"), "Is there a car?");
        assert_eq!(
            condition("How many red cars are on the road?"),
            "Are there red cars on the road?"
        );
    }

    #[test]
    fn a_compound_that_the_pack_knows_is_one_noun() {
        let noun = CountedNoun::parse("How many traffic lights?").unwrap();
        let known = |phrase: &str| phrase == "traffic light";
        assert_eq!(noun.resolve(known), ("traffic light".to_owned(), true));
        assert_eq!(noun.resolve(|_| false), ("light".to_owned(), false));
    }
}
