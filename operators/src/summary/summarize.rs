//! Summarising: a summary of every minute once it is complete, and of every longer span once its minutes are.
//!
//! A window is over when a segment starts after it, or the source ends; then nothing can be added to it, so it is
//! summarised once. Only captions, words and vectors are kept until then, never the segments: their permits must come back.

use std::{collections::BTreeMap, sync::Arc};

use atom_models::PromptBuilder;
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{
        StreamVec,
        channels::pact::Pipeline,
        operators::{CapabilitySet, Operator},
    },
};

use crate::{
    caption::Caption,
    counters::Task,
    failure::{Failure, Outcome, Stage},
    ids::{NodeId, SourceId},
    media_time::MediaTime,
    request::{Decoded, Request, RequestInput, Subject},
    seen_objects::SeenObjects,
    segment::{Segment, SegmentEvent, SegmentKey},
    summary::{moment::Moment, summary_spec::SummarySpec, summary_window::SummaryWindow},
    tick::Pass,
};

#[cfg(test)]
mod tests;

/// A summary of a window.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The window.
    pub window: Arc<SummaryWindow>,
    /// The summary node.
    pub node: NodeId,
    /// The text.
    pub text: String,
}

impl Summary {
    /// Returns the summary of a completion, or the reason why there is none; `None` if the request was not about a
    /// window.
    pub fn from_decoded(decoded: &Decoded) -> Option<Outcome<Self>> {
        let Subject::Window(node, window) = &decoded.item.subject else {
            return None;
        };
        let failed = |fault| Failure {
            stage: Stage::Summary,
            source: window.source,
            at: window.start,
            fault,
        };
        let text = decoded.sentence().map_err(failed);
        Some(text.map(|text| Self {
            window: Arc::clone(window),
            node: *node,
            text,
        }))
    }
}

/// A window that is not complete.
#[derive(Debug, Default)]
struct OpenWindow {
    /// The parts by key: the start of a segment, or the nominal start of a minute.
    parts: BTreeMap<MediaTime, WindowPart>,
    over: bool,
}

#[derive(Debug)]
struct WindowPart {
    bounds: Bounds,
    /// `None` until the result is known; empty if it failed.
    moments: Option<Vec<Moment>>,
}

/// Start and end.
type Bounds = (MediaTime, MediaTime);

/// The core: the open windows of one length, for all sources.
#[derive(Debug)]
struct OpenWindows {
    length_ms: u64,
    span: bool,
    open: BTreeMap<(SourceId, u64), OpenWindow>,
}

impl OpenWindows {
    fn new(length_ms: u64, span: bool) -> Self {
        Self {
            length_ms,
            span,
            open: BTreeMap::new(),
        }
    }

    /// Returns the number of the window at a media time.
    fn number(&self, at: MediaTime) -> u64 {
        at.millis() / self.length_ms
    }

    /// Adds a part whose moments will come. Returns the windows that are over with it.
    fn expect(&mut self, source: SourceId, bounds: Bounds) -> Vec<u64> {
        let number = self.number(bounds.0);
        let over = self.close(source, number);
        let parts = &mut self.open.entry((source, number)).or_default().parts;
        // The moments may have come before the part itself: they take different paths through the graph.
        parts.entry(bounds.0).or_insert(WindowPart {
            bounds,
            moments: None,
        });
        over
    }

    /// Marks the windows of a source before this number as over. Returns those that were not over yet.
    fn close(&mut self, source: SourceId, before: u64) -> Vec<u64> {
        let open = self.open.range_mut((source, 0)..(source, before));
        let newly = open.filter_map(|((_, number), open)| {
            let before = std::mem::replace(&mut open.over, true);
            (!before).then_some(*number)
        });
        newly.collect()
    }

