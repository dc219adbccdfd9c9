//! The links and the anchors of Markdown files.
//!
//! The anchor of a heading is what GitHub and mdBook make of it: lower case, without punctuation, with hyphens for
//! spaces, and with a number where the same heading comes again.

use std::collections::{BTreeMap, BTreeSet};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A link or an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The line of the page.
    pub line: usize,
    /// The target as it is written.
    pub target: String,
}

/// The links and anchors of a page.
#[derive(Clone, Debug, Default)]
pub struct PageLinks {
    /// The links in order.
    pub links: Vec<Link>,
    /// The anchors of the headings.
    pub anchors: BTreeSet<String>,
}

impl PageLinks {
    /// Parses a page.
    pub fn parse(text: &str) -> Self {
        let mut found = Self::default();
        let mut heading: Option<String> = None;
        let mut counts = BTreeMap::new();
        let options = Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            let line = text[..range.start].matches('\n').count() + 1;
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    found.links.push(Link {
                        line,
                        target: dest_url.into_string(),
                    });
                }
                Event::Html(html) | Event::InlineHtml(html) => found.links_of_html(&html, line),
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::End(TagEnd::Heading(_)) => {
                    let heading = heading.take().unwrap_or_default();
                    found
                        .anchors
                        .insert(numbered(anchor(&heading), &mut counts));
                }
                _ => {}
            }
        }
        found
    }

    fn links_of_html(&mut self, html: &str, line: usize) {
        for attribute in ["src=\"", "href=\"", "srcset=\""] {
            let targets = html.split(attribute).skip(1);
            let targets = targets.filter_map(|rest| rest.split('"').next());
            self.links.extend(targets.map(|target| Link {
                line,
                target: target.to_owned(),
            }));
        }
        for id in html.split("id=\"").skip(1) {
            self.anchors.extend(id.split('"').next().map(str::to_owned));
        }
    }
}

/// Returns the anchor of a heading that comes for the first time.
pub fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ => c.is_alphanumeric().then_some(c),
    });
    kept.flat_map(char::to_lowercase).collect()
}

fn numbered(anchor: String, counts: &mut BTreeMap<String, usize>) -> String {
    let count = counts.entry(anchor.clone()).or_default();
    *count += 1;
    match *count {
        1 => anchor,
        n => format!("{anchor}-{}", n - 1),
    }
}

/// Returns true if a target is outside the repository.
pub fn is_outside(target: &str) -> bool {
    ["http://", "https://", "mailto:"]
        .iter()
        .any(|scheme| target.starts_with(scheme))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_images_and_anchors_are_found() {
        let text = "# What it `can't` do: 2_x?\n\n[a](b.md#c) ![d](e.svg)\n\n<img src=\"f.png\">\n\n## A\n\n## A\n\n```text\n[no](link)\n```\n";
        let page = PageLinks::parse(text);
        let targets: Vec<_> = page.links.iter().map(|link| link.target.as_str()).collect();
        assert_eq!(targets, ["b.md#c", "e.svg", "f.png"]);
        assert_eq!(page.links[0].line, 3);
        let anchors: Vec<_> = page.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["a", "a-1", "what-it-cant-do-2_x"]);
        assert!(is_outside("https://a.b") && !is_outside("a.md"));
    }
}
