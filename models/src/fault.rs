//! Failures as values: one item could not be processed, the others can.

use std::{
    any::Any,
    error::Error,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde::Serialize;

use crate::{ModelError, error_chain};

/// The reason for a failure, used as a metric label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The data could not be decoded.
    Undecodable,
    /// The model returned an error.
    Model,
    /// The model's code panicked.
    Panic,
    /// An earlier stage delivered no input.
    Missing,
    /// The stage failed too often and was switched off.
    GivenUp,
    /// The deadline had passed.
    Late,
    /// The requester had gone.
    Cancelled,
    /// Writing failed.
    Write,
    /// A camera stopped sending frames.
    Lost,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 9] = [
        Self::Undecodable,
        Self::Model,
        Self::Panic,
        Self::Missing,
        Self::GivenUp,
        Self::Late,
        Self::Cancelled,
        Self::Write,
        Self::Lost,
    ];

    /// Returns the reason's name in reports and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Undecodable => "undecodable",
            Self::Model => "model",
            Self::Panic => "panic",
            Self::Missing => "missing",
            Self::GivenUp => "given_up",
            Self::Late => "late",
            Self::Cancelled => "cancelled",
            Self::Write => "write",
            Self::Lost => "lost",
        }
    }
}

/// The failure of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind of failure.
    pub reason: Reason,
    /// The details, for people.
    pub detail: Arc<str>,
}

impl Fault {
    /// Creates a fault from its kind and an explanation.
    pub fn new(reason: Reason, detail: impl fmt::Display) -> Self {
        Self {
            reason,
            detail: detail.to_string().into(),
        }
    }
}

impl From<ModelError> for Fault {
    /// A model's failure, with the error's whole chain as the detail.
    fn from(error: ModelError) -> Self {
        Self::new(Reason::Model, error_chain(&error))
    }
}

/// Runs `work` and turns a panic into a fault with the panic's message.
///
/// # Errors
/// The error of `work`, or the panic. Changes made before a panic remain.
pub fn catch_panic<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(Fault::new(Reason::Panic, message(&*panic))))
}

fn message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name(), self.detail)
    }
}

impl Error for Fault {}
