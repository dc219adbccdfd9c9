//! Opens everything that a run needs, before it starts: what can fail, fails here, with nothing changed.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    panic::resume_unwind,
    sync::Arc,
    thread,
};

use atom_models::{
    CachedTextEncoder, LazyTextEncoder, Meter, Meters, ModelError, Pack, Scheduler,
    SchedulerSettings, SharedTextEncoder, TextEncoder,
};
use atom_operators::{
    data::{MediaTime, NodeId},
    node::NodeKind,
    segment::SLACK,
};
use atom_pipelines::{Input, Plan, PlannedSource, SinkKind, Uri};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    error::RuntimeError,
    keeper::Keeper,
    shelf::{OpenStore, Shelf},
    sink::{self, Format},
    writer::OpenSink,
};
use atom_index::Store;
use atom_media::{Location, folder::RecordingSet};

/// Where each source's frames come from; nothing of folders, whose recordings have places of their own.
pub fn locations(plan: &Plan) -> Result<Vec<Option<Location>>, RuntimeError> {
    let location = |source: &PlannedSource| match source.is_folder() {
        true => Ok(None),
        false => Location::of(source).map(Some),
    };
    let parsed: Vec<_> = plan
        .sources
        .iter()
        .map(location)
        .collect::<Result<_, _>>()?;
    // With one source, what cannot be read ends the run before it starts; among several it is one failure.
    if let [Some(only)] = &parsed[..] {
        only.check()?;
    }
    Ok(parsed)
}

/// What the folders of a plan hold, by the planned source.
///
/// # Errors
/// If there is no such folder.
pub fn libraries(plan: &Plan) -> Result<Vec<(usize, RecordingSet)>, RuntimeError> {
    let folders = plan.sources.iter().enumerate();
    let folders = folders.filter(|(_, source)| source.is_folder());
    let library = |(at, source): (usize, &PlannedSource)| {
        let uri = Uri::parse(&source.uri).ok();
        let path = uri.and_then(|uri| uri.path().cloned()).unwrap_or_default();
        let wrong = |reason: String| RuntimeError::Folder {
            path: path.display().to_string(),
            reason,
        };
        let library = RecordingSet::open(&path).map_err(|e| wrong(e.to_string()))?;
        // Where nothing more can come, something has to be there.
        match library.why_empty().filter(|_| !source.settings.watch) {
            Some(trouble) => Err(wrong(trouble)),
            None => Ok((at, library)),
        }
    };
    folders.map(library).collect()
}

/// The modules that the plan needs, loaded once.
pub struct Modules {
    /// The vision encoder.
    pub vision: Option<Box<dyn atom_models::VisionEncoder>>,
    /// The decoder.
    pub decoder: Option<Scheduler>,
    /// The text encoder; loaded when it is first needed.
    pub text: SharedTextEncoder,
    /// Whether anything in the graph is chosen, told or found by the text encoder.
    pub reads: bool,
    /// The caption memory, if captions are wanted and the pack has one.
    pub memory: Option<Arc<atom_models::CaptionMemory>>,
}

impl Modules {
    /// Loads them; `questions` says whether people may ask, `beside` whether they work side by side.
    ///
    /// # Errors
    /// If a module or the memory cannot be loaded.
    pub fn load(
        plan: &Plan,
        pack: &Pack,
        meters: &Meters,
        questions: bool,
        beside: bool,
    ) -> Result<Self, RuntimeError> {
        let any =
            |wanted: &dyn Fn(&NodeKind) -> bool| plan.nodes.iter().any(|node| wanted(&node.kind));
        let prompts = pack.prompts();
        let encodes = any(&|kind| matches!(kind, NodeKind::Encode(_)));
        let captions = any(&|kind| matches!(kind, NodeKind::Caption(_)));
        let asks = any(&|kind| matches!(kind, NodeKind::Reason(spec) if !spec.judged(prompts)));
        let reads = any(&|kind| matches!(kind, NodeKind::Reason(spec) if spec.weighed(prompts)));
        let decodes = captions || asks || questions;
        let chooses = captions && prompts.ranker().embeds_captions();
        let reads = chooses || reads || questions;
        // The decoder beside the others, which takes as long as all of them. More at a time would only hold more memory.
        let (vision, text, memory, decoder) = thread::scope(|threads| {
            let decoder =
                threads.spawn(|| decodes.then(|| pack.decoder(Arc::clone(&meters.decoder))));
            let meter = Arc::clone(&meters.vision);
            let vision = encodes.then(|| match decodes && beside {
                true => pack.vision_beside(meter),
                false => pack.vision(meter),
            });
            let text = text(pack, &meters.text, reads);
            let memory = captions.then(|| pack.memory());
            let decoder = decoder.join().unwrap_or_else(|panic| resume_unwind(panic));
            (vision, text, memory, decoder)
        });
        Ok(Self {
            vision: vision.transpose()?,
            decoder: decoder
                .transpose()?
                .map(|decoder| Scheduler::new(decoder, SchedulerSettings::default())),
            text: SharedTextEncoder::new(Box::new(CachedTextEncoder::new(text?))),
            reads,
            memory: memory.transpose()?.flatten().map(Arc::new),
        })
    }
}

