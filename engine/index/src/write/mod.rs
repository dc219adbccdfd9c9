//! Writes a run over a source: it begins, seals rows again and again, and finishes.
//!
//! Each call is one transaction that takes the write lock at its start, so it either waits its turn or fails as a whole.
//! Rows and `sealed_ms` move together: a run that dies anywhere continues at `sealed_ms` and writes equal rows over
//! those already there, none lost, none twice.

mod gaps;
mod run_lifecycle;
mod seal_rows;
