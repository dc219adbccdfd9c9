//! Divides the text at the end of a command's help into sections of a manual page.
//!
//! A line that ends with a colon, stands alone and is followed by indented lines is a heading; indented lines are shown as they
//! are; all others are paragraphs. What comes before the first heading, or after the lines of one, is a section of notes.

/// A section of a manual page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HelpSection {
    /// The title in capitals.
    pub(super) title: String,
    /// The contents in order.
    pub(super) blocks: Vec<HelpBlock>,
}

/// A part of a section.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HelpBlock {
    /// Text that may be wrapped.
    Paragraph(String),
    /// Lines that are shown as they are, without their indentation.
    Literal(Vec<String>),
}

/// The title of text without a heading.
const NOTES: &str = "NOTES";

/// Returns the sections of a help text; notes come last.
pub(super) fn help_sections(help: &str) -> Vec<HelpSection> {
    let (mut sections, mut notes) = (Vec::new(), Vec::new());
    for paragraph in help.split("\n\n") {
        let lines: Vec<&str> = paragraph.lines().filter(|l| !l.is_empty()).collect();
        match lines.split_first() {
            Some((heading, rest)) if is_heading(heading, rest) => sections.push(HelpSection {
                title: title(heading),
                blocks: blocks(rest),
            }),
            _ => notes.extend(blocks(&lines)),
        }
    }
    if !notes.is_empty() {
        sections.push(HelpSection {
            title: NOTES.to_owned(),
            blocks: notes,
        });
    }
    sections
}

fn is_heading(line: &str, rest: &[&str]) -> bool {
    let short = line.split(' ').count() <= 2;
    let indented = rest.iter().all(|line| line.starts_with(' '));
    line.ends_with(':') && !line.starts_with(' ') && short && !rest.is_empty() && indented
}

/// Returns a heading as a title; one example has the title of several.
fn title(heading: &str) -> String {
    match heading.trim_end_matches(':') {
        "Example" => "EXAMPLES".to_owned(),
        other => other.to_uppercase(),
    }
}

fn blocks(lines: &[&str]) -> Vec<HelpBlock> {
    let mut blocks = Vec::new();
    for line in lines {
        let literal = line.strip_prefix("  ");
        match (literal, blocks.last_mut()) {
            (Some(line), Some(HelpBlock::Literal(lines))) => lines.push(line.to_owned()),
            (Some(line), _) => blocks.push(HelpBlock::Literal(vec![line.to_owned()])),
            (None, Some(HelpBlock::Paragraph(text))) => {
                text.push(' ');
                text.push_str(line);
            }
            (None, _) => blocks.push(HelpBlock::Paragraph((*line).to_owned())),
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paragraph(text: &str) -> HelpBlock {
        HelpBlock::Paragraph(text.to_owned())
    }

    fn literal(lines: &[&str]) -> HelpBlock {
        HelpBlock::Literal(lines.iter().map(|line| (*line).to_owned()).collect())
    }

    #[test]
    fn headings_become_sections_and_other_text_becomes_notes() {
        let help = "A note\nof two lines.\n\nExamples:\n  atom index a\n    b\n\nDIR holds:\n  [1]\n\nA list of files is:\n  x";
        let sections = help_sections(help);
        let found: Vec<_> = sections.iter().map(|s| s.title.as_str()).collect();
        assert_eq!(found, ["EXAMPLES", "DIR HOLDS", "NOTES"]);
        assert_eq!(sections[0].blocks, [literal(&["atom index a", "  b"])]);
        assert_eq!(
            sections[2].blocks,
            [
                paragraph("A note of two lines."),
                paragraph("A list of files is:"),
                literal(&["x"])
            ]
        );
    }

    #[test]
    fn one_example_has_the_title_of_several() {
        assert_eq!(help_sections("Example:\n  atom x")[0].title, "EXAMPLES");
        assert_eq!(help_sections("").len(), 0);
    }
}
