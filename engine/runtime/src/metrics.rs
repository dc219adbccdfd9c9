//! All metrics, declared here and nowhere else: names, help texts, labels and buckets.
//!
//! The modules' meters and the writer raise counters and histograms as things happen. Counts that are kept elsewhere anyway are
//! copied from there at each scrape. Labels come from the pipeline file or from fixed words, never from data.

use std::{collections::BTreeMap, time::Duration};

use atom_index::MatchChange;
use atom_media::live::connection_status::ConnectionState;
use atom_models::Reason;
use atom_operators::failure::Stage;
use parking_lot::Mutex;
use prometheus::{
    Encoder, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec,
    Opts, Registry, TextEncoder,
    core::{AtomicF64, Collector, GenericCounter, GenericCounterVec},
    process_collector::ProcessCollector,
};

use crate::{
    run_report::SourceReport,
    run_status::{RunStatus, SourceStatus},
};

type CounterVec = GenericCounterVec<AtomicF64>;

/// Buckets for runs of modules: from a millisecond (a short text) to seconds (a long prompt on a small machine).
const RUN_SECONDS: [f64; 13] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];
/// Buckets for latencies: from some milliseconds (a draft) to many seconds (a caption under load).
const LATENCY_SECONDS: [f64; 14] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 1.5, 2.5, 5.0, 7.5, 10.0, 20.0, 60.0,
];

/// A branch of the graph, as a label.
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

/// A metric as it is declared, for documentation and for tests of dashboards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricDeclaration {
    /// The name.
    pub name: String,
    /// The type: counter, gauge or histogram.
    pub kind: &'static str,
    /// The meaning.
    pub help: String,
    /// The names of the labels.
    pub labels: Vec<String>,
}

/// The metrics of one run.
pub struct Metrics {
    registry: Registry,
    declarations: Vec<MetricDeclaration>,
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
    /// Held during a scrape: two at a time would count twice.
    scraping: Mutex<()>,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Returns metrics at zero.
    pub fn new() -> Self {
        let mut to = Declarations::default();
        let source = &["source"][..];
        let process = to.registry.register(Box::new(ProcessCollector::for_self()));
        process.expect(VALID);
        Self {
            frames_received: to.counter("atom_frames_received_total", "Frames received, counted once per sampler of the source.", source),
            frames_dropped: to.counter("atom_frames_dropped_total", "Frames not passed to the encoder, by reason. Dropped by choice: rate (the sampler chose another frame), gated (the frame looks like the last chosen one). Lost: overload (a live source sends more frames than the machine can process), undecodable, concealed (the decoder guessed the frame, because data is missing), stopped (the run ended first).", &["source", "reason"]),
            source_up: to.gauge("atom_source_up", "State of the source: 1 if frames arrive, 0 if it is connecting, stalled, lost or over.", source),
            source_connects: to.counter("atom_source_connects_total", "Connections of a live source that delivered at least one frame.", source),
            source_gap_seconds: to.seconds("atom_source_gap_seconds_total", "Total length, in seconds, of the gaps during which a live source was lost; a gap counts when it ends.", source),
            sample_fps: to.gauge("atom_sample_fps", "Current rate of the fastest sampler of the source, in frames per second of media time; sustained overload lowers it for a live source.", source),
            sample_fps_wanted: to.gauge("atom_sample_fps_wanted", "Sampling rate that the pipeline asks for, in frames per second of media time.", source),
            segments: to.counter("atom_segments_total", "Segments closed, with or without a result.", source),
            module_loads: to.counter("atom_module_loads_total", "Loads of a module; 1 if all tasks share it.", &["module"]),
            module_run_seconds: to.histogram("atom_module_run_seconds", "Duration of one run of a module, in seconds of wall time.", &["module"], &RUN_SECONDS),
            decoder_tokens: to.counter("atom_decoder_tokens_total", "Tokens processed by the decoder, by task and phase: prefilled (prompt tokens computed), reused (prompt tokens cached from an earlier request), generated.", &["task", "phase"]),
            branch_latency_seconds: to.histogram("atom_branch_latency_seconds", "Time from the intake of the frame that closed a segment (the first frame after it) to the output of its result, in seconds, by branch: draft, caption, reason, index.", &["branch"], &LATENCY_SECONDS),
            complete_through_seconds: to.gauge("atom_complete_through_seconds", "Media time through which all results of the source are written, in seconds.", source),
            lag_seconds: to.gauge("atom_lag_seconds", "Time by which the complete-through time of the source lags behind the present (live source) or behind its last received frame (recording), in seconds.", source),
            ticks_in_flight: to.count("atom_ticks_in_flight", "Frames and segments that are being processed: taken in, but not yet through the last sink."),
            failures: to.counter("atom_failures_total", "Failed items, by stage and reason.", &["stage", "reason"]),
            index_segments: to.count("atom_index_segments", "Segments that this run has written to its indexes."),
            standing_queries: to.count("atom_standing_queries", "Standing queries that this run evaluates."),
            query_events: to.counter("atom_query_events_total", "Changes in the best matches of the standing queries, by event: matched (a segment joined them) or left (a segment left them).", &["event"]),
            seen_segments: to.counts("atom_seen_segments", "Segments in the indexes of this run that show a concept of the pack, by source and concept.", &["source", "concept"]),
            registry: to.registry,
            declarations: to.declarations,
            scraping: Mutex::default(),
        }
    }

