//! Work on a thread of its own keeps order and time.

use std::{cell::RefCell, rc::Rc, time::Instant};

use atom_models::{Fault, Reason};
use atom_operators::{
    offload::{Crew, Health, PATIENCE, Work, offload},
    tick::{Lane, Tick},
};
use proptest::{collection::vec, prelude::*};
use timely::dataflow::operators::{Inspect, vec::UnorderedInput};

use crate::{
    cases,
    world::{DEADLINE, quiet},
};

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn offloaded_work_comes_out_in_order_at_its_own_time(
        items in vec((0..3u32, 0..3usize), 0..60), bad in vec(0..60u64, 0..PATIENCE as usize),
    ) {
        quiet();
        let (sent, fail) = (items.clone(), bad.clone());
        let seen = timely::execute_directly(move |worker| {
            let (crew, seen) = (Crew::default(), Rc::new(RefCell::new(Vec::new())));
            let (mut input, first) = worker.dataflow::<Tick, _, _>(|scope| {
                let (input, items) = scope.new_unordered_input::<u64>();
                let run = move |n: &u64| if fail.contains(n) { panic!("as asked") } else { Ok::<_, Fault>(*n) };
                let (work, log) = (Work { name: "vision", health: Health::default(), run, shows: |_| true }, Rc::clone(&seen));
                offload(items, &crew, work).inspect_core(move |event| if let Ok((time, done)) = event {
                    let told = done.iter().map(|done| done.result.clone().map_err(|fault| fault.reason));
                    let told = told.map(|result| (*time.expect_singleton(), result));
                    log.borrow_mut().extend(told);
                });
                input
            });
            for (n, (lane, steps)) in (0u64..).zip(sent) {
                let capability = first.delayed(&Tick::at(Lane(lane), n));
                input.activate().session(&capability).give(n);
                (0..steps).for_each(|_| _ = worker.step());
            }
            drop((input, first));
            let deadline = Instant::now() + DEADLINE;
            while worker.step_or_park(Some(DEADLINE / 100)) {
                assert!(Instant::now() < deadline, "offloaded work does not end");
            }
            crew.join();
            seen.take()
        });
        prop_assert_eq!(seen.len(), items.len());
        for lane in (0..3).map(Lane) {
            let sent = (0u64..).zip(&items).filter(|(_, (of, ..))| *of == lane.0);
            let result = |n| if bad.contains(&n) { Err(Reason::Panic) } else { Ok(n) };
            let sent: Vec<_> = sent.map(|(n, _)| (Tick::at(lane, n), result(n))).collect();
            let own: Vec<_> = seen.iter().filter(|(tick, _)| tick.lane() == Some(lane)).copied().collect();
            prop_assert_eq!(own, sent);
        }
    }
}
