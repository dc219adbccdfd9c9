//! Counts what modules do: loads, runs, items, time. Read while they work, by reports and metrics.

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

/// What a module did for a while.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Whether it was loaded then; otherwise it ran.
    pub load: bool,
    /// When it began.
    pub begun: Instant,
    /// How long it took.
    pub took: Duration,
}

/// Is told of each load and each run.
struct Listener(Box<dyn Fn(Span) + Send + Sync>);

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listener")
    }
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// How often the module was loaded.
    pub loads: u64,
    /// How often it ran.
    pub runs: u64,
    /// What it worked on: frames for the vision encoder, sequences for the decoder, texts for the text encoder.
    pub items: u64,
    /// Wall time of its runs.
    pub seconds: f64,
}

impl Meter {
    /// Counts one load, which began then.
    pub fn loaded(&self, begun: Instant) {
        self.loads.fetch_add(1, Relaxed);
        self.tell(Span {
            load: true,
            begun,
            took: begun.elapsed(),
        });
    }

    /// Runs `work` over `items` items and counts it, also if it panics.
    pub fn run<T>(&self, items: usize, work: impl FnOnce() -> T) -> T {
        let _running = Running {
            meter: self,
            items,
            begun: Instant::now(),
        };
        work()
    }

    /// Has `listener` told of each load and each run from now on, on the thread that did it.
    pub fn on_span(&self, listener: impl Fn(Span) + Send + Sync + 'static) {
        let listeners = self.listeners.write();
        let mut listeners = listeners.unwrap_or_else(PoisonError::into_inner);
        listeners.push(Listener(Box::new(listener)));
    }

    fn tell(&self, span: Span) {
        let listeners = self.listeners.read();
        let listeners = listeners.unwrap_or_else(PoisonError::into_inner);
        listeners.iter().for_each(|listener| (listener.0)(span));
    }

    fn ran(&self, items: usize, begun: Instant) {
        let took = begun.elapsed();
        self.runs.fetch_add(1, Relaxed);
        self.items.fetch_add(items as u64, Relaxed);
        self.nanos.fetch_add(took.as_nanos() as u64, Relaxed);
        self.tell(Span {
            load: false,
            begun,
            took,
        });
    }

    /// The counters now.
    pub fn reading(&self) -> Reading {
        Reading {
            loads: self.loads.load(Relaxed),
            runs: self.runs.load(Relaxed),
            items: self.items.load(Relaxed),
            seconds: self.nanos.load(Relaxed) as f64 / 1e9,
        }
    }
}

/// A run under way; counted when it ends, however it ends.
struct Running<'m> {
    meter: &'m Meter,
    items: usize,
    begun: Instant,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.meter.ran(self.items, self.begun);
    }
}

/// One meter for each module of a pack.
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
    /// The readings of the modules that were loaded, by name.
    pub fn readings(&self) -> Vec<(&'static str, Reading)> {
        self.each()
            .map(|(name, meter)| (name, meter.reading()))
            .into_iter()
            .filter(|(_, reading)| reading.loads > 0)
            .collect()
    }

    /// All of them, by name.
    pub fn each(&self) -> [(&'static str, &Arc<Meter>); 3] {
        [
            ("vision", &self.vision),
            ("decoder", &self.decoder),
            ("text", &self.text),
        ]
    }
}
