//! The worker of the graph: builds the graph of a plan and steps it until it is complete.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use atom_operators::{offload::ThreadGroup, qa::question_source::QuestionCloser};
use atom_pipelines::Plan;
use crossbeam::channel::Sender;
use parking_lot::Mutex;

use crate::{
    error::RuntimeError,
    graph::{GraphBuilder, GraphInputs},
    output_event::OutputEvent,
    run_context::RunContext,
};

/// Longest time that the worker sleeps before it checks if the run has to end.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// The worker of a run's graph.
pub(crate) struct GraphWorker {
    pub(crate) plan: Plan,
    /// Its token is cancelled when a module keeps failing, or the writer is gone.
    pub(crate) context: RunContext,
    /// Closes people's questions when the run stops.
    pub(crate) questions: Option<QuestionCloser>,
}

impl GraphWorker {
    /// Steps the graph on this thread until it is complete.
    ///
    /// # Errors
    /// If an operator panics.
    pub(crate) fn run(
        self,
        inputs: GraphInputs,
        output: Sender<OutputEvent>,
    ) -> Result<(), RuntimeError> {
        // timely requires a shareable closure; its one worker takes the inputs.
        let given = Mutex::new(Some((inputs, output)));
        let graph = AssertUnwindSafe(move || {
            timely::execute_directly(move |worker| {
                let (inputs, output) = given.lock().take().expect("one worker takes the inputs");
                let threads = ThreadGroup::default();
                let stop = self.context.stop.clone();
                let send = move |event| {
                    // Without a writer there is no use in going on.
                    if output.send(event).is_err() {
                        stop.cancel();
                    }
                };
                let builder = GraphBuilder {
                    plan: &self.plan,
                    threads: &threads,
                };
                worker.dataflow(|scope| builder.build(scope, inputs, send));
                while worker.has_dataflows() {
                    worker.step_or_park(Some(CHECK_INTERVAL));
                    self.check();
                }
                threads.join();
            });
        });
        catch_unwind(graph).map_err(|_| RuntimeError::Panicked {
            part: "an operator",
        })
    }

    /// Reports that the worker is alive, and ends the run if it has to end.
    fn check(&self) {
        let RunContext {
            status,
            health,
            stop,
            ..
        } = &self.context;
        status.beat();
        if health.is_tripped() {
            stop.cancel();
        }
        if stop.is_cancelled() {
            self.questions.iter().for_each(QuestionCloser::close);
        }
    }
}
