//! Nouns with article and number.
//!
//! Every function takes a noun in the form in which packs list it, which may consist of several words ("traffic light"); the last
//! one is inflected.

use super::lexicon::{
    CONSONANT_SOUND, IRREGULAR, MASS, NO_THINGS, PEOPLE, PLURAL_IN_OES, PLURAL_ONLY, SILENT_H,
    SPELLING, UNIQUE,
};

/// Number words; larger numbers are written in digits.
const NUMBERS: [&str; 13] = [
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
];

fn is_among(words: &str, word: &str) -> bool {
    words.split_whitespace().any(|other| other == word)
}

/// Splits off the last word.
fn last_word(noun: &str) -> (&str, &str) {
    noun.rfind(' ')
        .map_or(("", noun), |at| noun.split_at(at + 1))
}

/// Returns the plural of a noun that has only a plural.
fn plural_only(word: &str) -> Option<&'static str> {
    let found = PLURAL_ONLY
        .iter()
        .find(|(listed, plural)| word == *listed || word == *plural);
    found.map(|(_, plural)| *plural)
}

fn spelled(word: &str) -> &str {
    let found = SPELLING.iter().find(|(listed, _)| *listed == word);
    found.map_or(word, |(_, spelled)| *spelled)
}

/// Returns true if a word of a pack names a thing that can be seen, rather than an action, a property or a number. Names of several
/// words are those of object classes.
///
/// ```
/// use atom_models::english::is_thing;
///
/// assert!(is_thing("car") && is_thing("traffic light") && !is_thing("young") && !is_thing("walk"));
/// ```
pub fn is_thing(word: &str) -> bool {
    word.contains(' ') || !is_among(NO_THINGS, word)
}

/// Returns true if a noun in the singular stands for a person.
pub fn is_person(noun: &str) -> bool {
    is_among(PEOPLE, noun)
}

/// Returns a noun with the article that it takes when it is first named: "a car", "an apron", "food", "jeans", "the sky".
pub fn with_article(noun: &str) -> String {
    let (first, last) = last_word(noun);
    if let Some(plural) = plural_only(last) {
        return format!("{first}{plural}");
    }
    let spelled = format!("{first}{}", spelled(last));
    if is_among(MASS, last) {
        return spelled;
    }
    if is_among(UNIQUE, noun) {
        return format!("the {spelled}");
    }
    match begins_with_vowel_sound(noun) {
        true => format!("an {spelled}"),
        false => format!("a {spelled}"),
    }
}

fn begins_with_vowel_sound(noun: &str) -> bool {
    let begins = |starts: &[&str]| starts.iter().any(|start| noun.starts_with(start));
    let vowel = noun.starts_with(['a', 'e', 'i', 'o', 'u']);
    vowel && !begins(&CONSONANT_SOUND) || begins(&SILENT_H)
}

/// Returns the plural of a noun; a noun that is not counted stays as it is.
///
/// ```
/// use atom_models::english::plural;
///
/// assert_eq!(["bus", "knife", "traffic light", "food"].map(plural), ["buses", "knives", "traffic lights", "food"]);
/// ```
pub fn plural(noun: &str) -> String {
    let (first, last) = last_word(noun);
    if let Some(plural) = plural_only(last) {
        return format!("{first}{plural}");
    }
    let irregular = IRREGULAR.iter().find(|(singular, _)| *singular == last);
    if let Some((_, plural)) = irregular {
        return format!("{first}{plural}");
    }
    let word = spelled(last);
    if is_among(MASS, last) || is_among(UNIQUE, last) {
        return format!("{first}{word}");
    }
    format!("{first}{}", regular_plural(word))
}

fn regular_plural(word: &str) -> String {
    let hisses = ["s", "x", "z", "ch", "sh"]
        .iter()
        .any(|end| word.ends_with(end));
    if hisses || PLURAL_IN_OES.contains(&word) {
        return format!("{word}es");
    }
    match word.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ => format!("{word}s"),
    }
}

