//! All metrics, declared here and nowhere else: names, help texts, labels and buckets.
//!
//! Counters and histograms are raised where things happen: by the modules' meters and by the writer. What is counted elsewhere
//! anyway is read from there when somebody asks. Labels come from the pipeline file or from fixed words, never from data.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use atom_models::Reason;
use atom_operators::data::Stage;
use prometheus::{
    Encoder, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
    core::{AtomicF64, Collector, GenericCounter, GenericCounterVec},
    process_collector::ProcessCollector,
};

use crate::{
    report::SourceReport,
    vitals::{SourceVitals, Vitals},
};
use atom_index::Became;
use atom_media::live::connection_status::ConnectionState;

type CounterVec = GenericCounterVec<AtomicF64>;

/// Runs of modules take from a millisecond (a text of few words) to seconds (a long prompt on a small machine).
const RUN_SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// From a picture to its draft some milliseconds pass, to a caption under load many seconds.
const LATENCY_SECONDS: [f64; 14] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 7.5, 10.0, 20.0, 60.0,
];

/// What a result comes from, as a label.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Branch {
    Draft,
    Caption,
    Reason,
    Index,
}

impl Branch {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Caption => "caption",
            Self::Reason => "reason",
            Self::Index => "index",
        }
    }
}

/// The metrics of one run.
pub struct Metrics {
    registry: Registry,
    names: Vec<String>,
    frames_received: IntCounterVec,
    frames_dropped: IntCounterVec,
    source_up: GaugeVec,
    source_connects: IntCounterVec,
    source_gap_seconds: CounterVec,
    sample_fps: GaugeVec,
    sample_fps_wanted: GaugeVec,
    segments: IntCounterVec,
    module_loads: IntCounterVec,
    module_run_seconds: HistogramVec,
    decoder_tokens: IntCounterVec,
    branch_latency_seconds: HistogramVec,
    complete_through_seconds: GaugeVec,
    lag_seconds: GaugeVec,
    ticks_in_flight: IntGauge,
    failures: IntCounterVec,
    index_segments: IntGauge,
    standing_queries: IntGauge,
    query_events: IntCounterVec,
    seen_segments: IntGaugeVec,
    /// Two readers at a time would count twice.
    reading: Mutex<()>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Metrics at zero.
    pub fn new() -> Self {
        let mut to = Declared::default();
        let source = &["source"][..];
        let process = to.registry.register(Box::new(ProcessCollector::for_self()));
        process.expect(SOUND);
        Self {
            frames_received: to.counter("atom_frames_received_total", "Frames that arrived, once for each sampler that was offered them.", source),
            frames_dropped: to.counter("atom_frames_dropped_total", "Frames not handed to the encoder. By choice: rate (another frame of its place on the sampling grid was chosen), gated (it looks like the last one chosen). Lost: overload (a live source brought more than could be worked on), undecodable, stopped (the run ended before its turn).", &["source", "reason"]),
            source_up: to.gauge("atom_source_up", "Whether pictures of a source come: 1 yes; 0 connecting, stalled, lost or over.", source),
            source_connects: to.counter("atom_source_connects_total", "Connections of a live source that brought a picture.", source),
            source_gap_seconds: to.seconds("atom_source_gap_seconds_total", "Seconds of a live source between two pictures over which it was lost.", source),
            sample_fps: to.gauge("atom_sample_fps", "Frames a second of media time that the quickest sampler of a source chooses now; a live source lowers it under lasting overload.", source),
            sample_fps_wanted: to.gauge("atom_sample_fps_wanted", "Frames a second that the pipeline asks for.", source),
            segments: to.counter("atom_segments_total", "Segments that closed, with or without a result.", source),
            module_loads: to.counter("atom_module_loads_total", "How often a module was loaded; sharing makes this 1.", &["module"]),
            module_run_seconds: to.histogram("atom_module_run_seconds", "Wall time of one run of a module.", &["module"], &RUN_SECONDS),
            decoder_tokens: to.counter("atom_decoder_tokens_total", "Tokens by task and phase: prefilled (prompt tokens computed), reused (prompt tokens taken from an earlier request), generated.", &["task", "phase"]),
            branch_latency_seconds: to.histogram("atom_branch_latency_seconds", "From the taking in of the frame that closed a segment, the first after it, to its result out, by branch: draft, caption, reason, index.", &["branch"], &LATENCY_SECONDS),
            complete_through_seconds: to.gauge("atom_complete_through_seconds", "Media time through which everything of a source is out.", source),
            lag_seconds: to.gauge("atom_lag_seconds", "How far complete-through is behind: behind now for a live source, behind the last frame that arrived for a recording.", source),
            ticks_in_flight: to.count("atom_ticks_in_flight", "Frames and segments that were taken in and are not out of the last sink."),
            failures: to.counter("atom_failures_total", "Items that failed, by stage and reason.", &["stage", "reason"]),
            index_segments: to.count("atom_index_segments", "Rows written to the indexes of this run."),
            standing_queries: to.count("atom_standing_queries", "Standing queries that are kept up to date."),
            query_events: to.counter("atom_query_events_total", "Segments that came to the best of a standing query (matched) and that left them (left).", &["event"]),
            seen_segments: to.counts("atom_seen_segments", "Segments in the indexes of this run in which a concept of the pack is seen, by source.", &["source", "concept"]),
            registry: to.registry,
            names: to.names,
            reading: Mutex::default(),
        }
    }

