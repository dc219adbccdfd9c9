//! Opens the indexes that a plan writes.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use atom_index::Store;
use atom_models::Pack;
use atom_operators::{ids::NodeId, node::NodeKind};
use atom_pipelines::{Input, Plan};
use sha2::{Digest, Sha256};

use crate::{error::RuntimeError, index_writer::IndexWriter, retention_task::RetentionTask};

/// Opens the index of each index node of a plan.
///
/// # Errors
/// If an index cannot be opened.
pub(crate) fn open_index_writers(
    plan: &Plan,
    pack: &Pack,
) -> Result<Vec<IndexWriter>, RuntimeError> {
    let mut writers = Vec::new();
    for (at, planned) in plan.nodes.iter().enumerate() {
        let NodeKind::Index(spec) = &planned.kind else {
            continue;
        };
        let settings = settings_above(plan, at);
        writers.push(IndexWriter {
            node: NodeId(at),
            store: Store::open(&spec.store)?,
            thumbnails: spec.thumbnails,
            retention: spec.keep.map(RetentionTask::new),
            pack: format!("{}-{}", pack.id(), short_hash(settings.as_bytes())),
            segment_nodes: nodes_above(plan, at)
                .filter(|at| matches!(plan.nodes[*at].kind, NodeKind::Segment(_)))
                .map(NodeId)
                .collect(),
            source_names: planned.source_names.clone(),
            failed: false,
            pending: BTreeMap::new(),
            start_times: BTreeSet::new(),
        });
    }
    Ok(writers)
}

/// Returns all nodes above a node.
fn nodes_above(plan: &Plan, node: usize) -> impl Iterator<Item = usize> {
    let mut above = HashSet::new();
    let mut next = vec![node];
    while let Some(at) = next.pop() {
        for input in &plan.nodes[at].inputs {
            if let Input::Node(input) = input
                && above.insert(*input)
            {
                next.push(*input);
            }
        }
    }
    above.into_iter()
}

/// Returns the settings of all nodes above an index node, as text.
fn settings_above(plan: &Plan, node: usize) -> String {
    let text =
        |at: usize| serde_json::to_string(&plan.nodes[at].kind).expect("settings are plain data");
    let mut kinds: Vec<_> = nodes_above(plan, node).map(text).collect();
    kinds.sort();
    kinds.join("\n")
}

/// Returns the first eight hexadecimal digits of a SHA-256 hash.
fn short_hash(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
