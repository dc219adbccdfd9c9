//! Draws a plan as a diagram in the languages of Mermaid and Graphviz.
//!
//! A diagram shows what is shared: merged nodes list all their origins, and the vision encoder and the decoder, of which
//! there is one for all nodes, have boxes of their own.

use std::{collections::BTreeMap, fmt::Write};

use atom_operators::{node::NodeKind, printable::printable};

use crate::{
    plan::{Input, Plan, PlannedNode},
    uri::redacted,
};

const VISION: &str = "vision encoder (one, shared)";
const DECODER: &str = "decoder (one, shared)";

/// Returns the plan as a Mermaid flowchart.
pub fn mermaid(plan: &Plan) -> String {
    let diagram = Diagram::new(plan);
    let mut text = String::from("flowchart LR\n");
    let vision = format!("subgraph vision[\"{VISION}\"]");
    diagram.push_shapes(&mut text, (&vision, "end"), |shape| {
        let (open, close) = match shape.role {
            Role::Source => ("([", "])"),
            Role::Node | Role::Encoder => ("[", "]"),
            Role::Sink => ("[/", "/]"),
        };
        let label = label(&shape.lines, "<br/>", mermaid_escaped);
        format!("{}{open}\"{label}\"{close}", shape.id)
    });
    if !diagram.decoder_users.is_empty() {
        push_line(&mut text, &format!("decoder[[\"{DECODER}\"]]"));
    }
    for (from, to) in &diagram.edges {
        push_line(&mut text, &format!("{from} --> {to}"));
    }
    for node in &diagram.decoder_users {
        push_line(&mut text, &format!("{node} <-.-> decoder"));
    }
    text
}

/// Returns the plan as a Graphviz digraph.
pub fn dot(plan: &Plan) -> String {
    let diagram = Diagram::new(plan);
    let mut text = format!("digraph \"{}\" {{\n", dot_escaped(&plan.name));
    push_line(&mut text, "rankdir=LR;");
    let vision = format!("subgraph cluster_vision {{ label=\"{VISION}\";");
    diagram.push_shapes(&mut text, (&vision, "}"), |shape| {
        let outline = match shape.role {
            Role::Source => "ellipse",
            Role::Node | Role::Encoder => "box",
            Role::Sink => "note",
        };
        let label = label(&shape.lines, "\\n", dot_escaped);
        format!("{} [shape={outline}, label=\"{label}\"];", shape.id)
    });
    if !diagram.decoder_users.is_empty() {
        push_line(
            &mut text,
            &format!("decoder [shape=box3d, label=\"{DECODER}\"];"),
        );
    }
    for (from, to) in &diagram.edges {
        push_line(&mut text, &format!("{from} -> {to};"));
    }
    for node in &diagram.decoder_users {
        push_line(
            &mut text,
            &format!("{node} -> decoder [dir=both, style=dashed];"),
        );
    }
    text.push_str("}\n");
    text
}

/// The shapes and edges of a plan, independent of the output language.
struct Diagram {
    shapes: Vec<Shape>,
    edges: Vec<(String, String)>,
    /// The ids of the nodes that use the decoder.
    decoder_users: Vec<String>,
}

/// One labelled shape.
struct Shape {
    id: String,
    role: Role,
    lines: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    Source,
    Node,
    /// An encode node, which uses the shared vision encoder.
    Encoder,
    Sink,
}

impl Diagram {
    fn new(plan: &Plan) -> Self {
        let mut diagram = Self {
            shapes: Vec::new(),
            edges: Vec::new(),
            decoder_users: Vec::new(),
        };
        diagram.add_sources(plan);
        for (index, node) in plan.nodes.iter().enumerate() {
            diagram.add_node(&format!("node{index}"), node);
        }
        diagram.add_sinks(plan);
        diagram
    }

    /// Appends all shapes; the encode nodes come last, as a group between an opening and a closing line.
    fn push_shapes(
        &self,
        text: &mut String,
        (open, close): (&str, &str),
        draw: impl Fn(&Shape) -> String,
    ) {
        let (encoders, others): (Vec<&Shape>, Vec<&Shape>) = self
            .shapes
            .iter()
            .partition(|shape| shape.role == Role::Encoder);
        for shape in others {
            push_line(text, &draw(shape));
        }
        if !encoders.is_empty() {
            push_line(text, open);
            for shape in encoders {
                push_line(text, &format!("  {}", draw(shape)));
            }
            push_line(text, close);
        }
    }

    fn add_shape(&mut self, id: &str, role: Role, lines: Vec<String>) {
        self.shapes.push(Shape {
            id: id.to_owned(),
            role,
            lines,
        });
    }

    fn add_sources(&mut self, plan: &Plan) {
        for (index, source) in plan.sources.iter().enumerate() {
            let mut lines = vec![source.name.clone(), redacted(&source.uri)];
            if !source.aliases.is_empty() {
                lines.push(format!("also {}", source.aliases.join(", ")));
            }
            self.add_shape(&format!("source{index}"), Role::Source, lines);
        }
    }

