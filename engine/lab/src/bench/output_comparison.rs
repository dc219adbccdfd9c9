//! Checks that all shapes of a benchmark give the same captions, answers and index rows.

use std::collections::BTreeSet;

use super::{
    process_shapes::{
        EMBEDDINGS, EMBEDDINGS_PRELOADED, EMBEDDINGS_SHARED, PER_TASK, Round, SHAPES, TWO_FILES,
    },
    task_process::ProcessOutcome,
};

/// Returns the first output that differs from those of the processes per task in the first round.
pub(crate) fn first_difference(rounds: &[Round]) -> Option<String> {
    let first = &rounds[0];
    for (n, round) in (1..).zip(rounds) {
        for shape in &SHAPES {
            let (expected_results, expected_rows) = expected(first, shape.name);
            let processes = &round[shape.name];
            let context = format!("round {n}, {}", shape.name);
            let difference = results(processes)
                .symmetric_difference(&expected_results)
                .next()
                .map(|result| (*result).to_owned());
            if let Some(result) = difference {
                return Some(format!("{context}: on one side only: {result}"));
            }
            if rows(processes) != expected_rows {
                return Some(format!("{context}: the stored rows differ"));
            }
        }
    }
    None
}

/// Returns the results and the row digests that a shape must give.
fn expected<'r>(first: &'r Round, shape: &str) -> (BTreeSet<&'r str>, Vec<&'r str>) {
    let per_task = &first[PER_TASK];
    match shape {
        EMBEDDINGS | EMBEDDINGS_PRELOADED => (BTreeSet::new(), rows(&first[EMBEDDINGS])),
        EMBEDDINGS_SHARED => (results(per_task), rows(&first[EMBEDDINGS])),
        TWO_FILES => (results(&per_task[..2]), rows(per_task)),
        _ => (results(per_task), rows(per_task)),
    }
}

fn results(processes: &[ProcessOutcome]) -> BTreeSet<&str> {
    let results = processes.iter().flat_map(|process| &process.report.results);
    results.map(String::as_str).collect()
}

fn rows(processes: &[ProcessOutcome]) -> Vec<&str> {
    let digests = processes
        .iter()
        .flat_map(|process| &process.report.row_digests);
    digests.map(String::as_str).collect()
}
