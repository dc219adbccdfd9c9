//! Work on several items at a time, a little on each in turn.
//!
//! If one step of the work panics, nobody knows which item is to blame: all items under way fail.

use std::collections::BTreeMap;

use atom_models::{Fault, catch_panic};
use crossbeam::channel::Receiver;

use crate::{
    circuit_breaker::CircuitBreaker,
    offload::{OffloadWorker, Processed},
};

/// A worker that has several items under way at a time.
pub(crate) trait BatchWorker<I, O>: Send + 'static {
    /// Prepares the worker; called once, before the first item.
    fn start(&mut self) {}

    /// Accepts an item.
    fn submit(&mut self, ticket: u64, item: &I);

    /// Returns true if no item is under way.
    fn is_idle(&self) -> bool;

    /// Works for a short time; returns the finished items. If it panics, all items under way fail.
    fn advance(&mut self) -> Vec<(u64, Result<O, Fault>)>;

    /// Drops all items under way, after they have failed.
    fn clear(&mut self);
}

/// An offloaded worker that has several items under way at a time.
pub(crate) struct Batched<W> {
    /// Name of the operator and its thread.
    pub(crate) name: &'static str,
    /// Records every result.
    pub(crate) breaker: CircuitBreaker,
    /// The worker.
    pub(crate) worker: W,
}

impl<I, O, W> OffloadWorker<I, O> for Batched<W>
where
    I: Send + 'static,
    W: BatchWorker<I, O>,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn run(
        mut self,
        items: Receiver<(u64, I)>,
        mut send: impl FnMut(u64, Processed<I, O>) -> bool,
    ) {
        // A worker that fails to start fails at its items and is reported then.
        let _ = catch_panic(|| {
            self.worker.start();
            Ok(())
        });
        let mut under_way: BTreeMap<u64, I> = BTreeMap::new();
        loop {
            let first = match self.worker.is_idle() {
                true => match items.recv() {
                    Ok(first) => Some(first),
                    Err(_) => return,
                },
                false => None,
            };
            let mut finished = Vec::new();
            for (ticket, item) in first.into_iter().chain(items.try_iter()) {
                let submitted = self.submit(ticket, &item);
                under_way.insert(ticket, item);
                finished.extend(submitted.err().map(|fault| (ticket, Err(fault))));
            }
            finished.extend(self.advance(&under_way));
            for (ticket, result) in finished {
                let Some(item) = under_way.remove(&ticket) else {
                    continue;
                };
                let result = self.record(result);
                if !send(ticket, Processed { item, result }) {
                    return;
                }
            }
        }
    }
}

impl<W> Batched<W> {
    fn submit<I, O>(&mut self, ticket: u64, item: &I) -> Result<(), Fault>
    where
        W: BatchWorker<I, O>,
    {
        self.breaker.check(self.name)?;
        catch_panic(|| {
            self.worker.submit(ticket, item);
            Ok(())
        })
    }

    fn advance<I, O>(&mut self, under_way: &BTreeMap<u64, I>) -> Vec<(u64, Result<O, Fault>)>
    where
        W: BatchWorker<I, O>,
    {
        catch_panic(|| Ok(self.worker.advance())).unwrap_or_else(|fault| {
            self.worker.clear();
            under_way
                .keys()
                .map(|ticket| (*ticket, Err(fault.clone())))
                .collect()
        })
    }

    fn record<O>(&self, result: Result<O, Fault>) -> Result<O, Fault> {
        self.breaker.check(self.name)?;
        self.breaker.record(&result, |_| true);
        result
    }
}