    fn add_node(&mut self, id: &str, node: &PlannedNode) {
        let role = match node.kind {
            NodeKind::Encode(_) => Role::Encoder,
            _ => Role::Node,
        };
        if matches!(
            node.kind,
            NodeKind::Caption(_) | NodeKind::Reason(_) | NodeKind::Summary(_)
        ) {
            self.decoder_users.push(id.to_owned());
        }
        for input in &node.inputs {
            let from = match input {
                Input::Source(index) => format!("source{index}"),
                Input::Node(index) => format!("node{index}"),
            };
            self.edges.push((from, id.to_owned()));
        }
        self.add_shape(id, role, node_label(node));
    }

    fn add_sinks(&mut self, plan: &Plan) {
        for (index, sink) in plan.sinks.iter().enumerate() {
            let id = format!("sink{index}");
            for input in &sink.inputs {
                self.edges.push((format!("node{}", input.node), id.clone()));
            }
            let path = sink.kind.path().display();
            let lines = vec![
                format!("{} ({})", sink.name, sink.kind.name()),
                path.to_string(),
            ];
            self.add_shape(&id, Role::Sink, lines);
        }
    }
}

/// Returns the lines of a node's label: its name, kind, settings and, if it was merged, its origins.
fn node_label(node: &PlannedNode) -> Vec<String> {
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

fn push_line(text: &mut String, line: &str) {
    writeln!(text, "  {line}").expect("writing to a String cannot fail");
}

fn label(lines: &[String], separator: &str, escape: fn(&str) -> String) -> String {
    let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
    lines.join(separator)
}

/// Escapes text for a quoted Mermaid label, which supports only Mermaid's own entities.
fn mermaid_escaped(text: &str) -> String {
    let mut escaped = String::new();
    for letter in printable(text).chars() {
        match letter {
            '"' | '#' | '&' | '<' | '>' | '`' | '\\' | ';' => {
                write!(escaped, "#{};", u32::from(letter))
                    .expect("writing to a String cannot fail");
            }
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// Escapes text for a quoted Graphviz string.
fn dot_escaped(text: &str) -> String {
    printable(text).replace('\\', "\\\\").replace('"', "\\\"")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{PipelineFile, built_in_pipelines, parse, plan};

    fn branches(path: &str, ask: &str) -> PipelineFile {
        let text = built_in_pipelines::text("three-branches").unwrap();
        let text = text.replace("[source.video]", "[source.video]\nuri = \"test://ball\"");
        parse(
            Path::new(path),
            &text.replace("What is in the foreground?", ask),
        )
        .unwrap()
    }

    #[test]
    fn both_languages_show_all_items_and_the_shared_modules() {
        let plan = plan(&[branches("a.toml", "Who?")]);
        for diagram in [mermaid(&plan), dot(&plan)] {
            for part in [
                "video",
                "test://ball",
                "frames (sample)",
                "fps = 2.0",
                "lines (jsonl)",
                VISION,
                DECODER,
            ] {
                assert!(diagram.contains(part), "{part} not in\n{diagram}");
            }
        }
        assert!(mermaid(&plan).contains("node3 <-.-> decoder\n  node4 <-.-> decoder"));
        assert!(dot(&plan).contains("node4 -> sink0;"));
    }

    #[test]
    fn both_languages_list_all_origins_of_a_merged_node() {
        let plan = plan(&[branches("a.toml", "Who?"), branches("b.toml", "What?")]);
        for diagram in [mermaid(&plan), dot(&plan)] {
            assert!(
                diagram.contains("merged from a.toml:frames, b.toml:frames"),
                "{diagram}"
            );
            assert!(!diagram.contains("a.toml:person"), "{diagram}");
            assert_eq!(diagram.matches(VISION).count(), 1);
            assert_eq!(diagram.matches(DECODER).count(), 1);
        }
    }

    #[test]
    fn user_text_is_escaped_in_both_languages() {
        let plan = plan(&[branches(
            "a.toml",
            "Is \\\"x\\\" <b>#1</b> & \\\\ there?\\n",
        )]);
        let line = |diagram: String| {
            diagram
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
    fn several_encode_nodes_are_drawn_in_one_box() {
        let plan = plan(&[branches("a.toml", "Who?"), {
            let mut other = branches("b.toml", "Who?");
            other.sources[0].uri = Some("test://bars".to_owned());
            other
        }]);
        let diagram = mermaid(&plan);
        assert_eq!(diagram.matches("(encode)").count(), 2, "{diagram}");
        assert_eq!(diagram.matches(VISION).count(), 1, "{diagram}");
        assert_eq!(dot(&plan).matches(VISION).count(), 1);
    }
}
