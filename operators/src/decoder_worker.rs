//! The decoder's thread: passes requests to the scheduler, streams partial answers to people, and counts.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use atom_models::{Fault, GeneratedTexts, Job, Prompt, Reason, Scheduler, Urgency};
use tracing::debug;

use crate::{
    batch_worker::BatchWorker,
    counters::{Counters, Task},
    qa::question::Question,
    request::{Request, RequestInput, Subject},
    segment::Segment,
};

/// The scheduler with the requests under way.
pub(crate) struct DecoderWorker {
    scheduler: Scheduler,
    prefixes: Vec<Prompt>,
    counters: Counters,
    active: BTreeMap<u64, ActiveRequest>,
    /// Requests that never reach the scheduler, or are cancelled.
    rejected: Vec<(u64, Fault)>,
}

/// The context of a request under way.
struct ActiveRequest {
    task: Task,
    /// The person's question, if it is one.
    question: Option<Arc<Question>>,
    /// The part of the answer that was sent so far, if the answer is streamed.
    sent: Option<String>,
    /// The segment, if the request is about one.
    segment: Option<Arc<Segment>>,
}

impl ActiveRequest {
    fn new(request: &Request) -> Self {
        let (question, streamed) = match &request.subject {
            // Only one text can be streamed: the answer about the best segment.
            Subject::Evidence(question, n) => (Some(Arc::clone(&question.question)), *n == 0),
            _ => (None, false),
        };
        Self {
            task: request.task,
            question,
            sent: streamed.then(String::new),
            segment: match &request.subject {
                Subject::Segment(_, segment) => Some(Arc::clone(segment)),
                _ => None,
            },
        }
    }
}

impl DecoderWorker {
    /// Creates a worker that computes `prefixes` before the first request, for all of them.
    pub(crate) fn new(scheduler: Scheduler, prefixes: Vec<Prompt>, counters: Counters) -> Self {
        Self {
            scheduler,
            prefixes,
            counters,
            active: BTreeMap::new(),
            rejected: Vec::new(),
        }
    }

    /// Takes from the scheduler the requests whose client has gone.
    fn cancel_unwanted(&mut self) {
        let unwanted = self.active.iter().filter_map(|(ticket, active)| {
            let question = active.question.as_ref()?;
            Some((*ticket, question.check_wanted().err()?))
        });
        for (ticket, fault) in unwanted.collect::<Vec<_>>() {
            self.active.remove(&ticket);
            self.scheduler.cancel(ticket);
            self.rejected.push((ticket, fault));
        }
    }

    /// Sends the text so far of streamed answers.
    fn send_partial_text(&mut self) {
        for (ticket, active) in &mut self.active {
            let (Some(question), Some(sent)) = (&active.question, &mut active.sent) else {
                continue;
            };
            let Some(partial_text) = &question.partial_text else {
                continue;
            };
            let Some(text) = self.scheduler.partial_text(*ticket) else {
                continue;
            };
            if text != *sent {
                // A receiver that is gone misses nothing.
                let _ = partial_text.send(text.clone());
                *sent = text;
            }
        }
    }

    /// Counts a finished request, and reports overload if it came too late.
    fn finish(&self, active: &ActiveRequest, result: &Result<GeneratedTexts, Fault>) {
        match (result, &active.segment) {
            (Ok(generation), segment) => {
                self.counters.add_tokens(active.task, generation);
                let _span = segment.as_ref().map(|segment| segment.span.enter());
                debug!(
                    task = active.task.name(),
                    prefilled = generation.prefilled,
                    reused = generation.reused,
                    generated = generation.generated,
                    "decoded"
                );
            }
            (Err(fault), Some(segment)) if fault.reason == Reason::Late => {
                segment.report_overload();
            }
            _ => {}
        }
    }
}

/// Returns the urgency of a request, and the time after which its result is useless.
fn priority(request: &Request) -> (Urgency, Option<Instant>) {
    match &request.subject {
        Subject::Evidence(question, _) => (Urgency::Person, question.question.deadline),
        Subject::Window(..) => (Urgency::Summary, None),
        Subject::Segment(_, segment) => match segment.deadline() {
            Some(deadline) => (Urgency::Live, Some(deadline)),
            None => (Urgency::Recording, None),
        },
    }
}

impl BatchWorker<Request, GeneratedTexts> for DecoderWorker {
    fn start(&mut self) {
        for prefix in &self.prefixes {
            // A decoder that fails at a prefix fails at the requests too, and is reported then.
            let tokens = self.scheduler.pin_prefix(prefix).unwrap_or(0);
            self.counters.add_preloaded_tokens(tokens);
        }
    }

    fn submit(&mut self, ticket: u64, request: &Request) {
        let prompt = match &request.input {
            Ok(RequestInput::Prompt(prompt)) => prompt.clone(),
            Ok(RequestInput::Text(_)) => unreachable!("a known text is no work for the decoder"),
            Err(fault) => return self.rejected.push((ticket, fault.clone())),
        };
        self.counters.add_request(request.task);
        let (urgency, deadline) = priority(request);
        let job = Job {
            prompt,
            max_tokens: request.max_tokens,
            urgency,
            deadline,
        };
        self.active.insert(ticket, ActiveRequest::new(request));
        self.scheduler.submit(ticket, job);
    }

    fn is_idle(&self) -> bool {
        self.rejected.is_empty() && self.scheduler.idle()
    }

    fn advance(&mut self) -> Vec<(u64, Result<GeneratedTexts, Fault>)> {
        self.cancel_unwanted();
        let rejected = std::mem::take(&mut self.rejected).into_iter();
        let mut results: Vec<_> = rejected
            .map(|(ticket, fault)| (ticket, Err(fault)))
            .collect();
        for finished in self.scheduler.advance(Instant::now()) {
            if let Some(active) = self.active.remove(&finished.id) {
                self.finish(&active, &finished.result);
            }
            results.push((finished.id, finished.result));
        }
        self.send_partial_text();
        results
    }

    fn clear(&mut self) {
        self.scheduler.clear();
        self.active.clear();
        self.rejected.clear();
    }
}
