//! A failure as a value: one item could not be worked on, the rest can.

use std::{
    any::Any,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use serde::Serialize;

/// Why an item failed: few words, fit for a metric's label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The data could not be decoded.
    Undecodable,
    /// The model gave an error.
    Model,
    /// The model's code panicked.
    Panic,
    /// An earlier stage gave nothing to work on.
    Missing,
    /// The stage failed too often and was given up.
    GivenUp,
    /// It came too late to be of use.
    Late,
    /// Nobody waited for it any more.
    Cancelled,
    /// Writing failed.
    Write,
    /// A camera gave no pictures any more.
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

    /// The word for it in reports and metrics.
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

/// What went wrong with one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The kind of failure.
    pub reason: Reason,
    /// What was seen, for a person.
    pub detail: Arc<str>,
}

impl Fault {
    /// A fault with a kind and an explanation.
    pub fn new(reason: Reason, detail: impl fmt::Display) -> Self {
        Self {
            reason,
            detail: detail.to_string().into(),
        }
    }
}

/// Runs `work`; a panic becomes a fault with its message.
///
/// # Errors
/// What `work` gives, or the panic. What it changed before a panic stays changed.
pub fn catch<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
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

impl std::error::Error for Fault {}
