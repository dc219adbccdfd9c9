//! Sentences as the measures see them: lower-case words, and runs of up to four of them.

use std::collections::BTreeMap;

/// The longest run of words that is compared.
pub const LONGEST: usize = 4;

/// The words of a sentence, in lower case: runs of `a` to `z`, digits and apostrophes. All else only parts them.
pub fn words(text: &str) -> Vec<String> {
    let inside = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '\'';
    text.to_lowercase()
        .split(|c| !inside(c))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

/// How often each run of words is in a sentence, by the length of the run minus one. Sorted, so that sums over them are
/// the same at each run of the program.
pub type Grams = [BTreeMap<String, usize>; LONGEST];

/// The runs of one to four words of a sentence.
pub fn grams(words: &[String]) -> Grams {
    let mut grams = Grams::default();
    for (at, counts) in grams.iter_mut().enumerate() {
        for run in words.windows(at + 1) {
            *counts.entry(run.join(" ")).or_default() += 1;
        }
    }
    grams
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_lower_case_letters_digits_and_apostrophes() {
        assert_eq!(
            words("A man's T-shirt: 2 dogs, caf\u{e9}!"),
            ["a", "man's", "t", "shirt", "2", "dogs", "caf"]
        );
        assert_eq!(words(" ... "), [] as [&str; 0]);
    }

    #[test]
    fn counts_runs_of_each_length() {
        let [one, two, three, four] = grams(&words("the dog the dog runs"));
        assert_eq!((one["the"], one["runs"]), (2, 1));
        assert_eq!((two["the dog"], two["dog the"]), (2, 1));
        assert_eq!((three.len(), four.len()), (3, 2));
    }
}
