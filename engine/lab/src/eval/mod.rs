//! Measures a pack: its captions against those that people wrote, and how well a sentence finds its file.
//!
//! In reading order: [`cases`] reads what is to be evaluated, [`leak`] sees that nothing of it was learnt by heart, [`eye`]
//! looks at a file, [`caption`] and [`retrieval`] are the two exams. The measures are in [`words`], [`cider`], [`bleu`],
//! [`rouge`] and [`recall`]; [`bootstrap`] says how sure they are, [`summary`] holds what an exam came to.
//!
//! Measures know only words and numbers: no models, no files.

pub mod bleu;
pub mod bootstrap;
pub mod caption;
pub mod cases;
pub mod cider;
pub mod error;
pub mod eye;
pub mod leak;
pub mod recall;
pub mod retrieval;
pub mod rouge;
pub mod summary;
pub mod words;

pub use caption::CaptionExam;
pub use cases::{Case, Cases};
pub use error::EvalError;
pub use retrieval::RetrievalExam;
pub use summary::Summary;

#[cfg(test)]
mod testing;
