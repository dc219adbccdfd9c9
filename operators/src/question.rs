//! Questions that people ask about what was seen: data on a source of their own, with its own ticks.
//!
//! So the graph that serves recordings serves questions beside them; a recording waits for a question no longer than for the work of a
//! thread that both need. The source closes when nobody can ask any more, or when it is told to.

use std::{
    sync::{Arc, Mutex, PoisonError, mpsc},
    time::Instant,
};

use atom_models::{Fault, Reason};
use crossbeam::channel::{Receiver, Sender, TryRecvError, unbounded};
use thiserror::Error;
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{
        Scope, StreamVec,
        operators::{Capability, generic::operator::source},
    },
};

use crate::{
    cancel::CancellationToken,
    flow::Flow,
    tick::{Lane, Tick},
};

/// The source that questions are.
pub const QUESTIONS: Lane = Lane(u32::MAX);
/// The longest question, in characters.
pub const LONGEST: usize = 500;

/// A question of a person, and about what.
#[derive(Clone, Debug, Default)]
pub struct Question {
    /// Its words, 1 to [`LONGEST`] characters.
    pub text: Arc<str>,
    /// About this source only.
    pub source: Option<String>,
    /// About what is shown at or after this media time only, in milliseconds.
    pub from_ms: Option<u64>,
    /// About what is shown before this media time only, in milliseconds.
    pub to_ms: Option<u64>,
    /// After this an answer is of no use.
    pub deadline: Option<Instant>,
    /// Is told what of an answer is there as it grows; the whole text so far each time.
    pub hearing: Option<mpsc::Sender<String>>,
    /// Set by who asked when nobody waits any more.
    pub dropped: CancellationToken,
}

/// A text that is no question.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum QuestionError {
    /// It has no letter and no digit.
    #[error(
        "the question {0:?} asks nothing; expected words, for example \"What is the dog doing?\""
    )]
    Empty(String),
    /// It is longer than anybody can mean.
    #[error("the question has {0} characters; expected at most {LONGEST}")]
    Long(usize),
}

impl Question {
    /// A question about everything.
    ///
    /// # Errors
    /// If there are no words in it, or too many.
    pub fn new(text: &str) -> Result<Self, QuestionError> {
        let text = text.trim();
        let length = text.chars().count();
        if length > LONGEST {
            return Err(QuestionError::Long(length));
        }
        if !text.chars().any(char::is_alphanumeric) {
            return Err(QuestionError::Empty(text.to_owned()));
        }
        Ok(Self {
            text: text.into(),
            ..Self::default()
        })
    }

    /// Whether nobody waits for the answer any more.
    pub fn dropped(&self) -> bool {
        self.dropped.is_cancelled()
    }

    /// Whether it is still worth working on.
    ///
    /// # Errors
    /// Why not, if nobody waits for it or it is too late.
    pub fn wanted(&self) -> Result<(), Fault> {
        if self.dropped() {
            let told = "whoever asked does not wait for it any more";
            return Err(Fault::new(Reason::Cancelled, told));
        }
        let over = self
            .deadline
            .and_then(|deadline| Instant::now().checked_duration_since(deadline));
        match over {
            Some(over) => {
                let told = format!("not found {} ms after it was of use", over.as_millis());
                Err(Fault::new(Reason::Late, told))
            }
            None => Ok(()),
        }
    }
}

/// Where questions are handed in. When it is dropped, no more come.
#[derive(Debug)]
pub struct Asking {
    questions: Option<Sender<Question>>,
    flow: Arc<Flow>,
    closed: Arc<Mutex<bool>>,
}

/// Where the graph takes them from.
#[derive(Debug)]
pub struct Inbox {
    questions: Receiver<Question>,
    flow: Arc<Flow>,
    closed: Arc<Mutex<bool>>,
}

/// Closes an inbox.
#[derive(Clone, Debug)]
pub struct Closer {
    flow: Arc<Flow>,
    closed: Arc<Mutex<bool>>,
}

/// Both ends of a way for questions.
pub fn inbox() -> (Asking, Inbox) {
    let (sender, questions) = unbounded();
    let flow = Flow::new(crate::flow::Bounds::default());
    let closed = Arc::default();
    let asking = Asking {
        questions: Some(sender),
        flow: Arc::clone(&flow),
        closed: Arc::clone(&closed),
    };
    let inbox = Inbox {
        questions,
        flow,
        closed,
    };
    (asking, inbox)
}

impl Asking {
    /// Hands a question in; gives whether it was taken, and so will be answered.
    pub fn ask(&self, question: Question) -> bool {
        // Held while it is handed in: what is closed after that sees the question.
        let closed = self.closed.lock().unwrap_or_else(PoisonError::into_inner);
        let sender = self.questions.as_ref().filter(|_| !*closed);
        let taken = sender.is_some_and(|sender| sender.send(question).is_ok());
        drop(closed);
        self.flow.wake();
        taken
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.questions = None;
        self.flow.wake();
    }
}

impl Inbox {
    /// What closes this inbox.
    pub fn closer(&self) -> Closer {
        Closer {
            flow: Arc::clone(&self.flow),
            closed: Arc::clone(&self.closed),
        }
    }
}

impl Closer {
    /// Takes nothing more; what was handed in before is still answered.
    pub fn close(&self) {
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.flow.wake();
    }
}

/// Takes questions in, each at a tick of its own.
pub fn questions<'s>(
    scope: Scope<'s, Tick>,
    inbox: Option<Inbox>,
) -> StreamVec<'s, Tick, Arc<Question>> {
    source::<_, CapacityContainerBuilder<Vec<Arc<Question>>>, _, _>(
        scope,
        "Questions",
        move |initial, info| {
            let mut open: Option<(Inbox, Capability<Tick>)> = inbox.map(|inbox| {
                inbox
                    .flow
                    .waking(scope.worker().sync_activator_for(info.address.to_vec()));
                (inbox, initial.delayed(&Tick::at(QUESTIONS, 0)))
            });
            drop(initial);
            let mut n = 0;
            move |output| {
                while let Some((inbox, capability)) = &mut open {
                    // Read before the questions: what was handed in before the closing is taken.
                    let closed = *inbox.closed.lock().unwrap_or_else(PoisonError::into_inner);
                    match inbox.questions.try_recv() {
                        Ok(question) => {
                            output.session(&*capability).give(Arc::new(question));
                            n += 1;
                            capability.downgrade(&Tick::at(QUESTIONS, n));
                        }
                        Err(TryRecvError::Empty) if !closed => return,
                        Err(_) => open = None,
                    }
                }
            }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_has_words_and_not_too_many() {
        assert_eq!(
            &*Question::new(" What is it? ").unwrap().text,
            "What is it?"
        );
        for empty in ["", "  ", "?!", "\n"] {
            assert!(
                matches!(Question::new(empty), Err(QuestionError::Empty(_))),
                "{empty:?}"
            );
        }
        let long = "why ".repeat(25_000);
        assert_eq!(
            Question::new(&long).unwrap_err(),
            QuestionError::Long(99_999)
        );
        assert!(Question::new(&"x".repeat(LONGEST)).is_ok());
    }
}
