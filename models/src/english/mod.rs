//! English grammar of the words that packs know: nouns with article and number, and lists.
//!
//! Sentences about what was seen are composed by code, so the words of a pack must be distinguished: things that can be seen, and
//! other words (actions, properties, numbers). `lexicon` lists the exceptions, `noun` applies the rules.

mod lexicon;
mod noun;

pub use crate::vision::concept_vocabulary::base_forms;
pub use noun::{counted, is_person, is_thing, number, plural, singular, with_article};

/// Joins items as in "a car, two people and a dog".
///
/// ```
/// let items = ["a car", "two people", "a dog"].map(str::to_owned);
/// assert_eq!(atom_models::english::list(&items), "a car, two people and a dog");
/// ```
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// Returns the text with its first letter in upper case.
///
/// ```
/// assert_eq!(atom_models::english::capitalized("a car"), "A car");
/// ```
pub fn capitalized(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}
