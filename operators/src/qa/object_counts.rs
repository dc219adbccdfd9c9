//! Counting for "How many cars?": the most objects in one frame, or the segments that show the thing where the detector does not
//! know it.

use atom_models::english::{counted, list};

use crate::{
    qa::{
        archive::StoredSegment,
        citation::{Citation, ComposedAnswer},
    },
    seen_objects::SeenObjects,
    stretch::{Stretch, clock_text, extend, stretch_text},
};

/// Maximum number of stretches that are named.
const MAX_STRETCHES: usize = 5;

/// The counts of a question over the segments so far.
#[derive(Debug, Default)]
pub(crate) struct ObjectCounts {
    /// The classes that are counted.
    classes: Vec<String>,
    /// For each class, the most in one frame, with its source.
    most: Vec<Option<(SeenObjects, String)>>,
    /// The segments with such objects, and how many of all classes at most.
    with_objects: Vec<(Citation, u32)>,
    /// The segments that meet the condition of the question.
    met: Vec<Stretch>,
    /// The contents of the first segment of each of these stretches.
    met_texts: Vec<String>,
    met_count: u64,
    examined: u64,
    sources: Vec<String>,
}

impl ObjectCounts {
    /// Starts counting these classes; none if the detector does not know the thing.
    pub(crate) fn new(classes: Vec<String>) -> Self {
        Self {
            most: vec![None; classes.len()],
            classes,
            ..Self::default()
        }
    }

    /// Adds a segment; `yes` is true if it meets the condition of the question.
    pub(crate) fn add(&mut self, segment: &StoredSegment, yes: bool) {
        self.examined += 1;
        if !self.sources.contains(&segment.source) {
            self.sources.push(segment.source.clone());
        }
        if yes {
            self.met_count += 1;
            extend(&mut self.met, segment.stretch());
            if self.met.len() > self.met_texts.len() {
                self.met_texts.push(segment.moment().text().to_owned());
            }
        }
    }

    /// Counts the objects of a segment. An object in a single frame may be an error of the detector, so it counts only if the
    /// segment meets the condition of the question too.
    pub(crate) fn count_objects(&mut self, segment: &StoredSegment, yes: bool) {
        let (mut total, mut texts) = (0, Vec::new());
        for (class, most) in self.classes.iter().zip(&mut self.most) {
            let believed = |seen: &&SeenObjects| seen.name == *class && (yes || seen.frames > 1);
            let Some(seen) = segment.objects.iter().find(believed) else {
                continue;
            };
            total += seen.most;
            texts.push(counted(class, seen.most as usize));
            if most.as_ref().is_none_or(|(best, _)| seen.most > best.most) {
                *most = Some((seen.clone(), segment.source.clone()));
            }
        }
        if total > 0 {
            self.with_objects
                .push((Citation::counted(segment, list(&texts)), total));
        }
    }

    /// Returns the answer.
    pub(crate) fn answer(mut self) -> ComposedAnswer {
        let (text, count) = self.text();
        // The sort is stable: of segments with equally many, the first stays first.
        self.with_objects
            .sort_by_key(|entry| std::cmp::Reverse(entry.1));
        let counted = self.with_objects.into_iter().map(|(citation, _)| citation);
        let citations = match self.most.iter().any(Option::is_some) {
            true => counted.collect(),
            false => {
                let met = self.met.into_iter().zip(self.met_texts);
                met.map(|(stretch, text)| Citation {
                    text,
                    ..Citation::of_stretch(stretch)
                })
                .collect()
            }
        };
        ComposedAnswer {
            text,
            count,
            citations,
        }
    }

