//! Checks the inputs of nodes and sinks: each must exist, appear once, and send a stream that the consumer accepts.

use std::collections::VecDeque;

use atom_operators::node::StreamKind;

use crate::{
    kind_schema,
    pipeline_file::{InputSpec, Item, PipelineFile},
    problem::Problem,
    suggestion::{did_you_mean, quoted},
};

use super::cycles;

/// The name of a kind and the streams that it accepts.
type AcceptedStreams = (&'static str, &'static [StreamKind]);

/// A node or sink with its inputs.
struct Consumer<'f> {
    /// The item as messages show it, such as `node "captions"`.
    label: String,
    name: &'f str,
    /// Absent if the kind could not be parsed.
    kind: Option<AcceptedStreams>,
    inputs: &'f [InputSpec],
    line: usize,
    inputs_valid: bool,
}

/// The item that an input names.
enum Producer {
    Sends(StreamKind),
    /// A node whose kind could not be parsed.
    Unparsed,
    Sink,
    Unknown,
}

pub(super) fn check(file: &PipelineFile, problems: &mut Vec<Problem>) {
    let cyclic = cycles::edges(file);
    for consumer in consumers(file) {
        if consumer.inputs.is_empty() && consumer.inputs_valid {
            let message = format!("{} has no inputs", consumer.label);
            let problem = Problem::new(&file.path, consumer.line, message);
            problems.push(problem.with_hint(accepted_inputs(&consumer)));
        }
        for (position, input) in consumer.inputs.iter().enumerate() {
            let duplicate = consumer.inputs[..position]
                .iter()
                .any(|other| other.name == input.name);
            let problem = match duplicate {
                true => Some(duplicate_input(&consumer, input)),
                false if cyclic.contains(&(input.name.as_str(), consumer.name)) => None,
                false => wrong_input(file, &consumer, input),
            };
            problems.extend(problem.map(|(message, hint)| {
                Problem::new(&file.path, input.line, message).with_hint(hint)
            }));
        }
    }
}

fn consumers(file: &PipelineFile) -> Vec<Consumer<'_>> {
    fn consumer<'f, K>(
        section: &str,
        item: &'f Item<K>,
        kind: Option<AcceptedStreams>,
    ) -> Consumer<'f> {
        Consumer {
            label: format!("{section} {:?}", item.name),
            name: &item.name,
            kind,
            inputs: &item.inputs,
            line: item.line_of("inputs"),
            inputs_valid: item.inputs_valid,
        }
    }
    let nodes = file.nodes.iter().map(|node| {
        let kind = (node.kind.name(), node.kind.inputs());
        consumer("node", node, Some(kind))
    });
    let sinks = file.sinks.iter().map(|sink| {
        let kind = (sink.kind.name(), sink.kind.inputs());
        consumer("sink", sink, Some(kind))
    });
    let unparsed_nodes = file.unparsed_nodes.iter();
    let unparsed_sinks = file.unparsed_sinks.iter();
    nodes
        .chain(sinks)
        .chain(unparsed_nodes.map(|node| consumer("node", node, None)))
        .chain(unparsed_sinks.map(|sink| consumer("sink", sink, None)))
        .collect()
}

fn producer(file: &PipelineFile, name: &str) -> Producer {
    if let Some(node) = file.node(name) {
        return Producer::Sends(node.kind.output());
    }
    if file.source(name).is_some() {
        return Producer::Sends(StreamKind::Frames);
    }
    if file.unparsed_nodes.iter().any(|node| node.name == name) {
        return Producer::Unparsed;
    }
    let mut sinks = file.sinks.iter().map(|sink| &sink.name);
    let mut unparsed = file.unparsed_sinks.iter().map(|sink| &sink.name);
    match sinks.any(|sink| sink == name) || unparsed.any(|sink| sink == name) {
        true => Producer::Sink,
        false => Producer::Unknown,
    }
}

fn duplicate_input(consumer: &Consumer<'_>, input: &InputSpec) -> (String, String) {
    let message = format!("{} lists the input {:?} twice", consumer.label, input.name);
    (message, "list it once".to_owned())
}

