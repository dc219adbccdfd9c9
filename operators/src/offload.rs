//! Runs slow work beside the graph: one thread of its own for each model, the worker never waits.
//!
//! Each item gets a ticket; the operator keeps the item's capability under it, hands the item over, and gives the result
//! back at the same time when the thread answers. The hand-over never blocks: how much can be under way is bounded at
//! the intake. Work that panics fails that one item. Work that fails too often in a row is given up: everything that
//! still comes fails at once, so that the graph runs dry and the run can end with the reason.

use std::{
    any::Any,
    cell::RefCell,
    collections::BTreeMap,
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use atom_models::{Fault, Reason};
use crossbeam::channel::{Receiver, Sender, unbounded};
use timely::{
    container::CapacityContainerBuilder,
    dataflow::{StreamVec, channels::pact::Pipeline, operators::Operator},
    progress::Timestamp,
    scheduling::SyncActivator,
};

/// So many failures in a row, and the work is given up: a model that is broken fails on everything, bad data does not
/// come in such runs without a good item between. Raising it delays the end of a hopeless run.
pub const PATIENCE: u32 = 8;

/// An item with what came of it.
#[derive(Clone, Debug)]
pub struct Done<I, O> {
    /// The item as it was handed over.
    pub item: I,
    /// The result, or why there is none.
    pub result: Result<O, Fault>,
}

/// How a piece of work is doing. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health(Arc<Mutex<Condition>>);

#[derive(Debug, Default)]
struct Condition {
    worked: u64,
    in_a_row: u32,
    last: Option<Fault>,
}

impl Health {
    /// Notes the result of one item.
    fn note<O>(&self, result: &Result<O, Fault>, shows: fn(&O) -> bool) {
        let mut condition = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match result {
            Ok(nothing) if !shows(nothing) => {}
            Ok(_) => {
                condition.worked += 1;
                condition.in_a_row = 0;
            }
            // Nothing came to work on: that says nothing of the work.
            Err(fault) if fault.reason == Reason::Missing => {}
            Err(fault) => {
                condition.in_a_row += 1;
                condition.last = Some(fault.clone());
            }
        }
    }

    /// The last fault, if the work failed too often in a row.
    pub fn given_up(&self) -> Option<Fault> {
        let condition = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if condition.in_a_row >= PATIENCE {
            condition.last.clone()
        } else {
            None
        }
    }

    /// The last fault, if nothing ever worked.
    pub fn never_worked(&self) -> Option<Fault> {
        let condition = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if condition.worked == 0 {
            condition.last.clone()
        } else {
            None
        }
    }
}

/// The threads of a graph, so that whoever built it can wait for their end.
#[derive(Debug, Default)]
pub struct Crew(RefCell<Vec<JoinHandle<()>>>);

impl Crew {
    /// Waits for all threads; they end when the graph is gone.
    pub fn join(self) {
        for thread in self.0.into_inner() {
            // Panics of the work are caught inside; nothing else can panic there.
            let _ = thread.join();
        }
    }
}

/// The work and what is known of it.
pub struct Work<F, O> {
    /// Names the operator and its thread.
    pub name: &'static str,
    /// Told of every result.
    pub health: Health,
    /// Works on one item.
    pub run: F,
    /// Whether a result shows that the work works; not if there was nothing to do for the item.
    pub shows: fn(&O) -> bool,
}

/// Runs `work` on a thread of its own over every record of a stream. Results leave at the time of their records.
pub fn offload<'s, T, I, O, F>(
    stream: StreamVec<'s, T, I>,
    crew: &Crew,
    work: Work<F, O>,
) -> StreamVec<'s, T, Done<I, O>>
where
    T: Timestamp,
    I: Clone + Send + 'static,
    O: Clone + Send + 'static,
    F: FnMut(&I) -> Result<O, Fault> + Send + 'static,
{
    let scope = stream.scope();
    let name = work.name;
    stream.unary::<CapacityContainerBuilder<Vec<_>>, _, _, _>(
        Pipeline,
        name,
        move |_initial, info| {
            let bench = hire(
                crew,
                work,
                scope.worker().sync_activator_for(info.address.to_vec()),
            );
            let mut tickets = Tickets::default();
            move |input, output| {
                input.for_each_stamp(|capability, batches| {
                    let capability = Rc::new(capability.retain_stamp(0));
                    for item in batches.flat_map(|batch| batch.drain(..)) {
                        bench.hand_over(tickets.issue(Rc::clone(&capability)), item);
                    }
                });
                for (ticket, done) in bench.answers.try_iter() {
                    if let Some(capability) = tickets.redeem(ticket) {
                        output.session(&*capability).give(done);
                    }
                }
            }
        },
    )
}

