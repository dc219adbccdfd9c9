//! What the engine costs beside its modules: a run against the same module calls without a graph, and the graph without modules.
//!
//! A first run notes every call of a module. Then, in turns: a run that is not noted, and the noted calls made again, once in one
//! loop and once in a loop for each module, side by side. The video is decoded meanwhile as in the run, since no program could
//! do without. Modules stay loaded throughout; loading counts nowhere.

use std::{
    panic::resume_unwind,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use atom_models::{
    Decoder, Image, Impression, Kv, KvShape, Memory, ModelError, Pack, Remembering, Scheduler,
    SharedText, Vision, scheduler,
};
use atom_operators::{
    data::{MediaTime, SourceId},
    sample::Grid,
    tally::Tally,
};
use atom_pipelines::{check, plan};
use crossbeam::channel::bounded;
use serde::Serialize;

use super::{
    figures::Figure,
    graph::{self, GraphFigures},
    replay::{Bare, Calls, Noted},
    tasks::Task,
    work::WorkError,
};
use crate::{
    audience::Nobody,
    error::EngineError,
    open::Modules,
    report::cpu_seconds,
    run::{self, Options},
    source::{Choice, Location, Outlet, Wanted, recording},
};

/// What the engine costs.
#[derive(Clone, Debug, Serialize)]
pub struct Overhead {
    /// The pack.
    pub pack: String,
    /// So many rounds were counted.
    pub rounds: usize,
    /// Calls of modules in a run.
    pub calls: usize,
    /// The run with the engine, without loading.
    pub engine: Cost,
    /// The calls in one loop.
    pub one_loop: Cost,
    /// The calls in a loop for each module, as if nothing depended on anything.
    pub side_by_side: Cost,
    /// Wall time of the engine against one loop, the middle of the rounds.
    pub engine_over_one_loop: f64,
    /// Wall time of the engine against loops side by side.
    pub engine_over_side_by_side: f64,
    /// The graph alone.
    pub graph: Vec<GraphFigures>,
    /// Time for a frame with the most sources against one.
    pub graph_most_over_one: f64,
}

/// What a way of doing it took.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Cost {
    /// Wall time in seconds.
    pub wall_seconds: Figure,
    /// Processor time in seconds.
    pub cpu_seconds: Figure,
}

/// Sources of the graph alone.
const SOURCES: [usize; 4] = [1, 4, 16, 64];

/// What is measured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// With this video.
    pub video: PathBuf,
    /// By this pack.
    pub pack: String,
    /// So many times.
    pub rounds: usize,
    /// Frames of all sources together that the graph alone moves.
    pub frames: u64,
}

