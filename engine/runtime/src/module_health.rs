//! The health of a run's modules: a module that keeps failing ends the run.

use atom_operators::circuit_breaker::CircuitBreaker;

use crate::error::RuntimeError;

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
        modules.any(|(breaker, _)| breaker.tripped().is_some())
    }

    /// Returns an error for each module that keeps failing or that never worked: the run's results are worthless then.
    pub(crate) fn errors(&self) -> Vec<RuntimeError> {
        let error = |(breaker, module): (&CircuitBreaker, &'static str)| {
            let source = breaker.tripped().or_else(|| breaker.never_succeeded())?;
            Some(RuntimeError::Module { module, source })
        };
        self.each().into_iter().filter_map(error).collect()
    }
}