    /// The names of all metrics of Atom's own.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// What a module's runs take, from now on. Failures and events are at 0 from the beginning, so that the first one is seen as a rise.
    pub(crate) fn listen_to(&self, vitals: &Vitals) {
        for (stage, reason) in Stage::ALL
            .into_iter()
            .flat_map(|s| Reason::ALL.map(|r| (s, r)))
        {
            let _ = self
                .failures
                .with_label_values(&[stage.name(), reason.name()]);
        }
        for event in Became::ALL {
            let _ = self.query_events.with_label_values(&[event.name()]);
        }
        for (module, meter) in vitals.meters.each() {
            let times = self.module_run_seconds.with_label_values(&[module]);
            meter.on_span(move |span| {
                if !span.load {
                    times.observe(span.duration.as_secs_f64());
                }
            });
        }
    }

    /// A result is out.
    pub(crate) fn out(&self, branch: Branch, took: Duration) {
        let name = [branch.name()];
        let times = self.branch_latency_seconds.with_label_values(&name);
        times.observe(took.as_secs_f64());
    }

    /// A segment closed.
    pub(crate) fn segment(&self, source: &str) {
        self.segments.with_label_values(&[source]).inc();
    }

    /// The frames of a recording that is over.
    pub(crate) fn frames(&self, source: &str, report: &SourceReport) {
        let received = self.frames_received.with_label_values(&[source]);
        received.inc_by(report.frames_received);
        for (reason, frames) in &report.frames_dropped {
            let dropped = self
                .frames_dropped
                .with_label_values(&[source, reason.name()]);
            dropped.inc_by(*frames);
        }
    }

    /// Something failed.
    pub(crate) fn failed(&self, stage: &str, reason: &str) {
        self.failures.with_label_values(&[stage, reason]).inc();
    }

    /// Rows went into an index.
    pub(crate) fn indexed(&self, rows: usize) {
        self.index_segments.add(rows as i64);
    }

    /// So many standing queries are kept.
    pub(crate) fn queries(&self, queries: usize) {
        self.standing_queries.set(queries as i64);
    }

    /// Something came to or left the best of a query.
    pub(crate) fn query_event(&self, event: Became) {
        self.query_events.with_label_values(&[event.name()]).inc();
    }

    /// In so many segments of a source a concept is seen; what is not named is seen in none.
    pub(crate) fn seen(&self, totals: &BTreeMap<(String, String), u64>) {
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.seen_segments.reset();
        for ((source, concept), segments) in totals {
            let of = self.seen_segments.with_label_values(&[source, concept]);
            of.set(*segments as i64);
        }
    }

    /// A source is complete through this.
    pub(crate) fn complete(&self, source: &str, seconds: f64) {
        self.complete_through_seconds
            .with_label_values(&[source])
            .set(seconds);
    }

