//! The decoder's thread: hands requests to the scheduler, tells people what of their answer is there, and counts.

use std::{collections::BTreeMap, sync::Arc, time::Instant};

use atom_models::{Fault, Generation, Job, Prompt, Reason, Scheduler, Urgency};

use tracing::debug;

use crate::{
    data::Segment,
    decode::{About, Request},
    offload::Desk,
    question::Question,
    tally::{Tally, Task},
};

/// The scheduler with what its requests are for.
pub(crate) struct DecoderDesk {
    scheduler: Scheduler,
    beginnings: Vec<Prompt>,
    tally: Tally,
    under_way: BTreeMap<u64, Purpose>,
    /// What never gets to the scheduler, or is taken from it.
    refused: Vec<(u64, Fault)>,
}

/// What a request is for.
struct Purpose {
    task: Task,
    /// Who waits for it.
    person: Option<Arc<Question>>,
    /// What was told of the answer so far, if its growth is of interest.
    told: Option<String>,
    /// What it is about, if that is a segment.
    segment: Option<Arc<Segment>>,
}

impl DecoderDesk {
    /// A desk that runs `beginnings` before the first request, for all of them.
    pub(crate) fn new(scheduler: Scheduler, beginnings: Vec<Prompt>, tally: Tally) -> Self {
        Self {
            scheduler,
            beginnings,
            tally,
            under_way: BTreeMap::new(),
            refused: Vec::new(),
        }
    }

    /// Takes requests from the scheduler that nobody waits for.
    fn drop_unwanted(&mut self) {
        let unwanted = self.under_way.iter().filter_map(|(ticket, purpose)| {
            let person = purpose.person.as_ref()?;
            Some((*ticket, person.wanted().err()?))
        });
        for (ticket, fault) in unwanted.collect::<Vec<_>>() {
            self.under_way.remove(&ticket);
            self.scheduler.cancel(ticket);
            self.refused.push((ticket, fault));
        }
    }

    /// Tells people what of their answers is there.
    fn tell(&mut self) {
        for (ticket, purpose) in &mut self.under_way {
            let (Some(person), Some(told)) = (&purpose.person, &mut purpose.told) else {
                continue;
            };
            let Some(hearing) = &person.hearing else {
                continue;
            };
            let Some(text) = self.scheduler.partial_text(*ticket) else {
                continue;
            };
            if text != *told {
                // Who does not listen any more does not miss it.
                let _ = hearing.send(text.clone());
                *told = text;
            }
        }
    }
}

/// How soon a request is wanted, and when it is of no use any more.
fn haste(request: &Request) -> (Urgency, Option<Instant>) {
    match &request.about {
        About::Moment(inquiry, _) => (Urgency::Person, inquiry.question.deadline),
        About::Stretch(..) => (Urgency::Summary, None),
        About::Segment(_, segment) => match segment.deadline() {
            Some(deadline) => (Urgency::Live, Some(deadline)),
            None => (Urgency::Recording, None),
        },
    }
}

impl Desk<Request, Generation> for DecoderDesk {
    fn open(&mut self) {
        for beginning in &self.beginnings {
            // A decoder that fails at this will fail at the requests, and be told of then.
            let tokens = self.scheduler.pin_prefix(beginning).unwrap_or(0);
            self.tally.loaded(tokens);
        }
    }

    fn take(&mut self, ticket: u64, request: &Request) {
        let prompt = match &request.prompt {
            Ok(prompt) => prompt.clone(),
            Err(fault) => return self.refused.push((ticket, fault.clone())),
        };
        self.tally.asked(request.task);
        // Only one text can be shown as it grows: that about the moment that fits best.
        let (person, first) = match &request.about {
            About::Moment(inquiry, n) => (Some(Arc::clone(&inquiry.question)), *n == 0),
            _ => (None, false),
        };
        let (urgency, deadline) = haste(request);
        let job = Job {
            prompt,
            max_tokens: request.max_tokens,
            urgency,
            deadline,
        };
        let purpose = Purpose {
            task: request.task,
            person,
            told: first.then(String::new),
            segment: match &request.about {
                About::Segment(_, segment) => Some(Arc::clone(segment)),
                _ => None,
            },
        };
        self.under_way.insert(ticket, purpose);
        self.scheduler.submit(ticket, job);
    }

    fn idle(&self) -> bool {
        self.refused.is_empty() && self.scheduler.idle()
    }

    fn go_on(&mut self) -> Vec<(u64, Result<Generation, Fault>)> {
        self.drop_unwanted();
        let refused = std::mem::take(&mut self.refused).into_iter();
        let mut answers: Vec<_> = refused
            .map(|(ticket, fault)| (ticket, Err(fault)))
            .collect();
        for finished in self.scheduler.advance(Instant::now()) {
            let purpose = self.under_way.remove(&finished.id);
            let late = |fault: &Fault| fault.reason == Reason::Late;
            if let (Some(segment), true) = (
                purpose
                    .as_ref()
                    .and_then(|purpose| purpose.segment.as_ref()),
                finished.result.as_ref().is_err_and(late),
            ) {
                segment.strain();
            }
            if let (Some(purpose), Ok(generation)) = (purpose, &finished.result) {
                self.tally.decoded(purpose.task, generation);
                let _of_segment = purpose.segment.as_ref().map(|segment| segment.span.enter());
                debug!(
                    task = purpose.task.name(),
                    prefilled = generation.prefilled,
                    reused = generation.reused,
                    generated = generation.generated,
                    "decoded"
                );
            }
            answers.push((finished.id, finished.result));
        }
        self.tell();
        answers
    }

    fn clear(&mut self) {
        self.scheduler.clear();
        self.under_way.clear();
        self.refused.clear();
    }
}
