//! Finds nodes that wait for themselves.

use std::collections::HashSet;

use atom_operators::node::NodeKind;

use crate::{
    problem::Problem,
    spec::{NodeSpec, PipelineFile},
};

pub(super) fn check(file: &PipelineFile, problems: &mut Vec<Problem>) {
    for cycle in cycles(file) {
        let first = cycle[0];
        let path = path(&cycle);
        let problem = Problem::new(
            &file.path,
            first.line_of("inputs"),
            format!("nodes form the cycle {path}"),
        );
        problems.push(
            problem
                .hint("a node can only take what is made before it; take one of these names out"),
        );
        for node in &file.nodes {
            let input = node.inputs.iter().find(|input| named(&cycle, &input.name));
            let reasons = matches!(node.kind, NodeKind::Reason(_)) && !named(&cycle, &node.name);
            if let (Some(input), true) = (input, reasons) {
                let message = format!(
                    "node {:?} would wait for ever: {:?} is part of a cycle",
                    node.name, input.name
                );
                problems.push(
                    Problem::new(&file.path, input.line, message)
                        .hint(format!("the cycle is {path}")),
                );
            }
        }
    }
}

/// The edges, giver and taker, that lie on a cycle; the cycle itself is their problem.
pub(super) fn edges(file: &PipelineFile) -> HashSet<(&str, &str)> {
    let mut edges = HashSet::new();
    for cycle in cycles(file) {
        for (at, giver) in cycle.iter().enumerate() {
            let taker = cycle[(at + 1) % cycle.len()];
            edges.insert((giver.name.as_str(), taker.name.as_str()));
        }
    }
    edges
}

fn named(cycle: &[&NodeSpec], name: &str) -> bool {
    cycle.iter().any(|node| node.name == name)
}

/// `a -> b -> a`, in the direction in which data would flow.
fn path(cycle: &[&NodeSpec]) -> String {
    let names = cycle
        .iter()
        .chain(cycle.first())
        .map(|node| node.name.as_str());
    names.collect::<Vec<_>>().join(" -> ")
}

/// The cycles of a file, each beginning at its first node in the file; one for every edge that closes one.
fn cycles(file: &PipelineFile) -> Vec<Vec<&NodeSpec>> {
    let mut walk = Walk {
        file,
        done: HashSet::new(),
        path: Vec::new(),
        found: Vec::new(),
    };
    for node in &file.nodes {
        walk.visit(node);
    }
    walk.found
}

struct Walk<'f> {
    file: &'f PipelineFile,
    done: HashSet<&'f str>,
    /// From where the walk began, against the flow of data.
    path: Vec<&'f NodeSpec>,
    found: Vec<Vec<&'f NodeSpec>>,
}

impl<'f> Walk<'f> {
    fn visit(&mut self, node: &'f NodeSpec) {
        if let Some(at) = self.path.iter().position(|other| other.name == node.name) {
            let mut cycle: Vec<&NodeSpec> = self.path[at..].iter().rev().copied().collect();
            let first = (0..cycle.len())
                .min_by_key(|at| cycle[*at].line)
                .unwrap_or(0);
            cycle.rotate_left(first);
            self.found.push(cycle);
        } else if !self.done.contains(node.name.as_str()) {
            self.path.push(node);
            for input in &node.inputs {
                if let Some(giver) = self.file.node(&input.name) {
                    self.visit(giver);
                }
            }
            self.path.pop();
            self.done.insert(&node.name);
        }
    }
}
