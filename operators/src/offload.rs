//! Runs slow work beside the graph: one thread of its own for each model, the worker never waits.
//!
//! Each item gets a ticket; the operator keeps the item's capability under it, hands the item over, and gives the result
//! back at the same time when the thread answers. The hand-over never blocks: how much can be under way is bounded at
//! the intake. [`Work`] takes one item after the other, [`Together`] several at a time. Work that panics fails that one
//! item. Work that fails too often in a row is given up: everything that still comes fails at once, so that the graph runs
//! dry and the run can end with the reason.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    thread::JoinHandle,
};

use atom_models::{Fault, Reason, catch_panic};
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
            // Nothing came to work on, or nobody waited for it: that says nothing of the work.
            Err(Fault {
                reason: Reason::Missing | Reason::Late | Reason::Cancelled,
                ..
            }) => {}
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

/// What a thread does with the items that it is given.
pub trait Worker<I, O>: Send + 'static {
    /// Names the operator and its thread.
    fn name(&self) -> &'static str;

    /// Works until no more items come and all are answered, or until `answer` says that nobody listens any more.
    fn work(self, items: Receiver<(u64, I)>, answer: impl FnMut(u64, Done<I, O>) -> bool);
}

/// One item after the other.
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

impl<I, O, F> Worker<I, O> for Work<F, O>
where
    O: 'static,
    F: FnMut(&I) -> Result<O, Fault> + Send + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn work(mut self, items: Receiver<(u64, I)>, mut answer: impl FnMut(u64, Done<I, O>) -> bool) {
        for (ticket, item) in items {
            let result = attempt(&mut self, &item);
            if !answer(ticket, Done { item, result }) {
                return;
            }
        }
    }
}

/// Works on several items at a time, a little on each in turn.
pub trait Desk<I, O>: Send + 'static {
    /// Called once, before the first item.
    fn open(&mut self) {}

    /// Takes an item to work on.
    fn take(&mut self, ticket: u64, item: &I);

    /// Whether there is nothing to work on.
    fn idle(&self) -> bool;

    /// Works a little; gives what is finished. If it panics, everything under way fails.
    fn go_on(&mut self) -> Vec<(u64, Result<O, Fault>)>;

    /// Forgets everything under way: it has failed.
    fn clear(&mut self);
}

/// Several items at a time.
pub struct Together<D> {
    /// Names the operator and its thread.
    pub name: &'static str,
    /// Told of every result.
    pub health: Health,
    /// Works on them.
    pub desk: D,
}

impl<I, O, D> Worker<I, O> for Together<D>
where
    I: Send + 'static,
    D: Desk<I, O>,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn work(mut self, items: Receiver<(u64, I)>, mut answer: impl FnMut(u64, Done<I, O>) -> bool) {
        // What cannot be opened fails at the items, and is told of then.
        let _ = quietly(|| self.desk.open());
        let mut under_way: BTreeMap<u64, I> = BTreeMap::new();
        loop {
            let first = match self.desk.idle() {
                true => match items.recv() {
                    Ok(first) => Some(first),
                    Err(_) => return,
                },
                false => None,
            };
            let mut finished = Vec::new();
            for (ticket, item) in first.into_iter().chain(items.try_iter()) {
                let taken = match given_up(&self.health, self.name) {
                    Some(fault) => Err(fault),
                    None => quietly(|| self.desk.take(ticket, &item)),
                };
                under_way.insert(ticket, item);
                finished.extend(taken.err().map(|fault| (ticket, Err(fault))));
            }
            finished.extend(self.go_on(&under_way));
            for (ticket, result) in finished {
                let Some(item) = under_way.remove(&ticket) else {
                    continue;
                };
                let result = match given_up(&self.health, self.name) {
                    Some(fault) => Err(fault),
                    None => {
                        self.health.note(&result, |_| true);
                        result
                    }
                };
                if !answer(ticket, Done { item, result }) {
                    return;
                }
            }
        }
    }
}

/// Runs `work`; a panic is a fault.
fn quietly(work: impl FnOnce()) -> Result<(), Fault> {
    catch_panic(|| {
        work();
        Ok(())
    })
}

impl<D> Together<D> {
    /// Lets the desk work a little. If that panics, nobody knows which item is to blame: all fail.
    fn go_on<I, O>(&mut self, under_way: &BTreeMap<u64, I>) -> Vec<(u64, Result<O, Fault>)>
    where
        D: Desk<I, O>,
    {
        catch_panic(|| Ok(self.desk.go_on())).unwrap_or_else(|fault| {
            self.desk.clear();
            under_way
                .keys()
                .map(|ticket| (*ticket, Err(fault.clone())))
                .collect()
        })
    }
}

/// Runs `work` on a thread of its own over every record of a stream. Results leave at the time of their records.
pub fn offload<'s, T, I, O, W>(
    stream: StreamVec<'s, T, I>,
    crew: &Crew,
    work: W,
) -> StreamVec<'s, T, Done<I, O>>
where
    T: Timestamp,
    I: Clone + Send + 'static,
    O: Clone + Send + 'static,
    W: Worker<I, O>,
{
    let scope = stream.scope();
    let name = work.name();
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

fn hire<I, O, W>(crew: &Crew, work: W, waker: SyncActivator) -> Bench<I, O>
where
    I: Send + 'static,
    O: Send + 'static,
    W: Worker<I, O>,
{
    let (jobs, incoming) = unbounded::<(u64, I)>();
    let (outgoing, answers) = unbounded();
    let answer =
        move |ticket, done| outgoing.send((ticket, done)).is_ok() && waker.activate().is_ok();
    let thread = std::thread::Builder::new()
        .name(work.name().to_owned())
        .spawn(move || work.work(incoming, answer))
        .expect("the system gives a thread for each model");
    crew.0.borrow_mut().push(thread);
    Bench { jobs, answers }
}

/// Works on one item; a panic becomes a fault.
fn attempt<I, O, F: FnMut(&I) -> Result<O, Fault>>(
    work: &mut Work<F, O>,
    item: &I,
) -> Result<O, Fault> {
    if let Some(fault) = given_up(&work.health, work.name) {
        return Err(fault);
    }
    let result = catch_panic(|| (work.run)(item));
    work.health.note(&result, work.shows);
    result
}

/// What everything gets that comes after the work was given up.
fn given_up(health: &Health, name: &str) -> Option<Fault> {
    let fault = health.given_up()?;
    let told = format!("{name} was given up after: {fault}");
    Some(Fault::new(Reason::GivenUp, told))
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
