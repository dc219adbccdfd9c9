//! Draws a plan as text, for Mermaid and for Graphviz.
//!
//! The picture shows what is shared: merged nodes list all their origins, and the vision encoder and the decoder,
//! which exist once however many nodes use them, are boxes of their own.

use std::{collections::BTreeMap, fmt::Write};

use atom_operators::node::NodeKind;

use crate::{
    plan::{Input, Plan, PlannedNode},
    uri::shown,
};

const VISION: &str = "vision encoder (one, shared)";
const DECODER: &str = "decoder (one, shared)";

/// The plan as a Mermaid flowchart.
pub fn mermaid(plan: &Plan) -> String {
    let drawing = Drawing::of(plan);
    let mut text = String::from("flowchart LR\n");
    let vision = format!("subgraph vision[\"{VISION}\"]");
    drawing.boxes(&mut text, &vision, "end", |part| {
        let (open, close) = match part.shape {
            Shape::Source => ("([", "])"),
            Shape::Node | Shape::Encode => ("[", "]"),
            Shape::Sink => ("[/", "/]"),
        };
        let label = label(&part.lines, "<br/>", mermaid_escaped);
        format!("{}{open}\"{label}\"{close}", part.id)
    });
    if !drawing.decoding.is_empty() {
        line(&mut text, &format!("decoder[[\"{DECODER}\"]]"));
    }
    for (from, to) in &drawing.edges {
        line(&mut text, &format!("{from} --> {to}"));
    }
    for node in &drawing.decoding {
        line(&mut text, &format!("{node} <-.-> decoder"));
    }
    text
}

/// The plan as a Graphviz digraph.
pub fn dot(plan: &Plan) -> String {
    let drawing = Drawing::of(plan);
    let mut text = format!("digraph \"{}\" {{\n", dot_escaped(&plan.name));
    line(&mut text, "rankdir=LR;");
    let vision = format!("subgraph cluster_vision {{ label=\"{VISION}\";");
    drawing.boxes(&mut text, &vision, "}", |part| {
        let shape = match part.shape {
            Shape::Source => "ellipse",
            Shape::Node | Shape::Encode => "box",
            Shape::Sink => "note",
        };
        let label = label(&part.lines, "\\n", dot_escaped);
        format!("{} [shape={shape}, label=\"{label}\"];", part.id)
    });
    if !drawing.decoding.is_empty() {
        line(
            &mut text,
            &format!("decoder [shape=box3d, label=\"{DECODER}\"];"),
        );
    }
    for (from, to) in &drawing.edges {
        line(&mut text, &format!("{from} -> {to};"));
    }
    for node in &drawing.decoding {
        line(
            &mut text,
            &format!("{node} -> decoder [dir=both, style=dashed];"),
        );
    }
    text.push_str("}\n");
    text
}

/// A plan as parts and edges, before it is written in one of the two languages.
struct Drawing {
    parts: Vec<Part>,
    edges: Vec<(String, String)>,
    /// The nodes that use the decoder.
    decoding: Vec<String>,
}

struct Part {
    id: String,
    shape: Shape,
    lines: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Source,
    Node,
    Encode,
    Sink,
}

impl Drawing {
    fn of(plan: &Plan) -> Self {
        let mut drawing = Self {
            parts: Vec::new(),
            edges: Vec::new(),
            decoding: Vec::new(),
        };
        drawing.sources(plan);
        for (place, node) in plan.nodes.iter().enumerate() {
            drawing.node(&format!("node{place}"), node);
        }
        drawing.sinks(plan);
        drawing
    }

    /// Writes all parts, those of the vision encoder together between `open` and `close`.
    fn boxes(&self, text: &mut String, open: &str, close: &str, drawn: impl Fn(&Part) -> String) {
        let (shared, own): (Vec<&Part>, Vec<&Part>) = self
            .parts
            .iter()
            .partition(|part| part.shape == Shape::Encode);
        for part in own {
            line(text, &drawn(part));
        }
        if !shared.is_empty() {
            line(text, open);
            for part in shared {
                line(text, &format!("  {}", drawn(part)));
            }
            line(text, close);
        }
    }

    fn part(&mut self, id: &str, shape: Shape, lines: Vec<String>) {
        self.parts.push(Part {
            id: id.to_owned(),
            shape,
            lines,
        });
    }

    fn sources(&mut self, plan: &Plan) {
        for (place, source) in plan.sources.iter().enumerate() {
            let mut lines = vec![source.name.clone(), shown(&source.uri)];
            if !source.aliases.is_empty() {
                lines.push(format!("also {}", source.aliases.join(", ")));
            }
            self.part(&format!("source{place}"), Shape::Source, lines);
        }
    }

    fn node(&mut self, id: &str, node: &PlannedNode) {
        let shape = match node.kind {
            NodeKind::Encode(_) => Shape::Encode,
            _ => Shape::Node,
        };
        let decoded = matches!(
            node.kind,
            NodeKind::Caption(_) | NodeKind::Reason(_) | NodeKind::Summary(_)
        );
        if decoded {
            self.decoding.push(id.to_owned());
        }
        for input in &node.inputs {
            let from = match input {
                Input::Source(place) => format!("source{place}"),
                Input::Node(place) => format!("node{place}"),
            };
            self.edges.push((from, id.to_owned()));
        }
        self.part(id, shape, described(node));
    }

