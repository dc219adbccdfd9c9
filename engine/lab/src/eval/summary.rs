//! What an exam came to: its measures with their intervals, and what a file cost.

use std::{collections::BTreeMap, time::Duration};

use atom_models::Pack;
use serde_json::{Map, Value, json};

use super::bootstrap::interval;

/// A measure over all files.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Its key in JSON.
    pub key: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
}

impl Measure {
    /// A measure over so many files; `of` gets the numbers of those that count.
    pub fn over(
        key: &'static str,
        name: &'static str,
        files: usize,
        mut of: impl FnMut(&[usize]) -> f64,
    ) -> Self {
        let all: Vec<usize> = (0..files).collect();
        Self {
            key,
            name,
            value: of(&all),
            interval: interval(files, of),
        }
    }
}

/// What an exam came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Files.
    pub n: usize,
    /// Sentences that were searched for, in the exam that searches.
    pub queries: Option<usize>,
    /// The measures in the order in which they are shown.
    pub measures: Vec<Measure>,
    /// Milliseconds of wall time that a file cost.
    pub cost: Cost,
    /// Name of the pack.
    pub pack: String,
    /// Its version.
    pub version: String,
}

impl Summary {
    /// The summary of an exam of this pack.
    pub fn new(pack: &Pack, n: usize, measures: Vec<Measure>, watch: &Watch) -> Self {
        Self {
            n,
            queries: None,
            measures,
            cost: watch.cost(),
            pack: pack.manifest().name.clone(),
            version: pack.manifest().version.clone(),
        }
    }

    /// The summary as one JSON object: each measure by its key, all intervals under `intervals`, times by `ms_*`.
    pub fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("n".into(), self.n.into());
        if let Some(queries) = self.queries {
            object.insert("queries".into(), queries.into());
        }
        let mut intervals = Map::new();
        for measure in &self.measures {
            object.insert(measure.key.into(), measure.value.into());
            intervals.insert(measure.key.into(), json!(measure.interval));
        }
        object.insert("intervals".into(), intervals.into());
        for (key, value) in &self.cost {
            object.insert((*key).into(), (*value).into());
        }
        object.insert("pack".into(), self.pack.as_str().into());
        object.insert("version".into(), self.version.as_str().into());
        object.into()
    }
}

/// Milliseconds by their key in JSON.
pub type Cost = BTreeMap<&'static str, f64>;

/// Times of each file.
#[derive(Debug, Default)]
pub struct Watch {
    look: Vec<Duration>,
    speak: Vec<Duration>,
}

impl Watch {
    /// Notes a file: how long it took to play it and look at it, and to put it into words if the exam does.
    pub fn note(&mut self, look: Duration, speak: Option<Duration>) {
        self.look.push(look);
        self.speak.extend(speak);
    }

    /// The median and the 95th of a hundred: of the whole, and of its parts if there are two.
    fn cost(&self) -> Cost {
        let both = |(look, speak): (&Duration, &Duration)| *look + *speak;
        let whole: Vec<_> = match self.speak.is_empty() {
            true => self.look.clone(),
            false => self.look.iter().zip(&self.speak).map(both).collect(),
        };
        let mut cost = Cost::new();
        cost.insert("ms_per_file", at(&whole, 0.5));
        cost.insert("ms_per_file_p95", at(&whole, 0.95));
        if !self.speak.is_empty() {
            cost.insert("ms_look", at(&self.look, 0.5));
            cost.insert("ms_look_p95", at(&self.look, 0.95));
            cost.insert("ms_caption", at(&self.speak, 0.5));
            cost.insert("ms_caption_p95", at(&self.speak, 0.95));
        }
        cost
    }
}

/// The time, in milliseconds, that this share of the files did not need more than. 0 of none.
fn at(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort();
    let place = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(place.saturating_sub(1))
        .map_or(0.0, |time| (time.as_secs_f64() * 1e5).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_by_their_median_and_nearly_the_longest() {
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!([at(&times, 0.5), at(&times, 0.95)], [50.0, 95.0]);
        assert_eq!(at(&times[..1], 0.95), 1.0);
        assert_eq!(at(&[], 0.5), 0.0);
    }

    #[test]
    fn the_parts_of_a_file_are_told_only_if_there_are_two() {
        let ms = Duration::from_millis;
        let mut watch = Watch::default();
        watch.note(ms(5), None);
        assert_eq!(watch.cost().keys().count(), 2);
        let mut watch = Watch::default();
        watch.note(ms(5), Some(ms(20)));
        let cost = watch.cost();
        let told = ["ms_per_file", "ms_look", "ms_caption"].map(|key| cost[key]);
        assert_eq!(told, [25.0, 5.0, 20.0]);
    }
}
