//! Right-to-left names in lines that are read from left to right.

/// Wraps a right-to-left text in isolate characters, which take no columns, so that it does not reverse the line around
/// it.
pub fn isolated(text: String) -> String {
    match text.chars().any(is_right_to_left) {
        true => format!("\u{2068}{text}\u{2069}"),
        false => text,
    }
}

/// Returns true for Hebrew, Arabic and related scripts.
fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefe}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}
