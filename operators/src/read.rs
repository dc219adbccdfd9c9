//! The text encoder's thread: it chooses captions and answers by their likeness with the pictures, tells yes from no, and finds what
//! a person's question is about.

use std::sync::Arc;

use atom_models::{
    Fault, Generation, Prompt, PromptBuilder, Reason, TextEncoder, VisualFeatures, YesNoClassifier,
    first_sentence,
};
use timely::{dataflow::StreamVec, progress::Timestamp};

use crate::{
    archive::Archive,
    decode::{About, Decoded, Request, Said},
    find::{Evidence, Finder},
    offload::{Crew, Done, Health, Work, offload},
    question::Question,
    tally::Task,
};

/// Work for the text encoder.
#[derive(Clone)]
pub(crate) enum Reading {
    /// Choose among what the decoder said.
    Choose(Done<Request, Generation>),
    /// Tell yes or no.
    Judge(Request),
    /// Find what a question is about.
    Find(Arc<Question>),
}

/// What came of it.
#[derive(Clone)]
pub(crate) enum Read {
    /// What was chosen or told.
    Said(Said),
    /// What was found.
    Found(Evidence),
}

/// The text encoder with what it needs.
pub(crate) struct Reader {
    pub(crate) text: Box<dyn TextEncoder>,
    pub(crate) judge: Option<YesNoClassifier>,
    pub(crate) prompts: PromptBuilder,
    pub(crate) archive: Option<Box<dyn Archive>>,
}

impl Reader {
    fn read(&mut self, reading: &Reading) -> Result<Read, Fault> {
        match reading {
            Reading::Choose(done) => {
                let said = choose(done, &self.prompts, Some(&mut *self.text))?;
                self.with_vector(done.item.task, said).map(Read::Said)
            }
            Reading::Judge(request) => self.judge(request).map(Read::Said),
            Reading::Find(question) => self.find(question).map(Read::Found),
        }
    }

    /// A caption with its vector, by which it is searched for.
    fn with_vector(&mut self, task: Task, said: Said) -> Result<Said, Fault> {
        if task != Task::Caption {
            return Ok(said);
        }
        let vector = self.text.embed(&first_sentence(&said.text));
        let vector = vector.map_err(Fault::from)?;
        Ok(Said {
            vector: Some(vector.into()),
            ..said
        })
    }

    fn judge(&mut self, request: &Request) -> Result<Said, Fault> {
        let (Some(judge), Some(question), Some(features)) =
            (&mut self.judge, &request.question, request.about.features())
        else {
            return Err(Fault::new(
                Reason::Missing,
                "there is no question about pictures",
            ));
        };
        let yes = judge.probability(question, features, &mut *self.text);
        yes.map(Said::judged).map_err(Fault::from)
    }

    fn find(&mut self, question: &Question) -> Result<Evidence, Fault> {
        let Some(archive) = &mut self.archive else {
            return Err(Fault::new(
                Reason::Missing,
                "nothing is stored that could be asked about",
            ));
        };
        let mut finder = Finder {
            archive: &mut **archive,
            judge: self.judge.as_mut(),
            text: &mut *self.text,
        };
        finder.find(question)
    }
}

/// Has the text encoder work, on a thread of its own.
pub(crate) fn read<'s, T: Timestamp>(
    readings: StreamVec<'s, T, Reading>,
    mut reader: Reader,
    health: Health,
    crew: &Crew,
) -> StreamVec<'s, T, Done<Reading, Read>> {
    let work = Work {
        name: "text",
        health,
        run: move |reading: &Reading| reader.read(reading),
        shows: |_| true,
    };
    offload(readings, crew, work)
}

/// What was chosen or told of a request.
pub(crate) fn said(done: Done<Reading, Read>) -> Option<Decoded> {
    let item = match done.item {
        Reading::Choose(chosen) => chosen.item,
        Reading::Judge(request) => request,
        Reading::Find(_) => return None,
    };
    let result = done.result.map(|read| match read {
        Read::Said(said) => said,
        Read::Found(_) => unreachable!("requests are answered, not looked up"),
    });
    Some(Done { item, result })
}

/// What was found for a question.
pub(crate) fn found(done: Done<Reading, Read>) -> Option<(Arc<Question>, Result<Evidence, Fault>)> {
    let Reading::Find(question) = done.item else {
        return None;
    };
    let result = done.result.map(|read| match read {
        Read::Found(evidence) => evidence,
        Read::Said(_) => unreachable!("questions are looked up, not answered"),
    });
    Some((question, result))
}

/// The text to go on with: of captions the one that fits the pictures best, of given answers the likeliest, of anything else the
/// decoder's best.
///
/// # Errors
/// What the decoder failed with, or the text encoder.
pub fn choose(
    done: &Done<Request, Generation>,
    prompts: &PromptBuilder,
    text: Option<&mut dyn TextEncoder>,
) -> Result<Said, Fault> {
    let mut generation = done.result.clone()?;
    let among = is_choice(&done.item);
    let features = done.item.about.features();
    let chosen = match features {
        Some(features) if done.item.task == Task::Caption => {
            prompts
                .ranker()
                .rank_captions(&mut generation, features, text)
        }
        Some(features) if among => prompts
            .ranker()
            .rank_options(&mut generation, features, text),
        _ => Ok(()),
    };
    chosen.map_err(Fault::from)?;
    Ok(Said::best(&generation, among))
}

/// Whether only some texts were allowed.
pub(crate) fn is_choice(request: &Request) -> bool {
    let prompt = request.prompt.as_ref();
    prompt.is_ok_and(|prompt: &Prompt| !prompt.options().is_empty())
}

impl About {
    /// What the pictures are that this is about; nothing of what was only said.
    pub(crate) fn features(&self) -> Option<&VisualFeatures> {
        match self {
            Self::Segment(_, segment) => Some(&segment.features),
            Self::Moment(inquiry, n) => Some(&inquiry.moment(*n).features),
            Self::Stretch(..) => None,
        }
    }
}
