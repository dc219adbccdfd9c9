//! Reduction of a generated text to its first sentence.

/// Returns the first sentence of a text, with a capital letter and a full stop.
pub fn first_sentence(text: &str) -> String {
    let line = text.trim().lines().next().unwrap_or("").trim();
    let end = line
        .match_indices(['.', '!', '?'])
        .map(|(at, mark)| at + mark.len())
        .find(|end| line[*end..].chars().next().is_none_or(char::is_whitespace));
    let sentence = end.map_or(line, |end| &line[..end]);
    let mut letters = sentence.chars();
    let Some(first) = letters.next() else {
        return String::new();
    };
    let stop = if sentence.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{stop}", first.to_uppercase(), letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_one_sentence_with_a_capital_and_a_full_stop() {
        assert_eq!(first_sentence("a dog runs. It is brown."), "A dog runs.");
        assert_eq!(first_sentence(" a 3.5 m wall\nmore"), "A 3.5 m wall.");
        assert_eq!(first_sentence(""), "");
        assert_eq!(first_sentence("éclair"), "Éclair.");
    }
}
