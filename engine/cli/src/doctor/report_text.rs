//! The report as text, in sections of aligned lines. Problems are at the end, where a terminal shows them.

use std::borrow::Borrow;

use atom_operators::{counted::counted, printable::printable};

use super::{
    findings::Finding,
    installation::Installation,
    machine::Machine,
    report::DoctorReport,
    storage::{FolderState, IndexState},
};
use crate::output::{TableColumn, borderless_table};

/// A name and a value.
type Row = (&'static str, String);

/// Returns the report as text, without a line break at its end.
pub fn report_text(report: &DoctorReport) -> String {
    let facts = &report.installation;
    let mut text = format!("atom {}\n", facts.versions.atom);
    push_rows(&mut text, facts.versions.rows());
    push_section(&mut text, "Machine", machine_rows(&facts.machine));
    push_section(&mut text, "GStreamer", gstreamer_rows(facts));
    push_section(&mut text, "ONNX Runtime", runtime_rows(facts));
    push_packs(&mut text, facts);
    push_section(&mut text, "Storage", storage_rows(facts));
    push_section(&mut text, "Limits", limit_rows(facts));
    push_findings(&mut text, report);
    text.truncate(text.trim_end().len());
    text
}

fn push_section(text: &mut String, title: &str, rows: Vec<Row>) {
    text.push_str(&format!("\n{title}\n"));
    push_rows(text, rows);
}

fn push_rows(text: &mut String, rows: Vec<Row>) {
    let rows = rows
        .into_iter()
        .map(|(name, value)| [name.to_owned(), value]);
    push_table(
        text,
        borderless_table(
            [TableColumn::left(16, 1), TableColumn::left(0, 0)],
            rows.collect(),
        ),
    );
}

/// Adds the lines of a table, indented.
fn push_table(text: &mut String, table: String) {
    for line in table.lines() {
        text.push_str(&format!("  {line}\n"));
    }
}

fn machine_rows(machine: &Machine) -> Vec<Row> {
    let unknown = || "unknown".to_owned();
    let processors = match machine.processors {
        Some(all) => format!("{} usable of {all}", machine.usable_processors),
        None => format!("{} usable", machine.usable_processors),
    };
    let memory = match (machine.memory_bytes, machine.available_memory_bytes) {
        (Some(all), Some(free)) => format!("{}, {} available", size(all), size(free)),
        (Some(all), None) => size(all),
        (None, _) => unknown(),
    };
    vec![
        ("system", machine.system.clone().unwrap_or_else(unknown)),
        ("kernel", machine.kernel.clone()),
        ("architecture", machine.architecture.clone()),
        ("processor", machine.cpu.clone().unwrap_or_else(unknown)),
        ("cores", processors),
        ("features", list_or_none(&machine.cpu_features)),
        ("memory", memory),
        ("container", container(machine)),
        ("locale", machine.locale.clone().unwrap_or_else(unknown)),
        (
            "time zone",
            machine.time_zone.clone().unwrap_or_else(unknown),
        ),
    ]
}

fn container(machine: &Machine) -> String {
    let container = &machine.container;
    let kind = container.kind.unwrap_or("none found").to_owned();
    let memory = container.memory_limit_bytes;
    let limits = [
        memory.map(|bytes| format!("at most {} of memory", size(bytes))),
        container
            .cpu_limit
            .map(|cores| format!("at most {cores:.1} cores")),
    ];
    let parts: Vec<String> = [Some(kind)].into_iter().chain(limits).flatten().collect();
    parts.join(", ")
}

fn gstreamer_rows(facts: &Installation) -> Vec<Row> {
    let Some(state) = &facts.gstreamer.state else {
        return vec![("error", facts.gstreamer.error.clone().unwrap_or_default())];
    };
    let version = ("version", state.version.clone());
    let sets = state.plugin_sets.iter().map(|set| {
        let found = match set.missing.is_empty() {
            true => format!("present ({})", set.package),
            false => format!("missing: {} ({})", set.missing.join(", "), set.package),
        };
        (set.name, found)
    });
    let decoders = state.decoders.iter().map(|decoder| {
        let missing = || format!("no decoder ({})", decoder.package);
        (
            decoder.format,
            decoder.element.clone().unwrap_or_else(missing),
        )
    });
    [version].into_iter().chain(sets).chain(decoders).collect()
}

fn runtime_rows(facts: &Installation) -> Vec<Row> {
    let Some(state) = &facts.onnx_runtime.state else {
        let error = facts.onnx_runtime.error.clone();
        return vec![("error", error.unwrap_or_default())];
    };
    let version = state.version.clone();
    let version = version.unwrap_or_else(|| "unknown, named by ORT_DYLIB_PATH".to_owned());
    vec![
        ("version", version),
        ("providers", providers(&state.execution_providers)),
    ]
}

/// Returns the execution providers of the library, and which of them Atom uses.
fn providers(available: &[&str]) -> String {
    let marked = available.iter().map(|name| match *name {
        "CPUExecutionProvider" => format!("{name} (used)"),
        name => format!("{name} (not used)"),
    });
    list_or_none(&marked.collect::<Vec<_>>())
}

fn push_packs(text: &mut String, facts: &Installation) {
    let part = &facts.packs;
    let folder = part.folder.as_deref().unwrap_or("no cache folder");
    text.push_str(&format!("\nPacks in {}\n", printable(folder)));
    if let Some(error) = &part.error {
        return push_rows(text, vec![("error", error.clone())]);
    }
    if part.installed.is_empty() {
        return text.push_str("  none\n");
    }
    let row = |pack: &atom_models::PackState| {
        let state = match pack.faults.as_slice() {
            [] => format!("{}, of the right size", counted(pack.files, "file")),
            faults => format!("damaged: {}", counted(faults.len(), "fault")),
        };
        [pack.id.clone(), size(pack.bytes), state]
    };
    let columns = [
        TableColumn::left(24, 1),
        TableColumn::right(9, 2),
        TableColumn::left(0, 0),
    ];
    let rows = part.installed.iter().map(row).collect();
    push_table(text, borderless_table(columns, rows));
    text.push_str("  \"atom models verify\" compares the checksums.\n");
}

fn storage_rows(facts: &Installation) -> Vec<Row> {
    let storage = &facts.storage;
    let folder = |folder: &Option<FolderState>| match folder {
        None => "unknown".to_owned(),
        Some(folder) => {
            let missing = if folder.exists {
                ""
            } else {
                ", does not exist yet"
            };
            let free = folder.free_bytes.map_or_else(|| "unknown".to_owned(), size);
            format!("{}{missing}, {free} free", folder.path)
        }
    };
    let index = |index: &IndexState| match (index.bytes, &index.error) {
        (Some(bytes), _) => format!("{}, {}", index.path, size(bytes)),
        (None, Some(error)) => format!("{}: {error}", index.path),
        (None, None) => format!("{}, does not exist yet", index.path),
    };
    vec![
        ("cache", folder(&storage.cache)),
        ("data", folder(&storage.data)),
        (
            "default index",
            storage
                .index
                .as_ref()
                .map_or_else(|| "unknown".to_owned(), index),
        ),
    ]
}

fn limit_rows(facts: &Installation) -> Vec<Row> {
    let limits = &facts.limits;
    let files = format!("{}, at most {}", limits.open_files, limits.most_open_files);
    vec![("open files", files)]
}

fn push_findings(text: &mut String, report: &DoctorReport) {
    text.push_str("\nResult\n");
    if report.ready {
        text.push_str("  ready: atom caption works with the pack mini\n");
    } else {
        text.push_str("  not ready: atom caption cannot work with the pack mini\n");
    }
    for Finding {
        needed,
        problem,
        cure,
    } in &report.findings
    {
        let kind = if *needed { "problem" } else { "note" };
        let (problem, cure) = (printable(problem), printable(cure));
        text.push_str(&format!("  {kind}: {problem}\n    cure: {cure}\n"));
    }
}

fn list_or_none(items: &[impl Borrow<str>]) -> String {
    match items.is_empty() {
        true => "none".to_owned(),
        false => items.join(", "),
    }
}

/// Returns a number of bytes in GB or MB.
fn size(bytes: u64) -> String {
    const MB: u64 = 1_000_000;
    match bytes {
        0..MB => format!("{bytes} bytes"),
        MB..1_000_000_000 => format!("{} MB", bytes / MB),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}
