//! Slow work beside the graph: each model runs on a thread of its own, and the timely worker never waits for it.
//!
//! Each item gets a ticket. The operator keeps the item's capability under the ticket, sends the item to the thread, and
//! gives the result at the item's time when the thread answers. Sending never blocks, because the intake bounds the
//! items under way. [`Sequential`] work takes one item after the other; `Batched` work (`batch_worker`) takes several at
//! a time. Work that panics fails only the current item; work that keeps failing trips its [`CircuitBreaker`].

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, thread::JoinHandle};

use atom_models::{Fault, catch_panic};
use crossbeam::channel::{Receiver, Sender, unbounded};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator},
    progress::Timestamp,
    scheduling::SyncActivator,
};

use crate::circuit_breaker::CircuitBreaker;

/// An item with its result.
#[derive(Clone, Debug)]
pub struct Processed<I, O> {
    /// The item as it was sent.
    pub item: I,
    /// The result, or the reason why there is none.
    pub result: Result<O, Fault>,
}

/// The threads of a graph; its builder can wait for their end.
#[derive(Debug, Default)]
pub struct ThreadGroup(RefCell<Vec<JoinHandle<()>>>);

impl ThreadGroup {
    /// Waits for all threads; they end when the graph is dropped.
    pub fn join(self) {
        for thread in self.0.into_inner() {
            // Panics of the work are caught inside; nothing else can panic there.
            let _ = thread.join();
        }
    }

    /// Spawns the thread of a worker; each result wakes the operator.
    fn spawn<I, O, W>(&self, worker: W, waker: SyncActivator) -> WorkerHandle<I, O>
    where
        I: Send + 'static,
        O: Send + 'static,
        W: OffloadWorker<I, O>,
    {
        let (items, incoming) = unbounded::<(u64, I)>();
        let (outgoing, results) = unbounded();
        let send = move |ticket, processed| {
            outgoing.send((ticket, processed)).is_ok() && waker.activate().is_ok()
        };
        let thread = std::thread::Builder::new()
            .name(worker.name().to_owned())
            .spawn(move || worker.run(incoming, send))
            .expect("the system can spawn a thread for each model");
        self.0.borrow_mut().push(thread);
        WorkerHandle { items, results }
    }
}

/// The operator's side of the two channels to a worker's thread.
struct WorkerHandle<I, O> {
    items: Sender<(u64, I)>,
    results: Receiver<(u64, Processed<I, O>)>,
}

impl<I, O> WorkerHandle<I, O> {
    fn send(&self, ticket: u64, item: I) {
        self.items
            .send((ticket, item))
            .expect("the thread ends only after this sender is dropped");
    }
}

/// The work that a thread does on the items it receives.
pub trait OffloadWorker<I, O>: Send + 'static {
    /// Returns the name of the operator and its thread.
    fn name(&self) -> &'static str;

    /// Works until no more items come and all results are sent, or until `send` returns false because the operator is
    /// gone.
    fn run(self, items: Receiver<(u64, I)>, send: impl FnMut(u64, Processed<I, O>) -> bool);
}

/// A worker that processes one item after the other.
pub struct Sequential<F, O> {
    /// Name of the operator and its thread.
    pub name: &'static str,
    /// Records every result.
    pub breaker: CircuitBreaker,
    /// Processes one item.
    pub run: F,
    /// Returns true if a result proves that the work succeeds; false if there was nothing to do for the item.
    pub counts_as_success: fn(&O) -> bool,
}

impl<F, O> Sequential<F, O> {
    /// Processes one item; a panic becomes a fault.
    fn process<I>(&mut self, item: &I) -> Result<O, Fault>
    where
        F: FnMut(&I) -> Result<O, Fault>,
    {
        self.breaker.check(self.name)?;
        let result = catch_panic(|| (self.run)(item));
        self.breaker.record(&result, self.counts_as_success);
        result
    }
}

impl<I, O, F> OffloadWorker<I, O> for Sequential<F, O>
where
    O: 'static,
    F: FnMut(&I) -> Result<O, Fault> + Send + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(
        mut self,
        items: Receiver<(u64, I)>,
        mut send: impl FnMut(u64, Processed<I, O>) -> bool,
    ) {
        for (ticket, item) in items {
            let result = self.process(&item);
            if !send(ticket, Processed { item, result }) {
                return;
            }
        }
    }
}