    fn sinks(&mut self, plan: &Plan) {
        for (place, sink) in plan.sinks.iter().enumerate() {
            let id = format!("sink{place}");
            for input in &sink.inputs {
                self.edges.push((format!("node{}", input.node), id.clone()));
            }
            let path = sink.kind.path().display();
            let lines = vec![
                format!("{} ({})", sink.name, sink.kind.name()),
                path.to_string(),
            ];
            self.part(&id, Shape::Sink, lines);
        }
    }
}

/// Name, kind, settings, and where a merged node comes from.
fn described(node: &PlannedNode) -> Vec<String> {
    let mut lines = vec![format!("{} ({})", node.name, node.kind.name())];
    let settings: BTreeMap<String, toml::Value> = toml::Table::try_from(&node.kind)
        .into_iter()
        .flatten()
        .collect();
    let settings = settings.iter().filter(|(key, _)| *key != "kind");
    lines.extend(settings.map(|(key, value)| format!("{key} = {value}")));
    if node.origins.len() > 1 {
        lines.push(format!("merged from {}", node.origins.join(", ")));
    }
    lines
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "  {line}").expect("a String takes all text");
}

fn label(lines: &[String], between: &str, escaped: fn(&str) -> String) -> String {
    let lines: Vec<String> = lines.iter().map(|line| escaped(line)).collect();
    lines.join(between)
}

/// Text inside the quotes of a Mermaid label, where only entities of its own kind are safe.
fn mermaid_escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' => {
                write!(safe, "#{};", u32::from(letter)).expect("a String takes all text");
            }
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
}

/// Text inside the quotes of Graphviz.
fn dot_escaped(text: &str) -> String {
    let plain = text.replace('\\', "\\\\").replace('"', "\\\"");
    plain.replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{PipelineFile, library, parse, plan};

    fn branches(path: &str, ask: &str) -> PipelineFile {
        let text = library::text("three-branches").unwrap();
        let text = text.replace("[source.video]", "[source.video]\nuri = \"test://ball\"");
        parse(Path::new(path), &text.replace("What can be seen?", ask)).unwrap()
    }

    #[test]
    fn both_drawings_show_all_parts_and_the_shared_modules() {
        let plan = plan(&[branches("a.toml", "Who?")]);
        for drawing in [mermaid(&plan), dot(&plan)] {
            for part in [
                "video",
                "test://ball",
                "frames (sample)",
                "fps = 2.0",
                "lines (jsonl)",
                VISION,
                DECODER,
            ] {
                assert!(drawing.contains(part), "{part} not in\n{drawing}");
            }
        }
        assert!(mermaid(&plan).contains("node3 <-.-> decoder\n  node4 <-.-> decoder"));
        assert!(dot(&plan).contains("node4 -> sink0;"));
    }

    #[test]
    fn both_drawings_name_all_origins_of_a_merged_node() {
        let plan = plan(&[branches("a.toml", "Who?"), branches("b.toml", "What?")]);
        for drawing in [mermaid(&plan), dot(&plan)] {
            assert!(
                drawing.contains("merged from a.toml:frames, b.toml:frames"),
                "{drawing}"
            );
            assert!(!drawing.contains("a.toml:person"), "{drawing}");
            assert_eq!(drawing.matches(VISION).count(), 1);
            assert_eq!(drawing.matches(DECODER).count(), 1);
        }
    }

    #[test]
    fn text_of_the_user_cannot_break_a_drawing() {
        let plan = plan(&[branches(
            "a.toml",
            "Is \\\"x\\\" <b>#1</b> & \\\\ there?\\n",
        )]);
        let line = |drawing: String| {
            drawing
                .lines()
                .find(|line| line.contains("ask"))
                .unwrap()
                .to_owned()
        };
        let (mermaid, dot) = (line(mermaid(&plan)), line(dot(&plan)));
        let quotes = |text: &str| text.matches('"').count();
        assert_eq!(quotes(&mermaid), 2, "{mermaid}");
        assert!(mermaid.contains("#60;b#62;#35;1"), "{mermaid}");
        assert_eq!(
            quotes(&dot.replace("\\\\", "").replace("\\\"", "")),
            2,
            "{dot}"
        );
    }

    #[test]
    fn several_encoders_are_drawn_in_one_box() {
        let plan = plan(&[branches("a.toml", "Who?"), {
            let mut other = branches("b.toml", "Who?");
            other.sources[0].uri = Some("test://bars".to_owned());
            other
        }]);
        let drawing = mermaid(&plan);
        assert_eq!(drawing.matches("(encode)").count(), 2, "{drawing}");
        assert_eq!(drawing.matches(VISION).count(), 1, "{drawing}");
        assert_eq!(dot(&plan).matches(VISION).count(), 1);
    }
}
