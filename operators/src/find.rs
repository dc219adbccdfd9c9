//! Finds what a person's question is about, before the decoder is asked: the moments, or what can be counted without it.
//!
//! Yes and no, when, how long and how often are counted over all segments, from how likely each of them bears the question out.

use std::collections::BTreeMap;

use atom_models::{Fault, TextEncoder, VisualFeatures, YesNoClassifier};

use crate::{
    archive::{Archive, Extent, Moment},
    question::Question,
    summary::{frequent, listed},
};

/// The decoder is asked about so many moments.
const MOMENTS: usize = 4;
/// From this probability on, a segment bears out a question of yes or no.
const SEEN: f32 = 0.5;
/// Below this probability, a moment has nothing to do with a question, and the decoder is not asked. Lower answers more, and invents
/// more.
const RELATED: f32 = 0.35;
/// So much of the probability of the moment that has most to do with a question another one must have.
const NEAR: f32 = 0.8;

/// What was found for a question before the decoder is asked.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub(crate) form: Form,
    /// Moments to ask the decoder about, those first that have most to do with the question; or those that bear it out, in order of
    /// time.
    pub(crate) moments: Vec<(Moment, f32)>,
    /// What was said of all of it, if the question is about nothing in particular.
    pub(crate) whole: Option<String>,
    /// Segments within the bounds.
    pub(crate) looked: u64,
    /// The highest probability among all of them.
    pub(crate) likeliest: f32,
    pub(crate) extent: Extent,
}

/// What is wanted of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    YesNo,
    When,
    HowLong,
    HowOften,
    /// Anything else: the decoder's own words.
    Open,
}

/// Words that begin a question of yes or no.
const ASKING: &str = "\
    is are was were isn't aren't do does did can could has have had will would should may might must \
    doesn't didn't";
/// What begins a request rather than a question.
const POLITE: [&str; 4] = ["can you ", "could you ", "will you ", "would you "];
/// Words that say nothing of what a question is about.
const EMPTY: &str = "\
    a an the of in on at to for from with by and or it its this that these those there here they them \
    their he she his her him you we me i what which who whom whose where when why how many much kind \
    sort colour color be being been am doing done happen happening happens happened going see seen shown \
    show visible tell describe video recording picture scene please";

fn is_among(words: &str, word: &str) -> bool {
    words.split(' ').any(|other| other == word)
}

impl Form {
    /// The form of a question, and the question of yes or no that each segment is asked for it.
    fn of(text: &str) -> (Self, String) {
        let lower = text.to_lowercase();
        let openings = [
            ("when ", Self::When),
            ("how long ", Self::HowLong),
            ("how often ", Self::HowOften),
            ("how many times ", Self::HowOften),
        ];
        for (opening, form) in openings {
            if lower.starts_with(opening) {
                let rest = text.chars().skip(opening.chars().count());
                return (form, rest.collect::<String>().trim().to_owned());
            }
        }
        let first = lower.split_whitespace().next().unwrap_or("");
        // "Is it a cat or a dog?" wants neither yes nor no, nor does "Can you tell me where the dog is?".
        let choice = lower.contains(" or ");
        let polite =
            POLITE.iter().any(|opening| lower.starts_with(opening)) && !lower.contains("you see");
        let form = match is_among(ASKING, first) && !choice && !polite {
            true => Self::YesNo,
            false => Self::Open,
        };
        (form, text.to_owned())
    }
}

/// The words of a question that say what it is about.
fn content(text: &str) -> String {
    let words = text.split(|letter: char| !(letter.is_alphanumeric() || letter == '\''));
    let telling = words.filter(|word| {
        let lower = word.to_lowercase();
        !word.is_empty() && !is_among(EMPTY, &lower) && !is_among(ASKING, &lower)
    });
    telling.collect::<Vec<_>>().join(" ")
}

/// Finds what a question is about.
pub struct Finder<'f> {
    /// Where segments are stored.
    pub archive: &'f mut dyn Archive,
    /// Tells how likely a segment bears a question out; without it the decoder answers everything.
    pub judge: Option<&'f mut YesNoClassifier>,
    /// Gives the vectors of questions.
    pub text: &'f mut dyn TextEncoder,
}

