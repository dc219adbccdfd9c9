//! Suggests the word that the user probably meant, for hints.

use strsim::osa_distance;

/// Returns a hint for an unknown `word`: the nearest of `known`, or all of them.
pub(crate) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(word, &known) {
        Some(near) => format!("did you mean {near:?}?"),
        None if known.is_empty() => "none are available".to_owned(),
        None => format!("available: {}", quoted(known)),
    }
}

/// Returns the words in quotes, separated by commas.
pub(crate) fn quoted<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("{word:?}")).collect();
    words.join(", ")
}

/// Returns the nearest of `known` if at most a third of the letters of `word` are mistyped. Ignores case.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let allowed = (word.chars().count() / 3).max(1);
    let word = word.to_lowercase();
    known
        .iter()
        .map(|other| (osa_distance(&word, &other.to_lowercase()), *other))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, other)| other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_the_word_one_typing_error_away() {
        for typo in ["lenght_ms", "length_m", "lengthms", "Length_ms"] {
            let hint = did_you_mean(typo, ["shortest_ms", "length_ms"]);
            assert_eq!(hint, "did you mean \"length_ms\"?", "{typo}");
        }
    }

    #[test]
    fn lists_all_words_when_none_is_near() {
        assert_eq!(
            did_you_mean("speed", ["fps", "change"]),
            "available: \"fps\", \"change\""
        );
    }
}
