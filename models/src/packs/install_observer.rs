//! The observer of an installation, such as a progress bar.

/// An observer of an installation's progress.
pub trait InstallObserver {
    /// A step of `bytes` bytes begins; 0 if the amount is unknown.
    fn begin(&mut self, step: &str, bytes: u64);
    /// `bytes` more bytes of the step are done.
    fn advance(&mut self, bytes: u64);
    /// A line of output of a program that works on the step.
    fn output(&mut self, _line: &str) {}
    /// The step ends.
    fn end(&mut self, outcome: &str);
}