/// The operator's side of the two channels.
struct Bench<I, O> {
    jobs: Sender<(u64, I)>,
    answers: Receiver<(u64, Done<I, O>)>,
}

impl<I, O> Bench<I, O> {
    fn hand_over(&self, ticket: u64, item: I) {
        self.jobs
            .send((ticket, item))
            .expect("the thread ends only after this sender is dropped");
    }
}

fn hire<I, O, F>(crew: &Crew, mut work: Work<F, O>, waker: SyncActivator) -> Bench<I, O>
where
    I: Send + 'static,
    O: Send + 'static,
    F: FnMut(&I) -> Result<O, Fault> + Send + 'static,
{
    let (jobs, incoming) = unbounded::<(u64, I)>();
    let (outgoing, answers) = unbounded();
    let thread = std::thread::Builder::new()
        .name(work.name.to_owned())
        .spawn(move || {
            for (ticket, item) in incoming {
                let result = attempt(&mut work, &item);
                if outgoing.send((ticket, Done { item, result })).is_err()
                    || waker.activate().is_err()
                {
                    return;
                }
            }
        })
        .expect("the system gives a thread for each model");
    crew.0.borrow_mut().push(thread);
    Bench { jobs, answers }
}

/// Works on one item; a panic becomes a fault.
fn attempt<I, O, F: FnMut(&I) -> Result<O, Fault>>(
    work: &mut Work<F, O>,
    item: &I,
) -> Result<O, Fault> {
    if let Some(fault) = work.health.given_up() {
        return Err(Fault::new(
            Reason::GivenUp,
            format!("{} was given up after: {fault}", work.name),
        ));
    }
    let run = AssertUnwindSafe(|| (work.run)(item));
    let result =
        catch_unwind(run).unwrap_or_else(|panic| Err(Fault::new(Reason::Panic, message(&*panic))));
    work.health.note(&result, work.shows);
    result
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

/// What is owed: a capability for each ticket that is out.
struct Tickets<C> {
    next: u64,
    out: BTreeMap<u64, C>,
}

impl<C> Default for Tickets<C> {
    fn default() -> Self {
        Self {
            next: 0,
            out: BTreeMap::new(),
        }
    }
}

impl<C> Tickets<C> {
    fn issue(&mut self, capability: C) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.out.insert(ticket, capability);
        ticket
    }

    fn redeem(&mut self, ticket: u64) -> Option<C> {
        self.out.remove(&ticket)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn work(
        run: impl FnMut(&u32) -> Result<u32, Fault>,
    ) -> Work<impl FnMut(&u32) -> Result<u32, Fault>, u32> {
        Work {
            name: "test",
            health: Health::default(),
            run,
            shows: |_| true,
        }
    }

    #[test]
    fn a_panic_is_a_fault_with_its_message() {
        let mut work = work(|x| if *x == 0 { panic!("zero") } else { Ok(*x) });
        let fault = attempt(&mut work, &0).unwrap_err();
        assert_eq!((fault.reason, &*fault.detail), (Reason::Panic, "zero"));
        assert_eq!(attempt(&mut work, &1), Ok(1));
        assert!(work.health.given_up().is_none() && work.health.never_worked().is_none());
    }

    #[test]
    fn gives_up_after_failing_too_often_in_a_row() {
        let mut work = work(|_| Err(Fault::new(Reason::Model, "no")));
        for _ in 0..PATIENCE {
            assert_eq!(attempt(&mut work, &1).unwrap_err().reason, Reason::Model);
        }
        assert_eq!(attempt(&mut work, &1).unwrap_err().reason, Reason::GivenUp);
        assert!(work.health.never_worked().is_some());
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