/// The text encoder of a pack, loaded at once or when it is first needed.
fn text(pack: &Pack, meter: &Arc<Meter>, now: bool) -> Result<Box<dyn TextEncoder>, ModelError> {
    if now {
        return pack.text(Arc::clone(meter));
    }
    let (name, meter) = (pack.manifest().name.clone(), Arc::clone(meter));
    let load = move || Pack::open(&name)?.text(Arc::clone(&meter));
    Ok(Box::new(LazyTextEncoder::new(Box::new(load))))
}

/// Opens the sinks of a plan; files that are there are emptied.
pub fn open_sinks(plan: &Plan) -> Result<Vec<OpenSink>, RuntimeError> {
    let mut open = Vec::new();
    for planned in &plan.sinks {
        let sources: Vec<_> = planned.source_names.values().map(String::as_str).collect();
        let format = match planned.kind {
            SinkKind::Webvtt(_) => Format::WebVtt,
            SinkKind::Srt(_) => Format::Srt,
            _ => Format::Jsonl,
        };
        open.push(OpenSink {
            name: planned.name.clone(),
            sink: sink::open(format, planned.kind.path(), &sources)?,
            drafts: planned.kind.drafts(),
            inputs: planned
                .inputs
                .iter()
                .map(|input| (NodeId(input.node), input.name.clone()))
                .collect(),
            sources: planned.source_names.clone(),
        });
    }
    Ok(open)
}

/// Opens the stores of a plan.
pub fn open_stores(plan: &Plan, pack: &Pack) -> Result<Vec<OpenStore>, RuntimeError> {
    let mut open = Vec::new();
    for (at, planned) in plan.nodes.iter().enumerate() {
        let NodeKind::Index(spec) = &planned.kind else {
            continue;
        };
        let settings = settings(plan, at);
        open.push(OpenStore {
            node: NodeId(at),
            store: Store::open(&spec.store)?,
            thumbnails: spec.thumbnails,
            keeper: spec.keep.map(Keeper::new),
            pack: format!("{}-{}", pack.id(), digits(settings.as_bytes())),
            segments: above(plan, at)
                .filter(|at| is_segment(plan, *at))
                .map(NodeId)
                .collect(),
            sources: planned.source_names.clone(),
            given_up: false,
            held: BTreeMap::new(),
            clocks: BTreeSet::new(),
        });
    }
    Ok(open)
}

/// All nodes above a node.
fn above(plan: &Plan, node: usize) -> impl Iterator<Item = usize> {
    let mut above = HashSet::new();
    let mut next = vec![node];
    while let Some(at) = next.pop() {
        for input in &plan.nodes[at].inputs {
            if let Input::Node(input) = input
                && above.insert(*input)
            {
                next.push(*input);
            }
        }
    }
    above.into_iter()
}

fn is_segment(plan: &Plan, at: usize) -> bool {
    matches!(plan.nodes[at].kind, NodeKind::Segment(_))
}

/// The settings of everything above an index node, as text.
fn settings(plan: &Plan, node: usize) -> String {
    let text =
        |at: usize| serde_json::to_string(&plan.nodes[at].kind).expect("settings are plain data");
    let mut kinds: Vec<_> = above(plan, node).map(text).collect();
    kinds.sort();
    kinds.join("\n")
}

