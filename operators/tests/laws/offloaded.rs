//! Offloaded work keeps order and time.

use std::{cell::RefCell, rc::Rc, time::Instant};

use atom_models::{Fault, Reason};
use atom_operators::{
    circuit_breaker::{CircuitBreaker, FAILURES_TO_TRIP},
    offload::{Sequential, ThreadGroup, offload},
    tick::{Partition, Tick},
};
use proptest::{collection::vec, prelude::*};
use timely::dataflow::operators::{Inspect, vec::UnorderedInput};

use crate::{
    cases,
    world::{DEADLINE, silence_expected_panics},
};

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn offloaded_work_comes_out_in_order_at_its_own_time(
        items in vec((0..3u32, 0..3usize), 0..60), bad in vec(0..60u64, 0..FAILURES_TO_TRIP as usize),
    ) {
        silence_expected_panics();
        let (sent, fail) = (items.clone(), bad.clone());
        let seen = timely::execute_directly(move |worker| {
            let (threads, seen) = (ThreadGroup::default(), Rc::new(RefCell::new(Vec::new())));
            let (mut input, first) = worker.dataflow::<Tick, _, _>(|scope| {
                let (input, items) = scope.new_unordered_input::<u64>();
                let run = move |n: &u64| if fail.contains(n) { panic!("as asked") } else { Ok::<_, Fault>(*n) };
                let (work, log) = (Sequential { name: "vision", breaker: CircuitBreaker::default(), run, counts_as_success: |_| true }, Rc::clone(&seen));
                offload(items, &threads, work).inspect_core(move |event| if let Ok((time, done)) = event {
                    let results = done.iter().map(|done| done.result.clone().map_err(|fault| fault.reason));
                    let results = results.map(|result| (*time.expect_singleton(), result));
                    log.borrow_mut().extend(results);
                });
                input
            });
            for (n, (partition, steps)) in (0u64..).zip(sent) {
                let capability = first.delayed(&Tick::new(Partition(partition), n));
                input.activate().session(&capability).give(n);
                (0..steps).for_each(|_| _ = worker.step());
            }
            drop((input, first));
            let deadline = Instant::now() + DEADLINE;
            while worker.step_or_park(Some(DEADLINE / 100)) {
                assert!(Instant::now() < deadline, "offloaded work does not end");
            }
            threads.join();
            seen.take()
        });
        prop_assert_eq!(seen.len(), items.len());
        for partition in (0..3).map(Partition) {
            let sent = (0u64..).zip(&items).filter(|(_, (of, ..))| *of == partition.0);
            let result = |n| if bad.contains(&n) { Err(Reason::Panic) } else { Ok(n) };
            let sent: Vec<_> = sent.map(|(n, _)| (Tick::new(partition, n), result(n))).collect();
            let own: Vec<_> = seen.iter().filter(|(tick, _)| tick.partition() == Some(partition)).copied().collect();
            prop_assert_eq!(own, sent);
        }
    }
}
