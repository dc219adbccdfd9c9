//! The summary of an evaluation: its metrics with their confidence intervals, and the time per file.

use std::{collections::BTreeMap, time::Duration};

use atom_models::Pack;
use serde_json::{Map, Value, json};

use super::confidence_interval::interval;

/// A metric over all files.
#[derive(Clone, Debug, PartialEq)]
pub struct Metric {
    /// Its key in JSON.
    pub key: &'static str,
    /// Its name for people.
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// Its 95 % interval.
    pub interval: [f64; 2],
}

impl Metric {
    /// Computes a metric over `files` files and its interval; `value` gets the numbers of the files to use.
    pub fn over(
        key: &'static str,
        name: &'static str,
        files: usize,
        mut value: impl FnMut(&[usize]) -> f64,
    ) -> Self {
        let all: Vec<usize> = (0..files).collect();
        Self {
            key,
            name,
            value: value(&all),
            interval: interval(files, value),
        }
    }
}

/// The result of an evaluation.
#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationSummary {
    /// The number of files.
    pub n: usize,
    /// The number of queries, in an evaluation of retrieval.
    pub queries: Option<usize>,
    /// The metrics in the order in which they are shown.
    pub metrics: Vec<Metric>,
    /// Wall time per file, in milliseconds, by key in JSON.
    pub times_ms: BTreeMap<&'static str, f64>,
    /// Name of the pack.
    pub pack: String,
    /// Its version.
    pub version: String,
}

impl EvaluationSummary {
    /// Creates the summary of an evaluation of this pack.
    pub fn new(pack: &Pack, n: usize, metrics: Vec<Metric>, times: &FileTimes) -> Self {
        Self {
            n,
            queries: None,
            metrics,
            times_ms: times.statistics_ms(),
            pack: pack.manifest().name.clone(),
            version: pack.manifest().version.clone(),
        }
    }

    /// Returns the summary as one JSON object: each metric by its key, all intervals under `intervals`, times by `ms_*`.
    pub fn json(&self) -> Value {
        let mut object = Map::new();
        object.insert("n".into(), self.n.into());
        if let Some(queries) = self.queries {
            object.insert("queries".into(), queries.into());
        }
        let mut intervals = Map::new();
        for metric in &self.metrics {
            object.insert(metric.key.into(), metric.value.into());
            intervals.insert(metric.key.into(), json!(metric.interval));
        }
        object.insert("intervals".into(), intervals.into());
        for (key, value) in &self.times_ms {
            object.insert((*key).into(), (*value).into());
        }
        object.insert("pack".into(), self.pack.as_str().into());
        object.insert("version".into(), self.version.as_str().into());
        object.into()
    }
}

/// The wall time of each file.
#[derive(Debug, Default)]
pub struct FileTimes {
    encoding: Vec<Duration>,
    captioning: Vec<Duration>,
}

impl FileTimes {
    /// Records a file: the time to play and encode it, and the time to caption it if that is evaluated.
    pub fn record(&mut self, encoding: Duration, captioning: Option<Duration>) {
        self.encoding.push(encoding);
        self.captioning.extend(captioning);
    }

    /// Returns the median and the 95th percentile in milliseconds: of the whole, and of its parts if there are two.
    fn statistics_ms(&self) -> BTreeMap<&'static str, f64> {
        let whole: Vec<_> = match self.captioning.is_empty() {
            true => self.encoding.clone(),
            false => {
                let parts = self.encoding.iter().zip(&self.captioning);
                parts
                    .map(|(encoding, captioning)| *encoding + *captioning)
                    .collect()
            }
        };
        let mut statistics = BTreeMap::from([
            ("ms_per_file", quantile_ms(&whole, 0.5)),
            ("ms_per_file_p95", quantile_ms(&whole, 0.95)),
        ]);
        if !self.captioning.is_empty() {
            statistics.extend([
                ("ms_look", quantile_ms(&self.encoding, 0.5)),
                ("ms_look_p95", quantile_ms(&self.encoding, 0.95)),
                ("ms_caption", quantile_ms(&self.captioning, 0.5)),
                ("ms_caption_p95", quantile_ms(&self.captioning, 0.95)),
            ]);
        }
        statistics
    }
}

/// Returns the smallest time, in milliseconds, that this share of the files does not exceed; 0 if there is none.
fn quantile_ms(times: &[Duration], share: f64) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort();
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted
        .get(rank.saturating_sub(1))
        .map_or(0.0, |time| (time.as_secs_f64() * 1e5).round() / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_the_median_and_the_95th_percentile() {
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(
            [quantile_ms(&times, 0.5), quantile_ms(&times, 0.95)],
            [50.0, 95.0]
        );
        assert_eq!(quantile_ms(&times[..1], 0.95), 1.0);
        assert_eq!(quantile_ms(&[], 0.5), 0.0);
    }

    #[test]
    fn the_parts_of_a_file_are_reported_only_if_there_are_two() {
        let ms = Duration::from_millis;
        let mut times = FileTimes::default();
        times.record(ms(5), None);
        assert_eq!(times.statistics_ms().keys().count(), 2);
        let mut times = FileTimes::default();
        times.record(ms(5), Some(ms(20)));
        let statistics = times.statistics_ms();
        let medians = ["ms_per_file", "ms_look", "ms_caption"].map(|key| statistics[key]);
        assert_eq!(medians, [25.0, 5.0, 20.0]);
    }
}
