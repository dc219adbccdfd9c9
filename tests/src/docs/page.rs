//! The pages of the documentation and their code blocks.
//!
//! A block is known with its line, the words of the paragraph before it, and the comment that exempts it from tests.

use std::{
    fs,
    path::{Path, PathBuf},
};

use pulldown_cmark::{CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use walkdir::WalkDir;

use crate::program::workspace;

/// The comment that exempts the next block from tests; a reason follows.
const UNTESTED: &str = "<!-- untested:";
/// The words after which a file name says where a block is saved.
const SAVE_AS: &str = "Save this as ";

/// A page with its code blocks.
#[derive(Clone, Debug)]
pub struct Page {
    /// The path, relative to the workspace.
    pub path: String,
    /// The code blocks in order.
    pub blocks: Vec<CodeBlock>,
}

/// A code block of a page.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeBlock {
    /// The line on which the text of the block begins.
    pub line: usize,
    /// The first word after the fence; empty if there is none.
    pub language: String,
    /// The text.
    pub text: String,
    /// The name under which the block is saved.
    pub saved_as: Option<String>,
    /// The reason for which the block is not tested.
    pub untested: Option<String>,
    /// The heading of level 2 above the block.
    pub section: String,
}

impl Page {
    /// Reads a page of the workspace.
    ///
    /// # Panics
    /// The page cannot be read.
    pub fn read(path: &str) -> Self {
        let text = fs::read_to_string(workspace().join(path));
        Self::parse(path, &text.unwrap_or_else(|e| panic!("{path}: {e}")))
    }

    /// Parses a page.
    pub fn parse(path: &str, text: &str) -> Self {
        let mut parser = BlockParser::default();
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            parser.event(event, || text[..range.start].matches('\n').count() + 1);
        }
        Self {
            path: path.to_owned(),
            blocks: parser.blocks,
        }
    }
}

/// Returns the Markdown files in and below a folder of the workspace, relative to the workspace, in order.
///
/// # Panics
/// The folder cannot be read.
pub fn markdown_files(folder: &str) -> Vec<String> {
    let hidden = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str());
        name.is_some_and(|name| name.starts_with('.') && name != ".github" || name == "target")
    };
    let walk = WalkDir::new(workspace().join(folder)).sort_by_file_name();
    let entries = walk
        .into_iter()
        .filter_entry(|entry| entry.depth() == 0 || !hidden(entry.path()));
    let files = entries.map(|entry| entry.expect("the workspace can be read").into_path());
    files
        .filter(|file| file.extension().is_some_and(|extension| extension == "md"))
        .map(in_workspace)
        .collect()
}

fn in_workspace(path: PathBuf) -> String {
    let relative = path.strip_prefix(workspace()).unwrap_or(&path);
    relative.to_str().expect("paths are UTF-8").to_owned()
}

/// Collects the blocks of a page, with what stands before each.
#[derive(Default)]
struct BlockParser {
    blocks: Vec<CodeBlock>,
    paragraph: String,
    untested: Option<String>,
    section: String,
    open: bool,
}

impl BlockParser {
    fn event(&mut self, event: Event, line: impl Fn() -> usize) {
        match event {
            Event::Start(Tag::CodeBlock(kind)) => self.start_block(kind, line()),
            Event::End(TagEnd::CodeBlock) => self.open = false,
            Event::Text(text) if self.open => {
                let block = self.blocks.last_mut().expect("a block is open");
                block.text.push_str(&text);
            }
            Event::Start(Tag::Paragraph | Tag::Item | Tag::Heading { .. }) => {
                self.paragraph.clear();
                self.untested = None;
            }
            Event::End(TagEnd::Heading(HeadingLevel::H2)) => {
                self.section = self.paragraph.replace('`', "");
            }
            Event::Text(text) => self.paragraph.push_str(&text),
            Event::Code(code) => self.paragraph.push_str(&format!("`{code}`")),
            Event::SoftBreak => self.paragraph.push(' '),
            Event::Html(html) | Event::InlineHtml(html) => {
                if let Some((_, reason)) = html.split_once(UNTESTED) {
                    self.untested = Some(reason.trim().trim_end_matches("-->").trim().to_owned());
                }
            }
            _ => {}
        }
    }

    fn start_block(&mut self, kind: CodeBlockKind, line: usize) {
        let info = match &kind {
            CodeBlockKind::Fenced(info) => info.as_ref(),
            CodeBlockKind::Indented => "",
        };
        let fence = usize::from(matches!(kind, CodeBlockKind::Fenced(_)));
        self.blocks.push(CodeBlock {
            line: line + fence,
            language: info
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned(),
            text: String::new(),
            saved_as: saved_as(&self.paragraph),
            untested: self.untested.take(),
            section: self.section.clone(),
        });
        self.paragraph.clear();
        self.open = true;
    }
}

fn saved_as(paragraph: &str) -> Option<String> {
    let (_, rest) = paragraph.rsplit_once(SAVE_AS)?;
    let name = rest.strip_prefix('`')?.split('`').next()?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_known_with_what_stands_before_it() {
        let text = "## A `b`\n\nSave this as\n`a.toml`:\n\n```toml\nb = 1\n```\n\nText.\n\n<!-- untested: needs a camera -->\n```sh\nls\n```\n\n    plain\n";
        let [toml, sh, plain] = &Page::parse("a.md", text).blocks[..] else {
            panic!("three blocks");
        };
        assert_eq!((toml.line, toml.text.as_str()), (7, "b = 1\n"));
        assert_eq!(toml.section, "A b");
        assert_eq!(toml.saved_as.as_deref(), Some("a.toml"));
        assert_eq!((toml.untested.as_deref(), sh.line), (None, 14));
        assert_eq!(sh.untested.as_deref(), Some("needs a camera"));
        assert_eq!((plain.line, plain.language.as_str()), (17, ""));
        assert_eq!((&plain.saved_as, &plain.untested), (&None, &None));
    }
}
