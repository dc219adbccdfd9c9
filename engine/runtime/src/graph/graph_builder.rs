//! Builds the whole graph of a plan, from the intake to the seal.

use std::{collections::BTreeMap, sync::Arc};

use atom_models::{PromptBuilder, VisionEncoder};
use atom_operators::{
    answer_changes::AnswerChanges,
    caption::Caption,
    circuit_breaker::CircuitBreaker,
    counters::Counters,
    event::IntakeEvent,
    failure::{Failure, Stage},
    ids::NodeId,
    intake::{FrameReceiver, intake},
    node::NodeKind,
    offload::ThreadGroup,
    qa::question_source::{QuestionReceiver, questions},
    rate_control::RateFactor,
    seal::{ResultEvent, SealBuffer, seal},
    tick::Tick,
};
use atom_pipelines::{Input, Plan};
use timely::dataflow::{
    Scope,
    operators::{Concatenate, Inspect, vec::Map},
};

use super::{streams_by_node::nodes, text_branches::LanguageModules, vision_stages::GraphAssembly};
use crate::output_event::OutputEvent;

/// Everything that the graph of a plan works with.
pub struct GraphInputs {
    /// The receiving ends of the input channels.
    pub receivers: Vec<FrameReceiver>,
    /// The rate factor of each live source of the plan.
    pub rate_factors: BTreeMap<usize, Arc<RateFactor>>,
    /// The vision encoder, if the plan encodes.
    pub vision: Option<Box<dyn VisionEncoder>>,
    /// Opens when the vision encoder keeps failing.
    pub vision_breaker: CircuitBreaker,
    /// The decoder and everything it works with.
    pub language: LanguageModules,
    /// People's questions, if any can be asked.
    pub questions: Option<QuestionReceiver>,
    /// Builds prompts.
    pub prompts: PromptBuilder,
    /// Counts of frames, requests and tokens.
    pub counters: Counters,
}

/// Builder of a plan's graph.
pub struct GraphBuilder<'p> {
    /// The plan.
    pub plan: &'p Plan,
    /// Gets the threads of the modules.
    pub threads: &'p ThreadGroup,
}

impl GraphBuilder<'_> {
    /// Builds the graph. `output` gets each draft, each sealed tick and each reply, and must not block.
    pub fn build(
        &self,
        scope: Scope<'_, Tick>,
        inputs: GraphInputs,
        mut output: impl FnMut(OutputEvent) + Clone + 'static,
    ) {
        let intake = intake(scope, inputs.receivers);
        let mut graph = GraphAssembly {
            scope,
            plan: self.plan,
            prompts: inputs.prompts,
            threads: self.threads,
            counters: inputs.counters,
            events: vec![intake.clone().flat_map(intake_event)],
        };
        let samples = graph.sample(&intake, &inputs.rate_factors);
        let encoded = match inputs.vision {
            Some(vision) => graph.encode(&samples, vision, inputs.vision_breaker),
            None => Vec::new(),
        };
        let segments = graph.segment(&encoded);
        let questions = questions(scope, inputs.questions);
        let mut draft_output = output.clone();
        let drafts = move |caption: &Caption| draft_output(OutputEvent::Draft(caption.clone()));
        let replies = graph.add_text_branches(&segments, questions, inputs.language, drafts);
        let mut reply_output = output.clone();
        replies.inspect(move |reply| reply_output(OutputEvent::Reply(reply.clone())));
        seal(
            scope.concatenate(graph.events),
            seal_buffer(self.plan),
            move |sealed| output(OutputEvent::Sealed(sealed)),
        );
    }
}

/// Returns the state of the seal at the start.
fn seal_buffer(plan: &Plan) -> SealBuffer {
    let changes = nodes(plan).filter_map(|(node, kind)| match kind {
        NodeKind::Reason(spec) => Some((node, AnswerChanges::new(spec)?)),
        _ => None,
    });
    SealBuffer::new(segment_nodes_by_source(plan)).with_changes(changes.collect())
}

/// Returns the segment nodes that each source of the plan reaches.
fn segment_nodes_by_source(plan: &Plan) -> Vec<(u32, Vec<NodeId>)> {
    let reached = |source: usize| {
        let segments = nodes(plan).filter(|(_, kind)| matches!(kind, NodeKind::Segment(_)));
        segments
            .filter(|(node, _)| plan.sources_of(Input::Node(node.0)).contains(&source))
            .map(|(node, _)| node)
            .collect()
    };
    (0..plan.sources.len())
        .map(|source| (source as u32, reached(source)))
        .collect()
}

/// Returns the event that the intake itself reports, if any.
fn intake_event(event: IntakeEvent) -> Option<ResultEvent> {
    match event {
        IntakeEvent::Frame(_) => None,
        IntakeEvent::Lost(failure) => Some(ResultEvent::Failure(failure)),
        IntakeEvent::Idle(heartbeat) => heartbeat.cause.map(|fault| {
            ResultEvent::Failure(Failure {
                stage: Stage::Source,
                source: heartbeat.source,
                at: heartbeat.from,
                fault,
            })
        }),
        IntakeEvent::End(end) => Some(ResultEvent::End(end)),
    }
}
