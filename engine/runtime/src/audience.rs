//! Who is told of a run while it goes on: of results, of how far sources are, and of what becomes of recordings.

use std::{io, time::Duration};

use atom_operators::ask::Reply;

use crate::{report::SourceReport, sink::Record, vitals::Queue};
use atom_index::{Claim, QueryEvent};

/// Is told of results as they are sealed. An error means that nobody can be told any more.
pub trait Audience: Send {
    /// A caption or an answer.
    fn result(&mut self, record: &Record) -> io::Result<()>;
    /// A draft of a caption, which comes before the caption and is replaced by it; most have no use for it.
    fn draft(&mut self, _record: &Record) -> io::Result<()> {
        Ok(())
    }
    /// The answer to a person's question.
    fn reply(&mut self, _reply: &Reply) -> io::Result<()> {
        Ok(())
    }
    /// What came to or left the best of a standing query.
    fn query(&mut self, _event: &QueryEvent) -> io::Result<()> {
        Ok(())
    }
    /// How far a source is.
    fn progress(&mut self, progress: &Progress) -> io::Result<()>;
    /// How long a result of a branch took from the taking in of the frame that closed its segment.
    fn latency(&mut self, _branch: &str, _took: Duration) {}
    /// What became of a recording of a folder.
    fn notice(&mut self, _notice: &Notice) -> io::Result<()> {
        Ok(())
    }
    /// Nothing comes any more.
    fn finish(&mut self) -> io::Result<()>;
}

/// How far a source is, and how far all recordings of folders are.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    /// The source.
    pub source: &'a str,
    /// Everything of it before this is out.
    pub complete_through_ms: u64,
    /// Its length, if that is known, else 0.
    pub length_ms: u64,
    /// How large its file is, if it was found in a folder, else 0.
    pub bytes: u64,
    /// What was found in folders.
    pub queue: &'a Queue,
}

/// What became of a recording of a folder.
#[derive(Clone, Debug)]
pub enum Notice {
    /// All of it is indexed already.
    Known(String),
    /// It has another name now, and was not indexed again.
    Moved {
        /// The name it had.
        from: String,
        /// The name it has.
        to: String,
    },
    /// Another recording has taken its name; its rows are gone.
    Replaced(String),
    /// There is more of it than before.
    Grown(String),
    /// It is gone, and its rows with it.
    Gone(String),
    /// It was worked through, as far as there is something of it.
    Over {
        /// Its name.
        name: String,
        /// What became of it.
        report: SourceReport,
        /// Whether it was worked through to its end.
        whole: bool,
        /// Whether it still grows.
        growing: bool,
    },
}

impl Notice {
    /// What is to be told of a claim, if anything is.
    pub(crate) fn of(name: &str, claim: Claim) -> Option<Self> {
        let name = name.to_owned();
        match claim {
            Claim::Moved(from) => Some(Self::Moved { from, to: name }),
            Claim::Replaced => Some(Self::Replaced(name)),
            Claim::Grown => Some(Self::Grown(name)),
            Claim::New | Claim::Known | Claim::Taken => None,
        }
    }
}

/// An audience that is not there.
pub struct Nobody;

impl Audience for Nobody {
    fn result(&mut self, _: &Record) -> io::Result<()> {
        Ok(())
    }

    fn progress(&mut self, _: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
