//! Opens the sinks of a plan.

use atom_operators::ids::NodeId;
use atom_pipelines::{Plan, PlannedSink, SinkKind};

use crate::{
    error::RuntimeError,
    sink::{self, Format},
    writer::PlanSink,
};

/// Opens the sinks of a plan; existing files are truncated.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn open_sinks(plan: &Plan) -> Result<Vec<PlanSink>, RuntimeError> {
    plan.sinks.iter().map(open_sink).collect()
}

fn open_sink(planned: &PlannedSink) -> Result<PlanSink, RuntimeError> {
    let sources: Vec<_> = planned.source_names.values().map(String::as_str).collect();
    let format = match planned.kind {
        SinkKind::Webvtt(_) => Format::WebVtt,
        SinkKind::Srt(_) => Format::Srt,
        _ => Format::Jsonl,
    };
    let inputs = planned.inputs.iter();
    Ok(PlanSink {
        name: planned.name.clone(),
        sink: sink::open(format, planned.kind.path(), &sources)?,
        drafts: planned.kind.drafts(),
        inputs: inputs
            .map(|input| (NodeId(input.node), input.name.clone()))
            .collect(),
        source_names: planned.source_names.clone(),
    })
}
