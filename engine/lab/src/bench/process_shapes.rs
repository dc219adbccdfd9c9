//! The shapes that `atom bench reuse` compares: how tasks are divided among processes.

use std::collections::BTreeMap;

use super::{task_process::ProcessOutcome, tasks::Task};

/// A division of tasks among processes.
pub(crate) struct ProcessShape {
    /// The name, also the key in JSON.
    pub name: &'static str,
    /// The tasks of each process.
    pub processes: &'static [&'static [Task]],
    /// True if all processes are loaded before the first one begins.
    pub preloaded: bool,
    /// True if a process works on one frame or segment after the other.
    pub sequential: bool,
}

/// The outcomes of the processes of each shape, in one round.
pub(crate) type Round = BTreeMap<&'static str, Vec<ProcessOutcome>>;

/// A process for each task.
pub(crate) const PER_TASK: &str = "per_task";
/// A process for each task, preloaded; `kept` on the command line and in JSON.
pub(crate) const PRELOADED: &str = "kept";
/// One graph that works on one frame or segment after the other.
pub(crate) const SEQUENTIAL: &str = "sequential";
/// One graph as it is normally run.
pub(crate) const SHARED: &str = "shared";
/// One process for the index of frames only.
pub(crate) const EMBEDDINGS: &str = "embeddings";
/// The same, preloaded.
pub(crate) const EMBEDDINGS_PRELOADED: &str = "embeddings kept";
/// All tasks in one graph, with the index of frames only.
pub(crate) const EMBEDDINGS_SHARED: &str = "embeddings shared";
/// Captions and index in one run.
pub(crate) const TWO_FILES: &str = "two files";

/// The shapes that are reported; the others only serve single ratios.
pub(crate) const REPORTED: [&str; 4] = [PER_TASK, PRELOADED, SEQUENTIAL, SHARED];

const ALL_TASKS: &[Task] = &[Task::Caption, Task::Index, Task::Reason];
const EACH_TASK: &[&[Task]] = &[&[Task::Caption], &[Task::Index], &[Task::Reason]];

/// The shape of one graph as it is normally run.
pub(crate) const SHARED_SHAPE: ProcessShape = shape(SHARED, &[ALL_TASKS]);

/// All shapes of a round.
pub(crate) const SHAPES: [ProcessShape; 8] = [
    shape(PER_TASK, EACH_TASK),
    ProcessShape {
        preloaded: true,
        ..shape(PRELOADED, EACH_TASK)
    },
    ProcessShape {
        sequential: true,
        ..shape(SEQUENTIAL, &[ALL_TASKS])
    },
    SHARED_SHAPE,
    shape(EMBEDDINGS, &[&[Task::Embeddings]]),
    ProcessShape {
        preloaded: true,
        ..shape(EMBEDDINGS_PRELOADED, &[&[Task::Embeddings]])
    },
    shape(
        EMBEDDINGS_SHARED,
        &[&[Task::Caption, Task::Embeddings, Task::Reason]],
    ),
    shape(TWO_FILES, &[&[Task::Caption, Task::Index]]),
];

const fn shape(name: &'static str, processes: &'static [&'static [Task]]) -> ProcessShape {
    ProcessShape {
        name,
        processes,
        preloaded: false,
        sequential: false,
    }
}

/// Returns the wall time of processes that ran one after the other, in seconds.
pub(crate) fn wall_seconds(processes: &[ProcessOutcome]) -> f64 {
    processes
        .iter()
        .map(|process| process.wall.as_secs_f64())
        .sum()
}