/// Measures it; `tell` is told what is being done.
///
/// # Errors
/// If the video or the pack cannot be used, or anything fails on the way.
pub fn measure(settings: &Settings, tell: &mut dyn FnMut(&str)) -> Result<Overhead, WorkError> {
    let pack = Pack::open(&settings.pack)?;
    tell("loading, and noting what a run asks of its modules");
    let shared = Shared::load(&pack)?;
    let calls = Calls::default();
    engine(settings, &shared, Some(&calls))?;
    let calls = calls.taken();
    let (mut with, mut looped, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..settings.rounds {
        tell(&format!("round {} of {}", n + 1, settings.rounds));
        with.push(engine(settings, &shared, None)?);
        let mut bare = shared.bare();
        looped.push(beside_video(settings, &pack, || bare.in_a_loop(&calls))?);
        beside.push(beside_video(settings, &pack, || bare.side_by_side(&calls))?);
    }
    let mut graphs = Vec::new();
    for sources in SOURCES {
        tell(&format!("the graph alone, {sources} sources"));
        graphs.push(graph::measure(
            sources,
            settings.frames.div_ceil(sources as u64),
        )?);
    }
    let frame = |at: usize| graphs.get(at).map_or(0.0, |figures| figures.frame_ns);
    Ok(Overhead {
        pack: pack.id(),
        rounds: settings.rounds,
        calls: calls.len(),
        engine: cost(&with),
        one_loop: cost(&looped),
        side_by_side: cost(&beside),
        engine_over_one_loop: ratio(&with, &looped),
        engine_over_side_by_side: ratio(&with, &beside),
        graph_most_over_one: frame(SOURCES.len() - 1) / frame(0),
        graph: graphs,
    })
}

/// Wall and processor time.
type Taken = (Duration, f64);

fn cost(rounds: &[Taken]) -> Cost {
    Cost {
        wall_seconds: Figure::of(rounds.iter().map(|(wall, _)| wall.as_secs_f64())),
        cpu_seconds: Figure::of(rounds.iter().map(|(_, cpu)| *cpu)),
    }
}

fn ratio(above: &[Taken], below: &[Taken]) -> f64 {
    let each = above.iter().zip(below);
    Figure::of(each.map(|((a, _), (b, _))| a.as_secs_f64() / b.as_secs_f64())).median
}

/// Modules that stay loaded from run to run.
struct Shared {
    vision: Kept<dyn Vision>,
    decoder: KeptDecoder,
    text: SharedText,
    memory: Option<Arc<Memory>>,
}

impl Shared {
    fn load(pack: &Pack) -> Result<Self, ModelError> {
        Ok(Self {
            vision: Kept::new(pack.vision_beside(Arc::default())?),
            decoder: KeptDecoder::new(pack.decoder(Arc::default())?),
            text: SharedText::new(pack.text(Arc::default())?),
            memory: pack.memory()?.map(Arc::new),
        })
    }

    fn bare(&self) -> Bare {
        Bare {
            vision: Box::new(self.vision.clone()),
            decoder: Box::new(self.decoder.clone()),
            text: Box::new(self.text.clone()),
        }
    }

    /// What a run needs of them; every run remembers its texts and prompts anew.
    fn modules(&self, calls: Option<&Calls>) -> Modules {
        let Bare {
            mut vision,
            mut decoder,
            mut text,
        } = self.bare();
        if let Some(calls) = calls {
            vision = Box::new(Noted::new(vision, calls));
            decoder = Box::new(Noted::new(decoder, calls));
            text = Box::new(Noted::new(text, calls));
        }
        Modules {
            vision: Some(vision),
            decoder: Some(Scheduler::new(decoder, scheduler::Settings::default())),
            text: SharedText::new(Box::new(Remembering::new(text))),
            reads: true,
            memory: self.memory.clone(),
        }
    }
}

/// A run of all tasks, without loading.
fn engine(settings: &Settings, shared: &Shared, calls: Option<&Calls>) -> Result<Taken, WorkError> {
    let folder = tempfile::tempdir().map_err(|error| WorkError::Failed(error.to_string()))?;
    let videos = [settings.video.clone()];
    let files = [Task::Caption, Task::Index, Task::Reason];
    let file = |task: &Task| task.file(&videos, &settings.pack, folder.path());
    let files = files.iter().map(file).collect::<Result<Vec<_>, _>>()?;
    check(&files)?;
    let began = Arc::new(Mutex::new(None));
    let begins = Arc::clone(&began);
    let options = Options {
        modules: Some(shared.modules(calls)),
        ready: Some(Box::new(move || {
            let now = Some((Instant::now(), cpu_seconds()));
            *begins.lock().unwrap_or_else(PoisonError::into_inner) = now;
        })),
        ..Options::new(Arc::default(), Box::new(Nobody))
    };
    let outcome = run::run(&plan(&files), options)?;
    if let Some(error) = outcome.errors.first() {
        return Err(WorkError::Failed(error.clone()));
    }
    let began = began.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (begun, cpu) = began.expect("a run that ended was ready");
    Ok((begun.elapsed(), cpu_seconds() - cpu))
}

/// Does something while the video is decoded as in a run; what takes longer counts.
fn beside_video(
    settings: &Settings,
    pack: &Pack,
    work: impl FnOnce() -> Result<(Duration, Duration), ModelError>,
) -> Result<Taken, WorkError> {
    let cpu = cpu_seconds();
    let (played, worked) = thread::scope(|threads| {
        let played = threads.spawn(|| play(settings, pack));
        let worked = work();
        let played = played.join().unwrap_or_else(|panic| resume_unwind(panic));
        (played, worked)
    });
    let (worked, making) = worked?;
    // One thread makes what the decoder works on.
    let cpu = cpu_seconds() - cpu - making.as_secs_f64();
    Ok((worked.max(played?), cpu))
}

/// Decodes the video and lets its frames go.
fn play(settings: &Settings, pack: &Pack) -> Result<Duration, EngineError> {
    let begun = Instant::now();
    let wanted = Wanted {
        source: SourceId::of(0),
        location: Location::parse(&settings.video.to_string_lossy())?,
        size: pack.frame_size(),
        choice: Choice::Grids(vec![Grid::new(2.0, &[4000])]),
        from: MediaTime::default(),
        live: None,
        growing: false,
    };
    let (sender, records) = bounded(2);
    let outlet = Outlet::of_recording(SourceId::of(0), sender, Tally::default());
    thread::scope(|threads| {
        threads.spawn(move || records.into_iter().for_each(drop));
        let played = recording::play(wanted, &outlet);
        // Who takes the frames ends with this.
        drop(outlet);
        played.map(|_| begun.elapsed())
    })
}

/// A module that several runs use, one after the other.
struct Kept<M: ?Sized>(Arc<Mutex<Box<M>>>);

impl<M: ?Sized> Kept<M> {
    fn new(module: Box<M>) -> Self {
        Self(Arc::new(Mutex::new(module)))
    }

    fn lock(&self) -> MutexGuard<'_, Box<M>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<M: ?Sized> Clone for Kept<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl Vision for Kept<dyn Vision> {
    fn encode(&mut self, image: &Image) -> Result<Impression, ModelError> {
        self.lock().encode(image)
    }
}

/// The decoder, with what it tells of itself without being asked to work.
#[derive(Clone)]
struct KeptDecoder {
    decoder: Kept<dyn Decoder>,
    ends: Vec<u32>,
    context: usize,
    shape: KvShape,
}

impl KeptDecoder {
    fn new(decoder: Box<dyn Decoder>) -> Self {
        Self {
            ends: decoder.ends().to_vec(),
            context: decoder.context(),
            shape: decoder.shape(),
            decoder: Kept::new(decoder),
        }
    }
}

impl Decoder for KeptDecoder {
    fn encode(&mut self, text: &str) -> Result<Vec<u32>, ModelError> {
        self.decoder.lock().encode(text)
    }

    fn decode(&mut self, tokens: &[u32]) -> Result<String, ModelError> {
        self.decoder.lock().decode(tokens)
    }

    fn ends(&self) -> &[u32] {
        &self.ends
    }

    fn context(&self) -> usize {
        self.context
    }

    fn shape(&self) -> KvShape {
        self.shape
    }

    fn run(&mut self, ids: &[u32], adapter: &[bool], kv: &mut Kv) -> Result<Vec<f32>, ModelError> {
        self.decoder.lock().run(ids, adapter, kv)
    }
}
