//! The source of people's questions: a partition of its own, with its own ticks.
//!
//! So the graph that processes recordings answers questions beside them: a recording waits for a question no longer than
//! for the work of a thread that both need. The source ends when nobody can ask any more, or when it is closed.

use std::sync::Arc;

use crossbeam::channel::{Receiver, Sender, TryRecvError, unbounded};
use parking_lot::Mutex;
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{
        Scope, StreamVec,
        operators::{Capability, generic::operator::source},
    },
};

use crate::{
    credits::{CreditLimits, Credits},
    qa::question::Question,
    tick::{Partition, Tick},
};

/// The partition of questions.
pub const QUESTIONS: Partition = Partition(u32::MAX);

/// The sending end of the question source. When it is dropped, no more questions come.
#[derive(Debug)]
pub struct QuestionSender {
    questions: Option<Sender<Question>>,
    closer: QuestionCloser,
}

/// The receiving end of the question source, for the graph.
#[derive(Debug)]
pub struct QuestionReceiver {
    questions: Receiver<Question>,
    closer: QuestionCloser,
}

/// Closes the question source.
#[derive(Clone, Debug)]
pub struct QuestionCloser {
    /// Wakes the source.
    credits: Arc<Credits>,
    closed: Arc<Mutex<bool>>,
}

/// Creates both ends of a question source.
pub fn question_channel() -> (QuestionSender, QuestionReceiver) {
    let (sender, receiver) = unbounded();
    let closer = QuestionCloser {
        credits: Credits::new(CreditLimits::default()),
        closed: Arc::default(),
    };
    let sender = QuestionSender {
        questions: Some(sender),
        closer: closer.clone(),
    };
    let receiver = QuestionReceiver {
        questions: receiver,
        closer,
    };
    (sender, receiver)
}

impl QuestionSender {
    /// Sends a question; returns true if it was accepted and so will be answered.
    pub fn ask(&self, question: Question) -> bool {
        // Held while sending: a later close of the source sees the question.
        let closed = self.closer.closed.lock();
        let sender = self.questions.as_ref().filter(|_| !*closed);
        let accepted = sender.is_some_and(|sender| sender.send(question).is_ok());
        drop(closed);
        self.closer.credits.wake_intake();
        accepted
    }
}

impl Drop for QuestionSender {
    fn drop(&mut self) {
        self.questions = None;
        self.closer.credits.wake_intake();
    }
}

impl QuestionReceiver {
    /// Returns a handle that closes this source.
    pub fn closer(&self) -> QuestionCloser {
        self.closer.clone()
    }
}

impl QuestionCloser {
    /// Closes the source to new questions; those sent before are still answered.
    pub fn close(&self) {
        *self.closed.lock() = true;
        self.credits.wake_intake();
    }

    fn is_closed(&self) -> bool {
        *self.closed.lock()
    }
}

/// Takes in questions, each with a tick of its own.
///
/// ```
/// use std::sync::mpsc;
///
/// use atom_operators::{
///     qa::{question::Question, question_source::{question_channel, questions}}, tick::Tick,
/// };
/// use timely::dataflow::operators::Inspect;
///
/// let (sender, receiver) = question_channel();
/// assert!(sender.ask(Question::new("What is the dog doing?").unwrap()));
/// receiver.closer().close();
/// assert!(!sender.ask(Question::new("Is it late?").unwrap()), "closed");
///
/// let (output, texts) = mpsc::channel();
/// timely::execute_directly(move |worker| {
///     worker.dataflow::<Tick, _, _>(|scope| {
///         questions(scope, Some(receiver))
///             .inspect(move |question| output.send(question.text.clone()).unwrap());
///     });
/// });
/// assert_eq!(texts.iter().collect::<Vec<_>>(), ["What is the dog doing?".into()]);
/// ```
pub fn questions<'s>(
    scope: Scope<'s, Tick>,
    receiver: Option<QuestionReceiver>,
) -> StreamVec<'s, Tick, Arc<Question>> {
    source::<_, CapacityContainerBuilder<Vec<Arc<Question>>>, _, _>(
        scope,
        "Questions",
        move |initial, info| {
            let mut open: Option<(QuestionReceiver, Capability<Tick>)> = receiver.map(|receiver| {
                let waker = scope.worker().sync_activator_for(info.address.to_vec());
                receiver.closer.credits.set_intake(waker);
                (receiver, initial.delayed(&Tick::new(QUESTIONS, 0)))
            });
            drop(initial);
            let mut n = 0;
            move |output| {
                while let Some((receiver, capability)) = &mut open {
                    // Read before the questions, so that every question sent before the closing is admitted.
                    let closed = receiver.closer.is_closed();
                    match receiver.questions.try_recv() {
                        Ok(question) => {
                            output.session(&*capability).give(Arc::new(question));
                            n += 1;
                            capability.downgrade(&Tick::new(QUESTIONS, n));
                        }
                        Err(TryRecvError::Empty) if !closed => return,
                        Err(_) => open = None,
                    }
                }
            }
        },
    )
}
