//! Texts with random edits: parts are removed, repeated elsewhere or replaced, and fragments are put in.

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
};

#[derive(Clone, Debug)]
enum Edit {
    Remove(Index, usize),
    Repeat(Index, usize, Index),
    Insert(Index, String),
}

/// Returns texts that are one of these with a few edits; `fragments` are put in, beside any characters.
pub fn edited(
    texts: Vec<String>,
    fragments: &'static [&'static str],
) -> impl Strategy<Value = String> {
    (select(texts), vec(edit(fragments), 0..6)).prop_map(|(text, edits)| {
        let mut text: Vec<char> = text.chars().collect();
        for edit in edits {
            apply(&edit, &mut text);
        }
        text.into_iter().collect()
    })
}

/// Returns any short text, made of fragments and any characters.
pub fn any_text(fragments: &'static [&'static str]) -> impl Strategy<Value = String> {
    let part = prop_oneof![select(fragments).prop_map(str::to_owned), characters()];
    vec(part, 0..12).prop_map(|parts| parts.concat())
}

fn characters() -> impl Strategy<Value = String> {
    let any_of_unicode = any::<char>();
    let usual = prop_oneof![prop::char::range(' ', '~'), Just('\n'), any_of_unicode];
    vec(usual, 1..6).prop_map(|characters| characters.into_iter().collect())
}

fn edit(fragments: &'static [&'static str]) -> impl Strategy<Value = Edit> {
    let place = any::<Index>;
    let text = prop_oneof![select(fragments).prop_map(str::to_owned), characters()];
    prop_oneof![
        (place(), 1usize..30).prop_map(|(at, length)| Edit::Remove(at, length)),
        (place(), 1usize..60, place())
            .prop_map(|(from, length, to)| Edit::Repeat(from, length, to)),
        (place(), text).prop_map(|(at, text)| Edit::Insert(at, text)),
    ]
}

fn apply(edit: &Edit, text: &mut Vec<char>) {
    let place = |at: &Index| at.index(text.len() + 1);
    match edit {
        Edit::Remove(at, length) => {
            let from = place(at);
            text.drain(from..(from + length).min(text.len()));
        }
        Edit::Repeat(from, length, to) => {
            let (from, to) = (place(from), place(to));
            let part = text[from..(from + length).min(text.len())].to_vec();
            text.splice(to..to, part);
        }
        Edit::Insert(at, new) => {
            let at = place(at);
            text.splice(at..at, new.chars());
        }
    }
}