    /// Everything as text, in the exposition format of Prometheus.
    ///
    /// # Errors
    /// If the text cannot be made.
    pub fn text(&self, vitals: &Vitals) -> Result<String, prometheus::Error> {
        let _alone = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        self.read(vitals);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Takes over what is counted elsewhere.
    fn read(&self, vitals: &Vitals) {
        let sources = vitals.sources();
        for source in sources.iter().filter(|source| source.found.is_none()) {
            let name = &[source.name.as_str()][..];
            let tally = vitals.tally.source(source.id);
            raise(
                &self.frames_received.with_label_values(name),
                tally.frames_received(),
            );
            for (reason, frames) in tally.all_dropped() {
                let counter = self
                    .frames_dropped
                    .with_label_values(&[name[0], reason.name()]);
                raise(&counter, frames);
            }
            self.rates(source);
            self.standing(vitals, source);
        }
        let in_flight = vitals.lanes.iter().map(|flow| flow.in_flight());
        let in_flight: usize = in_flight.map(|(frames, segments)| frames + segments).sum();
        self.ticks_in_flight.set(in_flight as i64);
        for (module, reading) in vitals.meters.readings() {
            raise(
                &self.module_loads.with_label_values(&[module]),
                reading.loads,
            );
        }
        for (task, tally) in vitals.tally.tasks() {
            let phases = [
                ("prefilled", tally.prefilled),
                ("reused", tally.reused),
                ("generated", tally.generated),
            ];
            for (phase, tokens) in phases {
                let counter = self.decoder_tokens.with_label_values(&[task.name(), phase]);
                raise(&counter, tokens);
            }
        }
    }

    fn rates(&self, source: &SourceVitals) {
        let name = &[source.name.as_str()][..];
        let most = |rates: &mut dyn Iterator<Item = f64>| rates.fold(0.0, f64::max);
        let now = most(&mut source.grids.iter().map(|grid| grid.fps()));
        let wanted = most(&mut source.grids.iter().map(|grid| grid.wanted_fps()));
        self.sample_fps.with_label_values(name).set(now);
        self.sample_fps_wanted.with_label_values(name).set(wanted);
    }

    fn standing(&self, vitals: &Vitals, source: &SourceVitals) {
        let name = &[source.name.as_str()][..];
        let tally = vitals.tally.source(source.id);
        let reading = source.connection.status();
        let up = match source.live {
            true => reading.state == ConnectionState::Live,
            false => tally.frames_received() > 0 && reading.state != ConnectionState::Over,
        };
        self.source_up.with_label_values(name).set(f64::from(up));
        if source.live {
            raise(
                &self.source_connects.with_label_values(name),
                reading.connects,
            );
            let gaps: GenericCounter<AtomicF64> = self.source_gap_seconds.with_label_values(name);
            gaps.inc_by((reading.gap_seconds - gaps.get()).max(0.0));
        }
        let complete: Gauge = self.complete_through_seconds.with_label_values(name);
        let reached = match (source.live, source.start()) {
            (true, Some(start)) => {
                (jiff::Timestamp::now().as_millisecond() - start.as_millisecond()) as f64 / 1000.0
            }
            (true, None) => 0.0,
            (false, _) => tally.reached().millis() as f64 / 1000.0,
        };
        let lag = (reached - complete.get()).max(0.0);
        self.lag_seconds.with_label_values(name).set(lag);
    }
}

/// Brings a counter up to a count that is kept elsewhere.
fn raise(counter: &prometheus::IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

/// Metrics as they are declared.
#[derive(Default)]
struct Declared {
    registry: Registry,
    names: Vec<String>,
}

/// Why declaring cannot fail.
const SOUND: &str = "names and labels are plain words, and no name stands twice";

impl Declared {
    fn add<C: Collector + Clone + 'static>(&mut self, metric: C) -> C {
        self.names
            .extend(metric.desc().iter().map(|desc| desc.fq_name.clone()));
        self.registry
            .register(Box::new(metric.clone()))
            .expect(SOUND);
        metric
    }

    fn counter(&mut self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let metric = IntCounterVec::new(Opts::new(name, help), labels).expect(SOUND);
        self.add(metric)
    }

    fn seconds(&mut self, name: &str, help: &str, labels: &[&str]) -> CounterVec {
        let metric = CounterVec::new(Opts::new(name, help), labels).expect(SOUND);
        self.add(metric)
    }

    fn gauge(&mut self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        let metric = GaugeVec::new(Opts::new(name, help), labels).expect(SOUND);
        self.add(metric)
    }

    fn counts(&mut self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        let metric = IntGaugeVec::new(Opts::new(name, help), labels).expect(SOUND);
        self.add(metric)
    }

    fn count(&mut self, name: &str, help: &str) -> IntGauge {
        let metric = IntGauge::new(name, help).expect(SOUND);
        self.add(metric)
    }

    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramVec {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let metric = HistogramVec::new(opts, labels).expect(SOUND);
        self.add(metric)
    }
}
