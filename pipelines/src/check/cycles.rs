//! Finds cycles of nodes: nodes that wait for their own results.

use std::collections::HashSet;

use atom_operators::node::NodeKind;

use crate::{
    pipeline_file::{NodeSpec, PipelineFile},
    problem::Problem,
};

pub(super) fn check(file: &PipelineFile, problems: &mut Vec<Problem>) {
    for cycle in cycles(file) {
        let path = path(&cycle);
        let problem = Problem::new(
            &file.path,
            cycle[0].line_of("inputs"),
            format!("nodes form a cycle: {path}"),
        );
        problems.push(
            problem.with_hint("a node cannot depend on its own output; remove one of these inputs"),
        );
        problems.extend(waiting_questions(file, &cycle));
    }
}

/// Reports the reason nodes that take input from a cycle, because their question would never be answered.
fn waiting_questions(file: &PipelineFile, cycle: &[&NodeSpec]) -> Vec<Problem> {
    let outside =
        |node: &&NodeSpec| matches!(node.kind, NodeKind::Reason(_)) && !contains(cycle, &node.name);
    let nodes = file.nodes.iter().filter(outside);
    let problems = nodes.filter_map(|node| {
        let mut inputs = node.inputs.iter();
        let input = inputs.find(|input| contains(cycle, &input.name))?;
        let message = format!(
            "node {:?} would never run: its input {:?} is part of a cycle",
            node.name, input.name
        );
        let problem = Problem::new(&file.path, input.line, message);
        Some(problem.with_hint(format!("the cycle is {}", path(cycle))))
    });
    problems.collect()
}

/// Returns the edges (producer, consumer) that lie on a cycle. They are not checked further, as the cycle is already
/// reported.
pub(super) fn edges(file: &PipelineFile) -> HashSet<(&str, &str)> {
    let mut edges = HashSet::new();
    for cycle in cycles(file) {
        for (position, producer) in cycle.iter().enumerate() {
            let consumer = cycle[(position + 1) % cycle.len()];
            edges.insert((producer.name.as_str(), consumer.name.as_str()));
        }
    }
    edges
}

fn contains(cycle: &[&NodeSpec], name: &str) -> bool {
    cycle.iter().any(|node| node.name == name)
}

/// Formats a cycle as `a -> b -> a`, in the direction of the data flow.
fn path(cycle: &[&NodeSpec]) -> String {
    let names = cycle
        .iter()
        .chain(cycle.first())
        .map(|node| node.name.as_str());
    names.collect::<Vec<_>>().join(" -> ")
}

/// Returns the cycles of a file: one for each edge that closes a cycle, starting at its first node in the file.
fn cycles(file: &PipelineFile) -> Vec<Vec<&NodeSpec>> {
    let mut search = CycleSearch {
        file,
        finished: HashSet::new(),
        path: Vec::new(),
        cycles: Vec::new(),
    };
    for node in &file.nodes {
        search.visit(node);
    }
    search.cycles
}

/// A depth-first search from nodes to their inputs.
struct CycleSearch<'f> {
    file: &'f PipelineFile,
    finished: HashSet<&'f str>,
    /// The nodes from the start of the search to the current one, against the data flow.
    path: Vec<&'f NodeSpec>,
    cycles: Vec<Vec<&'f NodeSpec>>,
}

impl<'f> CycleSearch<'f> {
    fn visit(&mut self, node: &'f NodeSpec) {
        let position = self.path.iter().position(|other| other.name == node.name);
        if let Some(position) = position {
            let mut cycle: Vec<&NodeSpec> = self.path[position..].iter().rev().copied().collect();
            let first = (0..cycle.len())
                .min_by_key(|position| cycle[*position].line)
                .unwrap_or(0);
            cycle.rotate_left(first);
            self.cycles.push(cycle);
        } else if !self.finished.contains(node.name.as_str()) {
            self.path.push(node);
            for input in &node.inputs {
                if let Some(producer) = self.file.node(&input.name) {
                    self.visit(producer);
                }
            }
            self.path.pop();
            self.finished.insert(&node.name);
        }
    }
}
