//! Counts by hour: the number of segments that show a concept or got an answer.
//!
//! Invariant: hours of wall time and hours of a video are never put on one time axis.

mod hour;
mod term_count;

pub use hour::Hour;
pub use term_count::{Term, TermCount, by_frequency, containing, most_frequent};