    /// Returns Atom's own metrics as they are declared.
    pub fn declarations(&self) -> &[MetricDeclaration] {
        &self.declarations
    }

    /// Observes the run times of the modules from now on, and declares the counters of failures and events at 0, so that the first
    /// one shows as a rise.
    pub(crate) fn attach(&self, status: &RunStatus) {
        for (stage, reason) in Stage::ALL
            .into_iter()
            .flat_map(|s| Reason::ALL.map(|r| (s, r)))
        {
            let _ = self
                .failures
                .with_label_values(&[stage.name(), reason.name()]);
        }
        for event in MatchChange::ALL {
            let _ = self.query_events.with_label_values(&[event.name()]);
        }
        for (module, meter) in status.meters.each() {
            let times = self.module_run_seconds.with_label_values(&[module]);
            meter.on_span(move |span| {
                if !span.load {
                    times.observe(span.duration.as_secs_f64());
                }
            });
        }
    }

    /// Observes the latency of a result.
    pub(crate) fn latency(&self, branch: Branch, latency: Duration) {
        let name = [branch.name()];
        let times = self.branch_latency_seconds.with_label_values(&name);
        times.observe(latency.as_secs_f64());
    }

    /// Counts a segment that closed.
    pub(crate) fn segment(&self, source: &str) {
        self.segments.with_label_values(&[source]).inc();
    }

    /// Counts the frames of a recording that is finished.
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

    /// Counts a failure.
    pub(crate) fn failed(&self, stage: &str, reason: &str) {
        self.failures.with_label_values(&[stage, reason]).inc();
    }

    /// Counts rows written to an index.
    pub(crate) fn indexed(&self, rows: usize) {
        self.index_segments.add(rows as i64);
    }

    /// Sets the number of standing queries.
    pub(crate) fn queries(&self, queries: usize) {
        self.standing_queries.set(queries as i64);
    }

    /// Counts a match that a standing query gained or lost.
    pub(crate) fn query_event(&self, event: MatchChange) {
        self.query_events.with_label_values(&[event.name()]).inc();
    }

    /// Sets the number of segments in which each concept is seen, by source and concept; those not named become absent.
    pub(crate) fn seen(&self, totals: &BTreeMap<(String, String), u64>) {
        let _alone = self.scraping.lock();
        self.seen_segments.reset();
        for ((source, concept), segments) in totals {
            let gauge = self.seen_segments.with_label_values(&[source, concept]);
            gauge.set(*segments as i64);
        }
    }

    /// Sets the media time through which a source is complete.
    pub(crate) fn complete(&self, source: &str, seconds: f64) {
        self.complete_through_seconds
            .with_label_values(&[source])
            .set(seconds);
    }

