//! Standing queries: best matches of a text, and counts of concepts, that follow every change of the stored segments.
//!
//! [`query`] holds the settings of a standing query; [`dataflow`] maintains the matches and the counts.

pub mod dataflow;
pub mod query;
