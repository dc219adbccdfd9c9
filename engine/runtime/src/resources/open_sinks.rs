//! Opens the sinks of a plan.

use atom_operators::{hangup::HangupCount, ids::NodeId};
use atom_pipelines::{EarlierLines, Plan, PlannedSink, SinkKind};

use crate::{
    error::RuntimeError,
    sink::{self, Format, WriteMode},
    writer::PlanSink,
};

/// Opens the sinks of a plan. Existing files keep their content for now. Files that grow are reopened after hang-up
/// signals.
///
/// # Errors
/// If a file cannot be written.
pub(crate) fn open_sinks(
    plan: &Plan,
    hangups: &HangupCount,
) -> Result<Vec<PlanSink>, RuntimeError> {
    let sinks = plan.sinks.iter();
    sinks
        .map(|planned| open_sink(planned, &mode(plan, planned, hangups)))
        .collect()
}

/// Returns how a sink writes its file, which depends on whether its sources have an end.
fn mode(plan: &Plan, sink: &PlannedSink, hangups: &HangupCount) -> WriteMode {
    let mut sources = sink.source_names.keys().map(|at| &plan.sources[*at]);
    let endless = sources.any(|source| source.is_live() || source.settings.watch);
    let hangups = hangups.clone();
    match (sink.kind.earlier_lines(), endless) {
        (Some(EarlierLines::Append), _) | (Some(EarlierLines::Auto), true) => {
            WriteMode::Append(hangups)
        }
        (Some(EarlierLines::Rotate), _) | (Some(EarlierLines::Auto), false) => {
            WriteMode::Rotate(hangups)
        }
        (Some(EarlierLines::Replace) | None, true) => WriteMode::ReplaceAtFirstResult(hangups),
        (Some(EarlierLines::Replace) | None, false) => WriteMode::Replace,
    }
}

fn open_sink(planned: &PlannedSink, mode: &WriteMode) -> Result<PlanSink, RuntimeError> {
    let sources: Vec<_> = planned.source_names.values().map(String::as_str).collect();
    let format = match planned.kind {
        SinkKind::Webvtt(_) => Format::WebVtt,
        SinkKind::Srt(_) => Format::Srt,
        _ => Format::Jsonl,
    };
    let inputs = planned.inputs.iter();
    Ok(PlanSink {
        name: planned.name.clone(),
        sink: sink::open(format, (planned.kind.path(), mode), &sources)?,
        drafts: planned.kind.drafts(),
        inputs: inputs
            .map(|input| (NodeId(input.node), input.name.clone()))
            .collect(),
        source_names: planned.source_names.clone(),
    })
}
