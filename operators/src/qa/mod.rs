//! People's questions about what is stored.
//!
//! In reading order: a question ([`question`]) enters the graph ([`question_source`]); its form (`question_form`)
//! decides how segments of the archive ([`archive`]) become evidence ([`evidence`]); the decoder is asked about each
//! ([`ask`]); and the answer cites them ([`answer`]).

pub mod answer;
pub mod archive;
pub mod ask;
pub mod evidence;
pub mod question;
mod question_form;
pub mod question_source;
