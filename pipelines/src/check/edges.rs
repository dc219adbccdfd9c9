//! Checks what stands on inputs: that it is there, once, and of a kind that the taker can use.

use std::collections::VecDeque;

use atom_operators::node::StreamKind;

use crate::{
    kinds,
    near::{did_you_mean, quoted},
    problem::Problem,
    spec::{InputSpec, Item, PipelineFile},
};

use super::cycles;

/// A node or sink as one who takes.
struct Taker<'f> {
    /// `node "captions"`.
    owner: String,
    name: &'f str,
    /// Its kind and what that takes; absent if its kind could not be read.
    kind: Option<(&'static str, &'static [StreamKind])>,
    inputs: &'f [InputSpec],
    line: usize,
    sound: bool,
}

/// What a name on an input stands for.
enum Giver {
    Gives(StreamKind),
    /// A node whose kind could not be read.
    Unread,
    Sink,
    Nobody,
}

pub(super) fn check(file: &PipelineFile, problems: &mut Vec<Problem>) {
    let looping = cycles::edges(file);
    for taker in takers(file) {
        if taker.inputs.is_empty() && taker.sound {
            let problem = Problem::new(
                &file.path,
                taker.line,
                format!("{} has no inputs", taker.owner),
            );
            problems.push(problem.hint(takes_words(&taker)));
        }
        for (at, input) in taker.inputs.iter().enumerate() {
            let doubled = taker.inputs[..at]
                .iter()
                .any(|other| other.name == input.name);
            let on_cycle = looping.contains(&(input.name.as_str(), taker.name));
            let found = match doubled {
                true => Some(twice(&taker, input)),
                false if on_cycle => None,
                false => edge(file, &taker, input),
            };
            let found = found
                .map(|(message, hint)| Problem::new(&file.path, input.line, message).hint(hint));
            problems.extend(found);
        }
    }
}

fn takers(file: &PipelineFile) -> Vec<Taker<'_>> {
    fn taker<'f, K>(
        section: &str,
        item: &'f Item<K>,
        kind: Option<(&'static str, &'static [StreamKind])>,
    ) -> Taker<'f> {
        Taker {
            owner: format!("{section} {:?}", item.name),
            name: &item.name,
            kind,
            inputs: &item.inputs,
            line: item.line_of("inputs"),
            sound: item.inputs_sound,
        }
    }
    let nodes = file.nodes.iter();
    let nodes = nodes.map(|node| taker("node", node, Some((node.kind.name(), node.kind.takes()))));
    let sinks = file.sinks.iter();
    let sinks = sinks.map(|sink| taker("sink", sink, Some((sink.kind.name(), sink.kind.takes()))));
    let unread_nodes = file
        .unread_nodes
        .iter()
        .map(|node| taker("node", node, None));
    let unread_sinks = file
        .unread_sinks
        .iter()
        .map(|sink| taker("sink", sink, None));
    nodes
        .chain(sinks)
        .chain(unread_nodes)
        .chain(unread_sinks)
        .collect()
}

fn giver(file: &PipelineFile, name: &str) -> Giver {
    if let Some(node) = file.node(name) {
        return Giver::Gives(node.kind.gives());
    }
    if file.source(name).is_some() {
        return Giver::Gives(StreamKind::Frames);
    }
    if file.unread_nodes.iter().any(|node| node.name == name) {
        return Giver::Unread;
    }
    let mut sinks = file.sinks.iter().map(|sink| &sink.name);
    let mut unread = file.unread_sinks.iter().map(|sink| &sink.name);
    match sinks.any(|sink| sink == name) || unread.any(|sink| sink == name) {
        true => Giver::Sink,
        false => Giver::Nobody,
    }
}

fn twice(taker: &Taker<'_>, input: &InputSpec) -> (String, String) {
    let message = format!("{} takes {:?} twice", taker.owner, input.name);
    (message, "name it once".to_owned())
}

/// The message and hint for an input that does not fit.
fn edge(file: &PipelineFile, taker: &Taker<'_>, input: &InputSpec) -> Option<(String, String)> {
    let name = &input.name;
    match giver(file, name) {
        Giver::Nobody => {
            let hint = did_you_mean(name, givers(file));
            Some((
                format!(
                    "{} takes {name:?}, which is no source or node of this file",
                    taker.owner
                ),
                hint,
            ))
        }
        Giver::Sink => {
            let hint = "take the node that the sink takes".to_owned();
            Some((
                format!("{} takes {name:?}, but a sink sends nothing", taker.owner),
                hint,
            ))
        }
        Giver::Gives(got) => {
            let (kind, takes) = taker.kind.filter(|(_, takes)| !takes.contains(&got))?;
            let wants = words(takes);
            let message = format!(
                "{} ({kind}) takes {wants}, but {name:?} sends {got}",
                taker.owner
            );
            Some((message, mend(file, taker, name, got)))
        }
        Giver::Unread => None,
    }
}

fn givers(file: &PipelineFile) -> impl Iterator<Item = &str> {
    let sources = file.sources.iter().map(|source| source.name.as_str());
    let nodes = file.nodes.iter().map(|node| node.name.as_str());
    let unread = file.unread_nodes.iter().map(|node| node.name.as_str());
    sources.chain(nodes).chain(unread)
}

/// What to put between, and which names of the file would fit as they are.
fn mend(file: &PipelineFile, taker: &Taker<'_>, name: &str, got: StreamKind) -> String {
    let takes = taker.kind.map_or(&[][..], |(_, takes)| takes);
    let fitting = givers(file).filter(|other| {
        matches!(giver(file, other), Giver::Gives(kind) if takes.contains(&kind))
            && *other != taker.name
    });
    let fitting: Vec<&str> = fitting.collect();
    let instead = format!("take {}", quoted(fitting.iter().copied()));
    match (between(got, takes), fitting.is_empty()) {
        (Some(kinds), empty) => {
            let nodes = if kinds.len() == 1 { "a node" } else { "nodes" };
            let path = kinds.join(" -> ");
            let or = if empty {
                String::new()
            } else {
                format!("; or {instead}")
            };
            format!(
                "put {nodes} between: {name:?} -> {path} -> {:?}{or}",
                taker.name
            )
        }
        (None, false) => instead,
        (None, true) => takes_words(taker),
    }
}

/// The shortest row of node kinds that makes one of `wants` out of `got`.
fn between(got: StreamKind, wants: &[StreamKind]) -> Option<Vec<&'static str>> {
    let forms = kinds::nodes();
    let mut open = VecDeque::from([(got, Vec::new())]);
    let mut seen = vec![got];
    while let Some((kind, path)) = open.pop_front() {
        if wants.contains(&kind) {
            return Some(path);
        }
        for form in forms.iter().filter(|form| form.takes.contains(&kind)) {
            let Some(next) = form.gives.filter(|next| !seen.contains(next)) else {
                continue;
            };
            seen.push(next);
            let mut path = path.clone();
            path.push(form.name);
            open.push_back((next, path));
        }
    }
    None
}

fn takes_words(taker: &Taker<'_>) -> String {
    match taker.kind {
        Some((kind, takes)) => format!("{kind} takes {}", words(takes)),
        None => "write inputs = [\"NAME\"] with the names of sources or nodes".to_owned(),
    }
}

fn words(kinds: &[StreamKind]) -> String {
    let words: Vec<String> = kinds.iter().map(ToString::to_string).collect();
    words.join(" or ")
}