/// Returns the message and the hint for an input that does not exist or has the wrong stream.
fn wrong_input(
    file: &PipelineFile,
    consumer: &Consumer<'_>,
    input: &InputSpec,
) -> Option<(String, String)> {
    let (label, name) = (&consumer.label, &input.name);
    match producer(file, name) {
        Producer::Unknown => {
            let message = format!(
                "{label} has the input {name:?}, which is not a source or node of this file"
            );
            Some((message, did_you_mean(name, producer_names(file))))
        }
        Producer::Sink => {
            let message = format!("{label} has the input {name:?}, but a sink has no output");
            Some((message, "use the input of that sink instead".to_owned()))
        }
        Producer::Sends(sent) => {
            let (kind, accepted) = consumer
                .kind
                .filter(|(_, accepted)| !accepted.contains(&sent))?;
            let accepted = joined(accepted);
            let message =
                format!("{label} ({kind}) accepts {accepted}, but {name:?} outputs {sent}");
            Some((message, suggested_fix(file, consumer, name, sent)))
        }
        Producer::Unparsed => None,
    }
}

fn producer_names(file: &PipelineFile) -> impl Iterator<Item = &str> {
    let sources = file.sources.iter().map(|source| source.name.as_str());
    let nodes = file.nodes.iter().map(|node| node.name.as_str());
    let unparsed = file.unparsed_nodes.iter().map(|node| node.name.as_str());
    sources.chain(nodes).chain(unparsed)
}

/// Suggests nodes to insert between producer and consumer, and other inputs of the file that the consumer accepts.
fn suggested_fix(
    file: &PipelineFile,
    consumer: &Consumer<'_>,
    name: &str,
    sent: StreamKind,
) -> String {
    let accepted = consumer.kind.map_or(&[][..], |(_, accepted)| accepted);
    let fitting = producer_names(file).filter(|other| {
        matches!(producer(file, other), Producer::Sends(sent) if accepted.contains(&sent))
            && *other != consumer.name
    });
    let fitting: Vec<&str> = fitting.collect();
    let instead = match fitting[..] {
        [only] => format!("use the input {only:?}"),
        _ => format!("use one of the inputs {}", quoted(fitting.iter().copied())),
    };
    match (conversion(sent, accepted), fitting.is_empty()) {
        (Some(kinds), empty) => {
            let nodes = if kinds.len() == 1 { "a node" } else { "nodes" };
            let path = kinds.join(" -> ");
            let or = if empty {
                String::new()
            } else {
                format!("; or {instead}")
            };
            format!(
                "insert {nodes}: {name:?} -> {path} -> {:?}{or}",
                consumer.name
            )
        }
        (None, false) => instead,
        (None, true) => accepted_inputs(consumer),
    }
}

/// Finds the shortest chain of node kinds that turns a stream into an accepted one, by breadth-first search.
fn conversion(from: StreamKind, accepted: &[StreamKind]) -> Option<Vec<&'static str>> {
    let kinds = kind_schema::node_kinds();
    let mut queue = VecDeque::from([(from, Vec::new())]);
    let mut visited = vec![from];
    while let Some((stream, path)) = queue.pop_front() {
        if accepted.contains(&stream) {
            return Some(path);
        }
        for kind in kinds.iter().filter(|kind| kind.inputs.contains(&stream)) {
            let Some(output) = kind.output.filter(|output| !visited.contains(output)) else {
                continue;
            };
            visited.push(output);
            let mut path = path.clone();
            path.push(kind.name);
            queue.push_back((output, path));
        }
    }
    None
}

fn accepted_inputs(consumer: &Consumer<'_>) -> String {
    match consumer.kind {
        Some((kind, accepted)) => format!("{kind} accepts {}", joined(accepted)),
        None => "write inputs = [\"NAME\"] with the names of sources or nodes".to_owned(),
    }
}

fn joined(streams: &[StreamKind]) -> String {
    let names: Vec<String> = streams.iter().map(ToString::to_string).collect();
    names.join(" or ")
}