impl Finder<'_> {
    /// The evidence for a question.
    ///
    /// # Errors
    /// If the archive cannot be read, has no such source, or the text encoder fails.
    pub fn find(&mut self, question: &Question) -> Result<Evidence, Fault> {
        question.wanted()?;
        let (form, asked) = Form::of(&question.text);
        let mut evidence = Evidence {
            form: if self.judge.is_some() {
                form
            } else {
                Form::Open
            },
            moments: Vec::new(),
            whole: None,
            looked: 0,
            likeliest: 0.0,
            extent: self.archive.extent(question)?,
        };
        match evidence.form {
            Form::Open => self.related(question, &mut evidence)?,
            _ => self.count(question, &asked, &mut evidence)?,
        }
        Ok(evidence)
    }

    /// The moments that a question of yes or no is true of.
    fn count(
        &mut self,
        question: &Question,
        asked: &str,
        evidence: &mut Evidence,
    ) -> Result<(), Fault> {
        let Self {
            archive,
            judge,
            text,
        } = self;
        archive.each(question, Some(asked), &mut |mut moment| {
            question.wanted()?;
            let yes = likely(judge, asked, &moment, *text)?;
            evidence.looked += 1;
            evidence.likeliest = evidence.likeliest.max(yes);
            if yes >= SEEN {
                moment.features = VisualFeatures::default();
                // What is counted is what lies within the span.
                moment.start_ms = moment.start_ms.max(question.from_ms.unwrap_or(0));
                moment.end_ms = moment.end_ms.min(question.to_ms.unwrap_or(u64::MAX));
                evidence.moments.push((moment, yes));
            }
            Ok(())
        })
    }

    /// The moments that the decoder is to be asked about.
    fn related(&mut self, question: &Question, evidence: &mut Evidence) -> Result<(), Fault> {
        let words = content(&question.text);
        if words.is_empty() {
            return self.all(question, evidence);
        }
        let vector = self.text.embed(&words).map_err(Fault::from)?;
        let best = self.archive.best(question, &words, vector, 2 * MOMENTS)?;
        evidence.looked = best.len() as u64;
        let mut moments = Vec::new();
        for moment in best {
            let yes = likely(&mut self.judge, &question.text, &moment, self.text)?;
            moments.push((moment, yes));
        }
        // A stable sort: of equals the one that was found first.
        moments.sort_by(|a, b| b.1.total_cmp(&a.1));
        evidence.likeliest = moments.first().map_or(0.0, |(_, yes)| *yes);
        let least = RELATED.max(NEAR * evidence.likeliest);
        moments.retain(|(_, yes)| *yes >= least);
        moments.truncate(MOMENTS);
        evidence.moments = moments;
        Ok(())
    }

    /// A question about nothing in particular: what was said most often, and the first moments at which it was.
    fn all(&mut self, question: &Question, evidence: &mut Evidence) -> Result<(), Fault> {
        let (mut said, mut first) = (Vec::new(), BTreeMap::new());
        self.archive.each(question, None, &mut |mut moment| {
            question.wanted()?;
            evidence.looked += 1;
            moment.features = VisualFeatures::default();
            let text = moment
                .caption
                .clone()
                .unwrap_or_else(|| moment.tags.clone());
            first.entry(text.clone()).or_insert(moment);
            said.push(text);
            Ok(())
        })?;
        if said.is_empty() {
            return Ok(());
        }
        let frequent = frequent(&said);
        let moments = frequent.iter().filter_map(|(text, _)| first.remove(*text));
        evidence.moments = moments.map(|moment| (moment, 1.0)).collect();
        evidence.whole = Some(listed(&frequent));
        Ok(())
    }
}

fn likely(
    judge: &mut Option<&mut YesNoClassifier>,
    question: &str,
    moment: &Moment,
    text: &mut dyn TextEncoder,
) -> Result<f32, Fault> {
    if let Some(likely) = moment.likely {
        return Ok(likely);
    }
    let Some(judge) = judge else { return Ok(1.0) };
    let yes = judge.probability(question, &moment.features, text);
    yes.map_err(Fault::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_of_a_question_shows_in_how_it_begins() {
        let form = |text| Form::of(text).0;
        for yes_no in ["Is it red?", "Do dogs bark?", "can you see a dog?"] {
            assert_eq!(form(yes_no), Form::YesNo, "{yes_no}");
        }
        for open in [
            "What is it?",
            "Is it a cat or a dog?",
            "Could you describe the kitchen?",
            "Where?",
        ] {
            assert_eq!(form(open), Form::Open, "{open}");
        }
        assert_eq!(
            Form::of("When is there a dog?"),
            (Form::When, "is there a dog?".to_owned())
        );
        assert_eq!(Form::of("How many times is it red?").0, Form::HowOften);
    }

    #[test]
    fn what_a_question_is_about_are_its_words_that_tell_something() {
        assert_eq!(content("What is the dog doing on the beach?"), "dog beach");
        assert_eq!(content("What can be seen in this video?"), "");
    }
}