    /// Adds the moments of the part with this key, and its real bounds. Returns the window that is complete with it.
    fn add_moments(
        &mut self,
        source: SourceId,
        (key, bounds): (MediaTime, Bounds),
        moments: Vec<Moment>,
    ) -> Option<(u64, SummaryWindow)> {
        let number = self.number(key);
        let parts = &mut self.open.entry((source, number)).or_default().parts;
        let moments = Some(moments);
        parts.insert(key, WindowPart { bounds, moments });
        self.take(source, number).map(|window| (number, window))
    }

    /// Removes and returns a window that is over and has all its moments.
    fn take(&mut self, source: SourceId, number: u64) -> Option<SummaryWindow> {
        let open = self.open.get(&(source, number))?;
        if !open.over || open.parts.values().any(|part| part.moments.is_none()) {
            return None;
        }
        let parts = self.open.remove(&(source, number))?.parts;
        Some(SummaryWindow {
            source,
            start: parts.values().map(|part| part.bounds.0).min()?,
            end: parts.values().map(|part| part.bounds.1).max()?,
            parts: parts.len(),
            span: self.span,
            moments: parts
                .into_values()
                .flat_map(|part| part.moments.unwrap_or_default())
                .collect(),
        })
    }
}

/// An input of the operator.
#[derive(Clone, Debug)]
pub(crate) enum SummaryInput {
    /// A record of the segments that are summarised.
    Segment(SegmentEvent),
    /// A result of the decoder, about a segment or about a window.
    Decoded(Decoded),
}

/// A request with the time that it leaves at.
type TimedRequest = (CapabilitySet<Pass>, Request);

/// A summary node.
#[derive(Clone, Debug)]
pub struct SummaryNode {
    /// The summary node.
    pub node: NodeId,
    /// The caption nodes that it reads, each about sources of its own.
    pub reads: Vec<NodeId>,
    /// Its settings.
    pub spec: SummarySpec,
    /// Names what frames show.
    pub prompts: PromptBuilder,
}

/// The shell's state: the open windows, and the capabilities for their requests.
struct SummaryState {
    node: SummaryNode,
    minutes: OpenWindows,
    spans: Option<OpenWindows>,
    /// The time at which a window was over, by span or minute, source and number.
    capabilities: BTreeMap<(bool, SourceId, u64), CapabilitySet<Pass>>,
}

impl SummaryState {
    fn new(node: SummaryNode) -> Self {
        let SummarySpec {
            length_ms, span_ms, ..
        } = node.spec;
        Self {
            node,
            minutes: OpenWindows::new(length_ms, false),
            spans: (span_ms > 0).then(|| OpenWindows::new(span_ms, true)),
            capabilities: BTreeMap::new(),
        }
    }

    /// Processes an input; returns the requests that it makes possible.
    fn process(&mut self, input: SummaryInput, at: &CapabilitySet<Pass>) -> Vec<TimedRequest> {
        match input {
            SummaryInput::Segment(SegmentEvent::Closed(closed)) => {
                // A segment without frames gets no caption.
                if closed.result.is_err() {
                    return Vec::new();
                }
                let SegmentKey { source, start } = closed.key;
                let over = self.minutes.expect(source, (start, closed.end));
                self.close(source, over, Some(start), at)
            }
            // Media time advances without frames too.
            SummaryInput::Segment(SegmentEvent::Idle(source, until)) => {
                let over = self.minutes.close(source, self.minutes.number(until));
                self.close(source, over, Some(until), at)
            }
            SummaryInput::Segment(SegmentEvent::End(end)) => {
                let over = self.minutes.close(end.source, u64::MAX);
                self.close(end.source, over, None, at)
            }
            SummaryInput::Decoded(decoded) => self.add_moments(&decoded),
        }
    }