    /// Returns all metrics in the text format of Prometheus.
    ///
    /// # Errors
    /// If a metric cannot be encoded.
    pub fn text(&self, status: &RunStatus) -> Result<String, prometheus::Error> {
        let _alone = self.scraping.lock();
        self.update(status);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Copies the counts that are kept elsewhere.
    fn update(&self, status: &RunStatus) {
        let sources = status.sources();
        for source in sources.iter().filter(|source| source.recording.is_none()) {
            let name = &[source.name.as_str()][..];
            let counters = status.counters.source(source.id);
            raise(
                &self.frames_received.with_label_values(name),
                counters.frames_received(),
            );
            for (reason, frames) in counters.all_dropped() {
                let counter = self
                    .frames_dropped
                    .with_label_values(&[name[0], reason.name()]);
                raise(&counter, frames);
            }
            self.update_rates(source);
            self.update_connection(status, source);
        }
        let in_flight = status.channels.iter().map(|credits| credits.in_flight());
        let in_flight: usize = in_flight.map(|(frames, segments)| frames + segments).sum();
        self.ticks_in_flight.set(in_flight as i64);
        for (module, reading) in status.meters.readings() {
            raise(
                &self.module_loads.with_label_values(&[module]),
                reading.loads,
            );
        }
        for (task, counts) in status.counters.tasks() {
            let phases = [
                ("prefilled", counts.prefilled),
                ("reused", counts.reused),
                ("generated", counts.generated),
            ];
            for (phase, tokens) in phases {
                let counter = self.decoder_tokens.with_label_values(&[task.name(), phase]);
                raise(&counter, tokens);
            }
        }
    }

    fn update_rates(&self, source: &SourceStatus) {
        let name = &[source.name.as_str()][..];
        let most = |rates: &mut dyn Iterator<Item = f64>| rates.fold(0.0, f64::max);
        let now = most(&mut source.grids.iter().map(|grid| grid.fps()));
        let wanted = most(&mut source.grids.iter().map(|grid| grid.configured_fps()));
        self.sample_fps.with_label_values(name).set(now);
        self.sample_fps_wanted.with_label_values(name).set(wanted);
    }

    fn update_connection(&self, status: &RunStatus, source: &SourceStatus) {
        let name = &[source.name.as_str()][..];
        let counters = status.counters.source(source.id);
        let connection = source.connection.status();
        let up = match source.live {
            true => connection.state == ConnectionState::Live,
            false => counters.frames_received() > 0 && connection.state != ConnectionState::Over,
        };
        self.source_up.with_label_values(name).set(f64::from(up));
        if source.live {
            raise(
                &self.source_connects.with_label_values(name),
                connection.connects,
            );
            let gaps: GenericCounter<AtomicF64> = self.source_gap_seconds.with_label_values(name);
            gaps.inc_by((connection.gap_seconds - gaps.get()).max(0.0));
        }
        let complete: Gauge = self.complete_through_seconds.with_label_values(name);
        let reached = match (source.live, source.start_time()) {
            (true, Some(start)) => {
                (jiff::Timestamp::now().as_millisecond() - start.as_millisecond()) as f64 / 1000.0
            }
            (true, None) => 0.0,
            (false, _) => counters.latest_media_time().millis() as f64 / 1000.0,
        };
        let lag = (reached - complete.get()).max(0.0);
        self.lag_seconds.with_label_values(name).set(lag);
    }
}

/// Raises a counter to a count that is kept elsewhere.
fn raise(counter: &prometheus::IntCounter, count: u64) {
    counter.inc_by(count.saturating_sub(counter.get()));
}

/// The registry while metrics are being declared.
#[derive(Default)]
struct Declarations {
    registry: Registry,
    declarations: Vec<MetricDeclaration>,
}

/// The reason why declaring cannot fail.
const VALID: &str = "names and labels are plain words, and no name is used twice";

impl Declarations {
    fn add<C: Collector + Clone + 'static>(&mut self, kind: &'static str, metric: C) -> C {
        let declared = metric.desc().into_iter().map(|desc| MetricDeclaration {
            name: desc.fq_name.clone(),
            kind,
            help: desc.help.clone(),
            labels: desc.variable_labels.clone(),
        });
        self.declarations.extend(declared);
        self.registry
            .register(Box::new(metric.clone()))
            .expect(VALID);
        metric
    }

    fn counter(&mut self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let metric = IntCounterVec::new(Opts::new(name, help), labels).expect(VALID);
        self.add("counter", metric)
    }

    fn seconds(&mut self, name: &str, help: &str, labels: &[&str]) -> CounterVec {
        let metric = CounterVec::new(Opts::new(name, help), labels).expect(VALID);
        self.add("counter", metric)
    }

    fn gauge(&mut self, name: &str, help: &str, labels: &[&str]) -> GaugeVec {
        let metric = GaugeVec::new(Opts::new(name, help), labels).expect(VALID);
        self.add("gauge", metric)
    }

    fn counts(&mut self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        let metric = IntGaugeVec::new(Opts::new(name, help), labels).expect(VALID);
        self.add("gauge", metric)
    }

    fn count(&mut self, name: &str, help: &str) -> IntGauge {
        let metric = IntGauge::new(name, help).expect(VALID);
        self.add("gauge", metric)
    }

    fn histogram(
        &mut self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> HistogramVec {
        let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let metric = HistogramVec::new(opts, labels).expect(VALID);
        self.add("histogram", metric)
    }
}
