//! Opens everything that a run needs, before it starts: what can fail, fails here, with nothing changed.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
};

use atom_models::{Meters, Pack, Remembering, Scheduler, TextEncoder, scheduler::Settings};
use atom_operators::{
    data::{MediaTime, NodeId, SourceId},
    node::NodeKind,
    segment::SLACK,
};
use atom_pipelines::{Input, Plan, SinkKind};
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::{
    error::EngineError,
    sink::{self, Format},
    source::Location,
    store::Store,
    writer::{OpenSink, OpenStore, Shelf},
};

/// Where each source's frames come from.
pub fn locations(plan: &Plan) -> Result<Vec<Location>, EngineError> {
    let parsed: Vec<_> = plan
        .sources
        .iter()
        .map(Location::of)
        .collect::<Result<_, _>>()?;
    // With one source, what cannot be read ends the run before it starts; among several it is one failure.
    if let [only] = &parsed[..] {
        only.check()?;
    }
    Ok(parsed)
}

/// The modules that the plan needs, loaded once.
pub struct Modules {
    /// The vision encoder.
    pub vision: Option<Box<dyn atom_models::Vision>>,
    /// The decoder.
    pub decoder: Option<Scheduler>,
    /// The text encoder, if anything is chosen, told or found by it.
    pub text: Option<Box<dyn TextEncoder>>,
    /// The caption memory, if captions are wanted and the pack has one.
    pub memory: Option<Arc<atom_models::Memory>>,
}

impl Modules {
    /// Loads them; `questions` says whether people may ask.
    ///
    /// # Errors
    /// If a module or the memory cannot be loaded.
    pub fn load(
        plan: &Plan,
        pack: &Pack,
        meters: &Meters,
        questions: bool,
    ) -> Result<Self, EngineError> {
        let any =
            |wanted: &dyn Fn(&NodeKind) -> bool| plan.nodes.iter().any(|node| wanted(&node.kind));
        let connector = pack.connector();
        let encodes = any(&|kind| matches!(kind, NodeKind::Encode(_)));
        let captions = any(&|kind| matches!(kind, NodeKind::Caption(_)));
        let asks = any(&|kind| matches!(kind, NodeKind::Reason(spec) if !spec.judged(connector)));
        let reads = any(&|kind| matches!(kind, NodeKind::Reason(spec) if spec.weighed(connector)));
        let vision = encodes.then(|| pack.vision(Arc::clone(&meters.vision)));
        let decoder =
            (captions || asks || questions).then(|| pack.decoder(Arc::clone(&meters.decoder)));
        let chooses = captions && connector.caption_likeness() > 0.0;
        let text = (chooses || reads || questions).then(|| pack.text(Arc::clone(&meters.text)));
        let memory = captions.then(|| pack.memory()).transpose()?.flatten();
        Ok(Self {
            vision: vision.transpose()?,
            decoder: decoder
                .transpose()?
                .map(|decoder| Scheduler::new(decoder, Settings::default())),
            text: text
                .transpose()?
                .map(|text| Box::new(Remembering::new(text)) as Box<dyn TextEncoder>),
            memory: memory.map(Arc::new),
        })
    }
}

/// Opens the sinks of a plan; files that are there are emptied.
pub fn open_sinks(plan: &Plan) -> Result<Vec<OpenSink>, EngineError> {
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
            sources: by_id(&planned.source_names),
        });
    }
    Ok(open)
}

fn by_id(names: &BTreeMap<usize, String>) -> BTreeMap<SourceId, String> {
    names
        .iter()
        .map(|(at, name)| (SourceId(*at as u32), name.clone()))
        .collect()
}

/// Opens the stores of a plan and names the place of each source's rows in them.
pub fn open_stores(
    plan: &Plan,
    pack: &Pack,
    locations: &[Location],
) -> Result<Vec<OpenStore>, EngineError> {
    let mut open = Vec::new();
    for (at, planned) in plan.nodes.iter().enumerate() {
        let NodeKind::Index(spec) = &planned.kind else {
            continue;
        };
        let settings = settings(plan, at);
        let shelf = |(source, name): (&usize, &String)| {
            let content = locations[*source].fingerprint();
            let pack = format!("{}-{}", pack.id(), digits(&[settings.as_bytes(), &content]));
            (
                SourceId(*source as u32),
                Shelf {
                    source: name.clone(),
                    pack,
                },
            )
        };
        let shelves = planned.source_names.iter().map(shelf).collect();
        open.push(OpenStore {
            node: NodeId(at),
            store: Store::open(&spec.store)?,
            shelves,
            held: BTreeMap::new(),
            clocks: BTreeSet::new(),
        });
    }
    Ok(open)
}

/// The settings of everything above an index node, as text.
fn settings(plan: &Plan, node: usize) -> String {
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
    let text =
        |at: usize| serde_json::to_string(&plan.nodes[at].kind).expect("settings are plain data");
    let mut kinds: Vec<_> = above.into_iter().map(text).collect();
    kinds.sort();
    kinds.join("\n")
}

/// Eight hexadecimal digits that stand for some bytes.
fn digits(parts: &[&[u8]]) -> String {
    let hash = parts
        .iter()
        .fold(Sha256::new(), |hash, part| hash.chain_update(part));
    hash.finalize()
        .iter()
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

/// Where each source begins; `None` if its stores hold all of it already. Without `resume` its stored rows count for
/// nothing from here on, so this comes after everything else that can fail.
pub fn starts(
    plan: &Plan,
    stores: &mut [OpenStore],
    resume: bool,
) -> Result<Vec<Option<Start>>, EngineError> {
    (0..plan.sources.len())
        .map(|at| start(plan, stores, SourceId(at as u32), resume))
        .collect()
}

fn start(
    plan: &Plan,
    stores: &mut [OpenStore],
    source: SourceId,
    resume: bool,
) -> Result<Option<Start>, EngineError> {
    if plan.sources[source.0 as usize].is_live() {
        return start_live(stores, source).map(Some);
    }
    let mut earliest: Option<Start> = None;
    let mut stored = false;
    for open in stores.iter_mut() {
        let Some(shelf) = open.shelves.get(&source) else {
            continue;
        };
        let known = open.store.begin(&shelf.source, &shelf.pack)?;
        stored = true;
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
    Ok(if stored {
        earliest
    } else {
        Some(Start::default())
    })
}

/// A live source always goes on: what it showed before cannot be seen again, so no stored row counts for nothing. It begins where
/// no segment can begin that is stored already.
fn start_live(stores: &mut [OpenStore], source: SourceId) -> Result<Start, EngineError> {
    let mut start = Start::default();
    for open in stores {
        let Some(shelf) = open.shelves.get(&source) else {
            continue;
        };
        let known = open.store.begin(&shelf.source, &shelf.pack)?;
        // What the name once stood for may have ended; a live source never does.
        open.store.reopen(&shelf.source)?;
        let begun = open.store.starts()?.get(&shelf.source).copied();
        let begun = begun.and_then(|ms| Timestamp::from_millisecond(ms).ok());
        // Of two stores the older one's time has room for both.
        start.begun = start.begun.into_iter().chain(begun).min();
        start.sealed = start.sealed.max(MediaTime::from_millis(known.sealed_ms));
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