    /// Handles minutes of a source that are over, because its media time has reached `now` or the source has ended.
    fn close(
        &mut self,
        source: SourceId,
        minutes: Vec<u64>,
        now: Option<MediaTime>,
        at: &CapabilitySet<Pass>,
    ) -> Vec<TimedRequest> {
        for number in &minutes {
            self.capabilities
                .insert((false, source, *number), at.clone());
        }
        if let Some(spans) = &mut self.spans {
            let mut over = Vec::new();
            for number in &minutes {
                let start = MediaTime::from_millis(number * self.node.spec.length_ms);
                let end = MediaTime::from_millis((number + 1) * self.node.spec.length_ms);
                over.extend(spans.expect(source, (start, end)));
            }
            let number = now.map_or(u64::MAX, |now| spans.number(now));
            over.extend(spans.close(source, number));
            for number in over {
                self.capabilities.insert((true, source, number), at.clone());
            }
        }
        let complete: Vec<_> = minutes
            .into_iter()
            .filter_map(|number| Some((number, self.minutes.take(source, number)?)))
            .collect();
        complete
            .into_iter()
            .filter_map(|(number, window)| self.request(number, window))
            .collect()
    }

    /// Adds a captioned segment to its minute, or a minute to its span.
    fn add_moments(&mut self, decoded: &Decoded) -> Vec<TimedRequest> {
        let complete = match &decoded.item.subject {
            Subject::Segment(node, segment) if self.node.reads.contains(node) => {
                let SegmentKey { source, start } = segment.key;
                let bounds = (start, segment.end);
                let caption = Caption::from_decoded(decoded).and_then(Result::ok);
                let moment = caption.map(|caption| self.moment(segment, caption.text));
                let moments = moment.into_iter().collect();
                self.minutes.add_moments(source, (start, bounds), moments)
            }
            Subject::Window(node, window) if *node == self.node.node && !window.span => {
                let length = self.node.spec.length_ms;
                let key = MediaTime::from_millis(window.start.millis() / length * length);
                let bounds = (window.start, window.end);
                let moments = window.moments.clone();
                let spans = self.spans.as_mut();
                spans.and_then(|spans| spans.add_moments(window.source, (key, bounds), moments))
            }
            _ => None,
        };
        complete
            .and_then(|(number, window)| self.request(number, window))
            .into_iter()
            .collect()
    }

    /// Returns what a summary needs of a segment.
    fn moment(&self, segment: &Segment, caption: String) -> Moment {
        let prompts = &self.node.prompts;
        Moment {
            source: String::new(),
            start_ms: segment.key.start.millis(),
            end_ms: segment.end.millis(),
            caption: Some(caption),
            tags: prompts.tags(&segment.features),
            objects: SeenObjects::in_segment(segment, prompts),
            embedding: Arc::clone(&segment.features.embedding),
        }
    }

    /// Returns the request for a complete window, at the time at which the window was over.
    fn request(&mut self, number: u64, window: SummaryWindow) -> Option<TimedRequest> {
        let key = (window.span, window.source, number);
        let capability = self.capabilities.remove(&key)?;
        // A span of one minute equals that minute.
        if window.span && window.parts == 1 {
            return None;
        }
        let SummaryNode { node, spec, .. } = &self.node;
        let text = window.text(spec.sentences);
        let request = Request {
            input: text.map(|text| RequestInput::Text(text.into())),
            subject: Subject::Window(*node, Arc::new(window)),
            task: Task::Summary,
            question: None,
            examples: Arc::default(),
            draft: None,
            for_text_encoder: false,
            max_tokens: 0,
        };
        Some((capability, request))
    }
}

/// Sends the summary of every complete window as a request whose text is known, for the next pass.
pub(crate) fn summarize<'s>(
    inputs: StreamVec<'s, Pass, SummaryInput>,
    node: SummaryNode,
) -> StreamVec<'s, Pass, Request> {
    let mut state = SummaryState::new(node);
    inputs.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        "Summarize",
        move |_initial, _info| {
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let now = capability.retain_stamp(0);
                    for input in batches.flat_map(|batch| batch.drain(..)) {
                        for (capability, request) in state.process(input, &now) {
                            output.session(&capability).give(request);
                        }
                    }
                });
            }
        },
    )
}
