//! People's questions about what is stored.
//!
//! In reading order: a question ([`question`]) enters the graph ([`question_source`]); its form (`question_form`)
//! decides how segments of the archive ([`archive`]) become evidence ([`evidence`]): counts of objects (`counted_noun`,
//! `object_counts`), what can be seen (`seen_things`) and what happens (`overview`) are answered by code; about any other
//! question the decoder is asked ([`ask`]); and the answer cites the segments ([`answer`]).

pub mod answer;
pub mod archive;
pub mod ask;
pub mod citation;
pub(crate) mod counted_noun;
pub mod evidence;
mod object_counts;
mod overview;
pub mod question;
mod question_form;
pub mod question_source;
mod seen_things;
pub(crate) mod segment_answer;