    fn text(&self) -> (String, Option<u32>) {
        let several = self.sources.len() > 1;
        let moment = |seen: &SeenObjects, source: &str| match several {
            true => format!("at {} of {source}", clock_text(seen.at_ms)),
            false => format!("at {}", clock_text(seen.at_ms)),
        };
        let all = crate::counted::counted(self.examined, "segment");
        let share = format!("in {} of {all}", self.with_objects.len());
        let most: Vec<_> = self.most.iter().flatten().collect();
        match (&*most, self.met_count) {
            ([(seen, source)], _) => {
                let number = counted(&seen.name, seen.most as usize);
                let at = moment(seen, source);
                (
                    format!("At most {number} in one frame, {at}; {share}."),
                    Some(seen.most),
                )
            }
            ([], 0) => (format!("None: in none of {all}."), Some(0)),
            ([], met) => {
                let times = stretch_text(&self.met, MAX_STRETCHES);
                let text =
                    format!("In {met} of {all}, from {times}; how many at once is not known.");
                (text, None)
            }
            (several, _) => {
                let parts = several.iter().map(|(seen, source)| {
                    let number = counted(&seen.name, seen.most as usize);
                    format!("{number} ({})", moment(seen, source))
                });
                let parts = list(&parts.collect::<Vec<_>>());
                (format!("In one frame at most {parts}; {share}."), None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use atom_models::VisualFeatures;

    use super::*;

    fn segment(n: u64, objects: &[(&str, u32)]) -> StoredSegment {
        let objects = objects.iter().map(|(name, most)| SeenObjects {
            name: (*name).to_owned(),
            most: *most,
            at_ms: n * 4000 + 1500,
            frames: 2,
        });
        StoredSegment {
            source: "door".to_owned(),
            start_ms: n * 4000,
            end_ms: n * 4000 + 4000,
            tags: "street".to_owned(),
            caption: None,
            features: VisualFeatures::default(),
            objects: objects.collect(),
            probability: None,
        }
    }

    fn count(classes: &[&str], segments: &[(StoredSegment, bool)]) -> ComposedAnswer {
        let classes = classes.iter().map(|class| (*class).to_owned());
        let mut counts = ObjectCounts::new(classes.collect());
        for (segment, yes) in segments {
            counts.add(segment, *yes);
            counts.count_objects(segment, *yes);
        }
        counts.answer()
    }

    #[test]
    fn two_cars_are_not_the_answer_to_every_count() {
        let segments = [
            (segment(0, &[("car", 3)]), true),
            (segment(1, &[("car", 6), ("person", 1)]), true),
            (segment(2, &[]), false),
        ];
        let cars = count(&["car"], &segments);
        assert_eq!(
            cars.text,
            "At most six cars in one frame, at 0:05; in 2 of 3 segments."
        );
        assert_eq!(cars.count, Some(6));
        assert_eq!(cars.citations[0].start_ms, 4000);
        assert_eq!(cars.citations[0].answer.as_deref(), Some("six cars"));
        let people = count(&["person"], &segments);
        assert_eq!(
            people.text,
            "At most one person in one frame, at 0:05; in 1 of 3 segments."
        );
        let dogs = count(&["dog"], &segments[2..]);
        assert_eq!(
            (&*dogs.text, dogs.count),
            ("None: in none of 1 segment.", Some(0))
        );
        let both = count(&["car", "person"], &segments);
        assert_eq!(
            both.text,
            "In one frame at most six cars (at 0:05) and one person (at 0:05); in 2 of 3 segments."
        );
        assert_eq!(both.count, None);
    }

    #[test]
    fn an_object_in_a_single_frame_counts_only_where_the_segment_answers_yes() {
        let once = |yes| {
            let mut segment = segment(0, &[("elephant", 1)]);
            segment.objects[0].frames = 1;
            (segment, yes)
        };
        assert_eq!(
            count(&["elephant"], &[once(false)]).text,
            "None: in none of 1 segment."
        );
        assert_eq!(count(&["elephant"], &[once(true)]).count, Some(1));
    }

    #[test]
    fn a_thing_that_the_detector_does_not_know_is_counted_in_segments() {
        let segments = [
            (segment(0, &[]), true),
            (segment(1, &[]), false),
            (segment(2, &[]), true),
        ];
        let trees = count(&[], &segments);
        assert_eq!(
            trees.text,
            "In 2 of 3 segments, from 0:00 to 0:04, 0:08 to 0:12; how many at once is not known."
        );
        assert_eq!((trees.count, trees.citations.len()), (None, 2));
    }
}
