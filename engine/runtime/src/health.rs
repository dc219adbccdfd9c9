//! The health of a run's modules: a module that keeps failing ends the run.

use atom_models::Fault;
use atom_operators::circuit_breaker::CircuitBreaker;

/// The health of each module. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModuleHealth {
    pub(crate) vision: CircuitBreaker,
    pub(crate) decoder: CircuitBreaker,
    pub(crate) text: CircuitBreaker,
}

impl ModuleHealth {
    fn each(&self) -> [(&CircuitBreaker, &'static str); 3] {
        [
            (&self.vision, "vision encoder"),
            (&self.decoder, "decoder"),
            (&self.text, "text encoder"),
        ]
    }

    /// True if a module failed too often in a row.
    pub(crate) fn is_tripped(&self) -> bool {
        let mut modules = self.each().into_iter();
        modules.any(|(health, _)| health.tripped().is_some())
    }

    /// Returns an error for each module that keeps failing or that never worked: the run's results are worthless then.
    pub(crate) fn errors(&self) -> Vec<String> {
        let error = |(health, name): (&CircuitBreaker, &str)| {
            let fault: Fault = health.tripped().or_else(|| health.never_succeeded())?;
            Some(format!(
                "the {name} failed on everything it was given: {fault}"
            ))
        };
        self.each().into_iter().filter_map(error).collect()
    }
}
