//! Counters of each module's loads, runs, items and time, readable while the modules work.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

/// The counters of one module.
#[derive(Debug, Default)]
pub struct Meter {
    loads: AtomicU64,
    runs: AtomicU64,
    items: AtomicU64,
    nanos: AtomicU64,
    listeners: RwLock<Vec<Listener>>,
}

/// One load or run of a module.
#[derive(Clone, Copy, Debug)]
pub struct ModuleSpan {
    /// True for a load, false for a run.
    pub load: bool,
    /// The start.
    pub start: Instant,
    /// The duration.
    pub duration: Duration,
}

/// A callback for each load and each run.
struct Listener(Box<dyn Fn(ModuleSpan) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// The counters of one module at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MeterReading {
    /// Number of loads.
    pub loads: u64,
    /// Number of runs.
    pub runs: u64,
    /// Items processed: frames for the vision encoder, sequences for the decoder, texts for the text encoder.
    pub items: u64,
    /// Wall time of the runs.
    pub seconds: f64,
}

impl Meter {
    /// Counts one load that started at `start` and ends now.
    pub(crate) fn loaded(&self, start: Instant) {
        self.loads.fetch_add(1, Relaxed);
        self.notify(ModuleSpan {
            load: true,
            start,
            duration: start.elapsed(),
        });
    }

    /// Runs `work` over `items` items and counts it, even if it panics.
    pub(crate) fn run<T>(&self, items: usize, work: impl FnOnce() -> T) -> T {
        let _guard = RunGuard {
            meter: self,
            items,
            start: Instant::now(),
        };
        work()
    }

    /// Calls `listener` after each later load and run, on the thread that did it.
    pub fn on_span(&self, listener: impl Fn(ModuleSpan) + Send + Sync + 'static) {
        let listeners = self.listeners.write();
        let mut listeners = listeners.unwrap_or_else(PoisonError::into_inner);
        listeners.push(Listener(Box::new(listener)));
    }

    fn notify(&self, span: ModuleSpan) {
        let listeners = self.listeners.read();
        let listeners = listeners.unwrap_or_else(PoisonError::into_inner);
        listeners.iter().for_each(|listener| (listener.0)(span));
    }

    fn count_run(&self, items: usize, start: Instant) {
        let duration = start.elapsed();
        self.runs.fetch_add(1, Relaxed);
        self.items.fetch_add(items as u64, Relaxed);
        self.nanos.fetch_add(duration.as_nanos() as u64, Relaxed);
        self.notify(ModuleSpan {
            load: false,
            start,
            duration,
        });
    }

    /// Returns the current counters.
    pub fn reading(&self) -> MeterReading {
        MeterReading {
            loads: self.loads.load(Relaxed),
            runs: self.runs.load(Relaxed),
            items: self.items.load(Relaxed),
            seconds: self.nanos.load(Relaxed) as f64 / 1e9,
        }
    }
}

/// A run in progress, counted when it is dropped.
struct RunGuard<'m> {
    meter: &'m Meter,
    items: usize,
    start: Instant,
}

impl Drop for RunGuard<'_> {
    fn drop(&mut self) {
        self.meter.count_run(self.items, self.start);
    }
}

/// The meters of a pack's modules.
#[derive(Clone, Debug, Default)]
pub struct Meters {
    /// The vision encoder.
    pub vision: Arc<Meter>,
    /// The language decoder.
    pub decoder: Arc<Meter>,
    /// The text encoder.
    pub text: Arc<Meter>,
}

impl Meters {
    /// Returns the readings of the loaded modules, by name.
    pub fn readings(&self) -> Vec<(&'static str, MeterReading)> {
        self.each()
            .map(|(name, meter)| (name, meter.reading()))
            .into_iter()
            .filter(|(_, reading)| reading.loads > 0)
            .collect()
    }

    /// Returns all meters, by name.
    pub fn each(&self) -> [(&'static str, &Arc<Meter>); 3] {
        [
            ("vision", &self.vision),
            ("decoder", &self.decoder),
            ("text", &self.text),
        ]
    }
}
