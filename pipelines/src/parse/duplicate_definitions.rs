//! Finds the first definition of a table or key that is defined twice, so that an error can name both lines.
//!
//! TOML parsers only report the second one. The text is valid up to there, so lines can be compared.

/// Returns the number of an earlier line that defines the same table, or the same key in the same table, as a line; lines are
/// counted from 1. `None` if the line defines nothing for a second time.
pub(super) fn first_definition(text: &str, line: usize) -> Option<usize> {
    let definitions: Vec<Definition<'_>> = definitions(text, line).collect();
    let (last, earlier) = definitions.split_last()?;
    let found = earlier.iter().find(|other| other.same_as(last))?;
    (last.line == line).then_some(found.line)
}

/// Returns the table or key that a line defines, as messages show it.
pub(super) fn what_is_defined(text: &str, line: usize) -> String {
    match definitions(text, line).last() {
        Some(Definition {
            table, key: None, ..
        }) => format!("[{table}]"),
        Some(Definition {
            key: Some(key),
            table: "",
            ..
        }) => format!("the key {key:?}"),
        Some(Definition {
            key: Some(key),
            table,
            ..
        }) => format!("the key {key:?} of [{table}]"),
        None => "this".to_owned(),
    }
}

/// A line that defines a table or a key.
struct Definition<'t> {
    line: usize,
    table: &'t str,
    key: Option<&'t str>,
    /// The number of tables before it, which distinguishes elements of lists of tables.
    section: usize,
}

impl Definition<'_> {
    fn same_as(&self, other: &Self) -> bool {
        let same_section = self.key.is_none() || self.section == other.section;
        self.table == other.table && self.key == other.key && same_section
    }
}

/// Returns the definitions of the first lines of a text.
fn definitions(text: &str, lines: usize) -> impl Iterator<Item = Definition<'_>> {
    let (mut table, mut section) = ("", 0);
    let numbered = text.lines().take(lines).enumerate();
    numbered.filter_map(move |(at, line)| {
        let line_number = at + 1;
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            (table, section) = (header.0.trim(), section + 1);
            return Some(Definition {
                line: line_number,
                table,
                key: None,
                section,
            });
        }
        let (key, _) = line.split_once('=').filter(|_| !line.starts_with('#'))?;
        let key = Some(key.trim().trim_matches(['"', '\'']));
        Some(Definition {
            line: line_number,
            table,
            key,
            section,
        })
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::parse;

    #[test]
    fn a_table_that_is_defined_twice_is_reported_with_both_lines() {
        let text = "[source.a]\nuri = \"x\"\n\n[ source.a ]\nuri = \"y\"\n";
        let problems = parse(Path::new("p.toml"), text).unwrap_err().to_string();
        let expected =
            "p.toml:4: invalid TOML: duplicate key: [source.a] is defined here and on line 1";
        assert!(problems.starts_with(expected), "{problems}");
        assert_eq!(problems.lines().count(), 2, "{problems}");
    }

    #[test]
    fn a_key_that_is_given_twice_is_reported_with_both_lines() {
        let text = "pack = \"a\"\n[source.a]\nuri = \"x\"\n[source.b]\nuri = \"x\"\nuri = \"y\"\n";
        let problems = parse(Path::new("p.toml"), text).unwrap_err().to_string();
        let expected = "p.toml:6: invalid TOML: duplicate key: the key \"uri\" of [source.b] is defined here and on line 5";
        assert!(problems.starts_with(expected), "{problems}");
        let top = parse(Path::new("p.toml"), "pack = \"a\"\npack = \"b\"\n").unwrap_err();
        let expected =
            "p.toml:2: invalid TOML: duplicate key: the key \"pack\" is defined here and on line 1";
        assert!(top.to_string().starts_with(expected), "{top}");
    }
}
