//! The reports of `atom bench` as Markdown tables, which `make bench` puts into a page.

use std::collections::BTreeMap;

use atom_lab::bench::{
    graph_throughput::GraphThroughput,
    overhead::OverheadReport,
    reuse_report::{ReuseReport, ShapeStatistics},
    round_statistics::RoundStatistics,
    scale::ScaleReport,
    sweep::Sweep,
};
use atom_operators::counted::counted;

/// The meaning of values with a range.
const MEDIANS: &str = "Median (min–max) of the rounds.";

/// Formats the report of `atom bench overhead`.
pub(super) fn overhead(report: &OverheadReport) -> String {
    let times = [
        ("the engine", report.engine),
        ("its module calls, one loop", report.one_loop),
        ("its module calls, a loop per module", report.side_by_side),
    ];
    let times = times.map(|(name, time)| {
        let (wall, cpu) = (seconds(time.wall_seconds), seconds(time.cpu_seconds));
        format!("| {name} | {wall} | {cpu} |")
    });
    let graph: Vec<_> = report.graph.iter().map(graph_row).collect();
    [
        format!(
            "Pack {}; {}; {}. {MEDIANS}\n",
            report.pack,
            counted(report.calls, "module call"),
            counted(report.rounds, "round")
        ),
        "| | wall time | CPU time |\n|---|---|---|".to_owned(),
        times.join("\n"),
        format!(
            "\nWall time of the engine: {:.2} of one loop, {:.2} of loops side by side, in which nothing waits for anything.\n",
            report.engine_over_one_loop, report.engine_over_side_by_side
        ),
        "The graph alone, with modules that cost next to nothing:\n".to_owned(),
        "| sources | frames per second | per frame | operators with the most time |\n|---|---|---|---|".to_owned(),
        graph.join("\n"),
        format!(
            "\nA frame with the most sources takes {:.2} of the time of a frame with a single source.",
            report.graph_most_over_one
        ),
    ]
    .join("\n")
}

fn graph_row(graph: &GraphThroughput) -> String {
    let mut operators: Vec<_> = graph.operator_ns.iter().collect();
    operators.sort_by(|a, b| b.1.total_cmp(a.1));
    let operators: Vec<_> = operators
        .iter()
        .take(4)
        .map(|(name, ns)| format!("{name} {:.1} us", *ns / 1e3))
        .collect();
    format!(
        "| {} | {:.0} | {:.1} us | {} |",
        graph.sources,
        graph.frames_per_second,
        graph.frame_ns / 1e3,
        operators.join(", ")
    )
}

/// Formats the report of `atom bench scale`.
pub(super) fn scale(report: &ScaleReport) -> String {
    let rounds = counted(report.rounds, "round");
    let heading = format!("Pack {}; {rounds}. {MEDIANS}", report.pack);
    let sweeps = report.sweeps.iter().map(sweep);
    let parts: Vec<_> = [heading].into_iter().chain(sweeps).collect();
    parts.join("\n")
}

fn sweep(sweep: &Sweep) -> String {
    let digits = if sweep.unit == "s" { 1 } else { 2 };
    let mut lines = vec![format!(
        "\n| {} | {} |\n|---|---|",
        sweep.varied, sweep.cost
    )];
    for point in &sweep.points {
        let cost = with_range(point.cost, sweep.unit, digits);
        lines.push(format!("| {} | {cost} |", point.value));
    }
    lines.push(format!("\n{}", sweep.summary));
    lines.join("\n")
}

/// Formats the report of `atom bench reuse`.
pub(super) fn reuse(report: &ReuseReport) -> String {
    let threads = &report.threads;
    let difference = match &report.difference {
        None => {
            "All configurations gave the same captions, answers and rows in all rounds.".to_owned()
        }
        Some(difference) => format!("The outputs differ: {difference}"),
    };
    [
        format!(
            "{}, {:.0} s in total; pack {}; {}; {} cores; threads: decoder {}, vision {} beside it, text {}. {MEDIANS}\n",
            counted(report.videos, "video"),
            report.video_seconds,
            report.pack,
            counted(report.rounds, "round"),
            threads.cores,
            threads.decoder,
            threads.vision_beside,
            threads.text
        ),
        "| | per task | kept | sequential | shared |\n|---|---|---|---|---|".to_owned(),
        shape_rows(report).join("\n"),
        ratio_table(report),
        difference,
    ]
    .join("\n")
}

/// Returns the rows of the shapes, a column for each.
fn shape_rows(report: &ReuseReport) -> Vec<String> {
    let row = |name: &str, cell: &dyn Fn(&ShapeStatistics) -> String| {
        let shapes = ["per_task", "kept", "sequential", "shared"].map(|name| &report.shapes[name]);
        format!("| {name} | {} |", shapes.map(cell).join(" | "))
    };
    let mut rows = vec![
        row("wall time", &|shape| seconds(shape.wall_seconds)),
        row("CPU time", &|shape| seconds(shape.cpu_seconds)),
        row("peak memory", &|shape| {
            format!("{:.2} GB", shape.peak_rss_bytes.median / 1e9)
        }),
        row("first caption", &|shape| {
            seconds(shape.first_caption_seconds)
        }),
        row("segment latency, p50 / p95", &|shape| {
            let [p50, p95] = [shape.segment_latency_ms.p50, shape.segment_latency_ms.p95];
            format!("{:.2} / {:.2} s", p50 / 1000.0, p95 / 1000.0)
        }),
    ];
    for module in ["vision", "decoder", "text"] {
        rows.push(row(&format!("{module}: loads, runs"), &|shape| {
            let of = |counts: &BTreeMap<String, u64>| counts.get(module).copied().unwrap_or(0);
            format!("{}, {}", of(&shape.module_loads), of(&shape.module_runs))
        }));
    }
    rows.push(row("prompt tokens computed / reused", &|shape| {
        let computed = shape.tokens.prefilled + shape.tokens.at_load;
        format!("{computed} / {}", shape.tokens.reused)
    }));
    rows.push(row("new tokens", &|shape| {
        shape.tokens.generated.to_string()
    }));
    rows
}

fn ratio_table(report: &ReuseReport) -> String {
    let (ratios, embeddings) = (&report.ratios, &report.embeddings_only);
    let rows = [
        ("per task", ratios.shared_over_per_task),
        ("kept", ratios.shared_over_kept),
        (
            "sequential",
            ratios.shared_over_sequential.unwrap_or_default(),
        ),
        (
            "per task, only frames indexed",
            embeddings.shared_over_per_task,
        ),
        ("kept, only frames indexed", embeddings.shared_over_kept),
        (
            "two files in one run against two runs",
            report.two_files_over_two_runs,
        ),
    ];
    let rows = rows.map(|(name, ratio)| format!("| {name} | {ratio:.2} |"));
    format!(
        "\n| wall time of shared relative to | |\n|---|---|\n{}\n",
        rows.join("\n")
    )
}

fn seconds(rounds: RoundStatistics) -> String {
    with_range(rounds, "s", 1)
}

/// Formats a median with its range, as `2.1 s (2.0–2.4)`.
fn with_range(rounds: RoundStatistics, unit: &str, digits: usize) -> String {
    let RoundStatistics { median, min, max } = rounds;
    format!("{median:.digits$} {unit} ({min:.digits$}–{max:.digits$})")
}