/// Eight hexadecimal digits that stand for some bytes.
fn digits(bytes: &[u8]) -> String {
    let hash = Sha256::digest(bytes);
    hash.iter()
        .take(4)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Where a source begins in this run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start {
    /// What lies before is left out.
    pub from: MediaTime,
    /// Everything before this is stored already.
    pub sealed: MediaTime,
    /// Of a live source, when its media time was 0, if an earlier run stored that.
    pub begun: Option<Timestamp>,
}

/// How a source begins: where, and where its rows go.
#[derive(Clone, Debug, Default)]
pub struct Begin {
    /// Where it begins; nothing if its stores hold all of it already.
    pub start: Option<Start>,
    /// Where its rows go, by index node.
    pub shelves: BTreeMap<NodeId, Shelf>,
}

/// How each source of the plan begins; of a folder, nothing yet. Without `resume` its stored rows count for
/// nothing from here on, so this comes after everything else that can fail.
pub fn begin_all(
    plan: &Plan,
    stores: &mut [OpenStore],
    resume: bool,
) -> Result<Vec<Begin>, RuntimeError> {
    (0..plan.sources.len())
        .map(|at| match plan.sources[at].is_folder() {
            true => Ok(Begin::default()),
            false => begin(plan, stores, at, None, resume),
        })
        .collect()
}

/// How a source begins. A recording that was found in a folder is stored under the names given, by index node; any other
/// source under what the index node's file calls it.
pub(crate) fn begin(
    plan: &Plan,
    stores: &mut [OpenStore],
    source: usize,
    names: Option<&BTreeMap<NodeId, String>>,
    resume: bool,
) -> Result<Begin, RuntimeError> {
    let shelf = |open: &OpenStore| {
        let called = match names {
            Some(names) => names.get(&open.node)?,
            None => open.sources.get(&source)?,
        };
        let shelf = Shelf {
            source: called.clone(),
            pack: open.pack.clone(),
        };
        Some((open.node, shelf))
    };
    let shelves: BTreeMap<_, _> = stores.iter().filter_map(shelf).collect();
    let start = match plan.sources[source].is_live() {
        true => Some(start_live(stores, &shelves)?),
        false => start(plan, stores, &shelves, resume)?,
    };
    Ok(Begin { start, shelves })
}

fn start(
    plan: &Plan,
    stores: &mut [OpenStore],
    shelves: &BTreeMap<NodeId, Shelf>,
    resume: bool,
) -> Result<Option<Start>, RuntimeError> {
    if shelves.is_empty() {
        return Ok(Some(Start::default()));
    }
    let mut earliest: Option<Start> = None;
    for open in stores.iter_mut() {
        let Some(shelf) = shelves.get(&open.node) else {
            continue;
        };
        if resume && open.store.is_expired(&shelf.source)? {
            continue;
        }
        let known = open.store.begin(&shelf.source, &shelf.pack)?;
        if resume && known.ended {
            continue;
        }
        if !resume {
            open.store.restart(&shelf.source, &shelf.pack)?;
        }
        let sealed_ms = if resume { known.sealed_ms } else { 0 };
        let start = Start {
            from: MediaTime::from_millis(multiple_before(plan, open.node, sealed_ms)),
            sealed: MediaTime::from_millis(sealed_ms),
            begun: None,
        };
        if earliest.is_none_or(|other| start.from < other.from) {
            earliest = Some(start);
        }
    }
    Ok(earliest)
}

/// A live source always goes on: what it showed before cannot be seen again, so no stored row counts for nothing. It begins where
/// no segment can begin that is stored already.
fn start_live(
    stores: &mut [OpenStore],
    shelves: &BTreeMap<NodeId, Shelf>,
) -> Result<Start, RuntimeError> {
    let mut start = Start::default();
    for open in stores {
        let Some(shelf) = shelves.get(&open.node) else {
            continue;
        };
        open.store.begin(&shelf.source, &shelf.pack)?;
        // What the name once stood for may have ended; a live source never does.
        let sealed_ms = open.store.reopen(&shelf.source)?;
        let begun = open.store.starts()?.get(&shelf.source).copied();
        let begun = begun.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        // Of two stores the older one's time has room for both.
        start.begun = start.begun.into_iter().chain(begun).min();
        start.sealed = start.sealed.max(MediaTime::from_millis(sealed_ms));
    }
    // A segment begins with its stretch if its first picture comes this soon after; no two may begin at once.
    if start.sealed > MediaTime::default() {
        start.from = MediaTime::from_millis(start.sealed.millis() + SLACK.millis() + 1);
    }
    Ok(start)
}

/// The last moment not after `sealed_ms` at which sampling and segmenting begin anew.
fn multiple_before(plan: &Plan, index: NodeId, sealed_ms: u64) -> u64 {
    let sources = plan.sources_of(Input::Node(index.0));
    let nodes = plan.nodes.iter().enumerate();
    let lengths = nodes.filter_map(|(at, node)| match &node.kind {
        NodeKind::Segment(spec) if !plan.sources_of(Input::Node(at)).is_disjoint(&sources) => {
            Some(spec.length_ms)
        }
        _ => None,
    });
    lengths
        .map(|length| sealed_ms / length * length)
        .min()
        .unwrap_or(0)
}