/// Returns the singular of a noun in either number, in lower case.
///
/// ```
/// use atom_models::english::singular;
///
/// assert_eq!(["Buses", "people", "knives", "traffic lights", "glass"].map(singular),
///     ["bus", "person", "knife", "traffic light", "glass"]);
/// ```
pub fn singular(noun: &str) -> String {
    let lower = noun.to_lowercase();
    let (first, last) = last_word(&lower);
    let irregular = IRREGULAR.iter().find(|(_, plural)| *plural == last);
    if let Some((singular, _)) = irregular {
        return format!("{first}{singular}");
    }
    // "Glasses" alone are worn; "wine glasses" are several.
    let plural_only = PLURAL_ONLY
        .iter()
        .find(|(_, plural)| *plural == last && (first.is_empty() || last != "glasses"));
    if let Some((listed, _)) = plural_only {
        return format!("{first}{listed}");
    }
    format!("{first}{}", regular_singular(last))
}

fn regular_singular(word: &str) -> String {
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    if let Some(stem) = word.strip_suffix("es") {
        let hisses = ["s", "x", "z", "ch", "sh"]
            .iter()
            .any(|end| stem.ends_with(end));
        // "horses" and "vases" are regular plurals of words in "-se".
        let silent_e = stem.ends_with('s') && !stem.ends_with("ss") && !stem.ends_with("us");
        if hisses && !silent_e || PLURAL_IN_OES.contains(&stem) {
            return stem.to_owned();
        }
    }
    match word.strip_suffix('s') {
        Some(stem) if !stem.ends_with(['s', 'u', 'i']) && !stem.is_empty() => stem.to_owned(),
        _ => word.to_owned(),
    }
}

/// Returns a number as a word up to twelve, in digits from there.
pub fn number(count: usize) -> String {
    let word = NUMBERS.get(count);
    word.map_or_else(|| count.to_string(), |word| (*word).to_owned())
}

/// Returns a number of things: "no cars", "one car", "two people", "13 cars".
///
/// ```
/// use atom_models::english::counted;
///
/// assert_eq!([counted("person", 2), counted("person", 1)], ["two people", "one person"]);
/// ```
pub fn counted(noun: &str, count: usize) -> String {
    let noun = match count {
        1 if plural_only(last_word(noun).1).is_none() => {
            let (first, last) = last_word(noun);
            format!("{first}{}", spelled(last))
        }
        _ => plural(noun),
    };
    format!("{} {noun}", number(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn singulars_come_back_from_their_plurals() {
        for noun in [
            "car",
            "bus",
            "box",
            "couch",
            "dish",
            "baby",
            "toy",
            "man",
            "knife",
            "horse",
            "vase",
            "tomato",
            "shoe",
            "bench",
            "wine glass",
            "cell phone",
            "sheep",
            "person",
            "purse",
            "wave",
            "photo",
            "brush",
            "tie",
            "kite",
            "cake",
        ] {
            assert_eq!(singular(&plural(noun)), noun, "{}", plural(noun));
        }
    }

    /// Every thing among the concepts and object classes of the pack `mini`, once: the word, with its article, and its plural.
    fn forms_of_mini() -> String {
        let concepts = include_str!("../../packs/mini/trained/concepts.tsv");
        let classes = include_str!("../../packs/mini/vision/objects.tsv");
        let lines = concepts.lines().chain(classes.lines());
        let words = lines.filter_map(|line| line.split('\t').next());
        let mut forms = vec!["word\tone\tseveral".to_owned()];
        for word in words.filter(|word| is_thing(word)) {
            let form = format!("{word}\t{}\t{}", with_article(word), plural(word));
            if !forms.contains(&form) {
                forms.push(form);
            }
        }
        forms.join("\n") + "\n"
    }

    #[test]
    fn a_people_is_no_english_nor_any_other_word_of_the_pack() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/english/forms_of_mini.tsv");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(path, forms_of_mini()).unwrap();
        }
        let expected = std::fs::read_to_string(path).unwrap();
        for (found, expected) in forms_of_mini().lines().zip(expected.lines()) {
            assert_eq!(found, expected);
        }
        assert_eq!(forms_of_mini().lines().count(), expected.lines().count());
    }

    #[test]
    fn articles_and_numbers_fit_the_noun() {
        let articles = [
            "car", "apron", "uniform", "food", "jean", "tshirt", "sky", "umbrella",
        ];
        assert_eq!(
            articles.map(with_article),
            [
                "a car",
                "an apron",
                "a uniform",
                "food",
                "jeans",
                "a T-shirt",
                "the sky",
                "an umbrella"
            ]
        );
        assert_eq!(counted("scissor", 1), "one scissors");
        assert_eq!(counted("car", 0), "no cars");
        assert_eq!(counted("car", 13), "13 cars");
    }
}