/// Runs a worker on a thread of its own over every record of a stream. Results leave at the times of their records.
///
/// ```
/// use std::sync::mpsc;
///
/// use atom_operators::{
///     circuit_breaker::CircuitBreaker, offload::{Sequential, ThreadGroup, offload},
/// };
/// use timely::dataflow::operators::{Inspect, vec::ToStream};
///
/// let (output, results) = mpsc::channel();
/// timely::example(move |scope| {
///     let squares = Sequential {
///         name: "square",
///         breaker: CircuitBreaker::default(),
///         run: |x: &u64| Ok(x * x),
///         counts_as_success: |_| true,
///     };
///     offload((1..4).to_stream(scope), &ThreadGroup::default(), squares)
///         .inspect(move |processed| output.send(processed.result.clone()).unwrap());
/// });
/// assert_eq!(results.iter().collect::<Vec<_>>(), [Ok(1), Ok(4), Ok(9)]);
/// ```
pub fn offload<'s, T, I, O, W>(
    stream: StreamVec<'s, T, I>,
    threads: &ThreadGroup,
    worker: W,
) -> StreamVec<'s, T, Processed<I, O>>
where
    T: Timestamp,
    I: Clone + Send + 'static,
    O: Clone + Send + 'static,
    W: OffloadWorker<I, O>,
{
    let scope = stream.scope();
    let name = worker.name();
    stream.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        name,
        move |_initial, info| {
            let waker = scope.worker().sync_activator_for(info.address.to_vec());
            let handle = threads.spawn(worker, waker);
            let mut tickets = Tickets::default();
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let capability = Rc::new(capability.retain_stamp(0));
                    for item in batches.flat_map(|batch| batch.drain(..)) {
                        handle.send(tickets.issue(Rc::clone(&capability)), item);
                    }
                });
                for (ticket, processed) in handle.results.try_iter() {
                    if let Some(capability) = tickets.redeem(ticket) {
                        output.session(&*capability).give(processed);
                    }
                }
            }
        },
    )
}

/// The capabilities of the items under way, by ticket.
struct Tickets<C> {
    next: u64,
    issued: BTreeMap<u64, C>,
}

impl<C> Default for Tickets<C> {
    fn default() -> Self {
        Self {
            next: 0,
            issued: BTreeMap::new(),
        }
    }
}

impl<C> Tickets<C> {
    fn issue(&mut self, capability: C) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.issued.insert(ticket, capability);
        ticket
    }

    fn redeem(&mut self, ticket: u64) -> Option<C> {
        self.issued.remove(&ticket)
    }
}

#[cfg(test)]
mod tests {
    use atom_models::Reason;

    use super::*;
    use crate::circuit_breaker::FAILURES_TO_TRIP;

    fn worker(
        run: impl FnMut(&u32) -> Result<u32, Fault>,
    ) -> Sequential<impl FnMut(&u32) -> Result<u32, Fault>, u32> {
        Sequential {
            name: "test",
            breaker: CircuitBreaker::default(),
            run,
            counts_as_success: |_| true,
        }
    }

    #[test]
    fn a_panic_is_a_fault_with_its_message() {
        let mut worker = worker(|x| if *x == 0 { panic!("zero") } else { Ok(*x) });
        let fault = worker.process(&0).unwrap_err();
        assert_eq!((fault.reason, &*fault.detail), (Reason::Panic, "zero"));
        assert_eq!(worker.process(&1), Ok(1));
        assert!(worker.breaker.tripped().is_none() && worker.breaker.never_succeeded().is_none());
    }

    #[test]
    fn items_fail_at_once_after_the_breaker_has_tripped() {
        let mut worker = worker(|_| Err(Fault::new(Reason::Model, "no")));
        for _ in 0..FAILURES_TO_TRIP {
            assert_eq!(worker.process(&1).unwrap_err().reason, Reason::Model);
        }
        assert_eq!(worker.process(&1).unwrap_err().reason, Reason::GivenUp);
        assert!(worker.breaker.never_succeeded().is_some());
    }

    #[test]
    fn a_ticket_is_redeemed_once() {
        let mut tickets = Tickets::default();
        let (first, second) = (tickets.issue('a'), tickets.issue('b'));
        assert_eq!(
            (
                tickets.redeem(second),
                tickets.redeem(first),
                tickets.redeem(first)
            ),
            (Some('b'), Some('a'), None)
        );
    }
}
