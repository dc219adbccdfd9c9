//! What `atom bench` measured, as tables in Markdown: `make bench` puts them into a page.

use std::collections::BTreeMap;

use atom_lab::bench::{
    Reuse, figures::Figure, overhead::Overhead, reuse::ShapeFigures, scale::Scale,
};

/// What the engine costs, as tables in Markdown.
pub(super) fn costs(overhead: &Overhead) -> String {
    let mut lines = vec![
        format!(
            "Pack {}; {} calls of modules; {} rounds. The middle of the rounds (least to most).\n",
            overhead.pack, overhead.calls, overhead.rounds
        ),
        "| | wall | processor |\n|---|---|---|".to_owned(),
    ];
    for (name, cost) in [
        ("the engine", overhead.engine),
        ("its module calls, one loop", overhead.one_loop),
        (
            "its module calls, a loop for each module",
            overhead.side_by_side,
        ),
    ] {
        let (wall, cpu) = (seconds(cost.wall_seconds), seconds(cost.cpu_seconds));
        lines.push(format!("| {name} | {wall} | {cpu} |"));
    }
    lines.push(format!(
        "\nWall time of the engine: {:.2} of one loop, {:.2} of loops side by side, in which nothing waits for anything.\n",
        overhead.engine_over_one_loop, overhead.engine_over_side_by_side
    ));
    lines.push("The graph alone, with modules that cost next to nothing:\n".to_owned());
    lines.push(
        "| sources | frames a second | a frame | most of it in |\n|---|---|---|---|".to_owned(),
    );
    for figures in &overhead.graph {
        let mut operators: Vec<_> = figures.operator_ns.iter().collect();
        operators.sort_by(|a, b| b.1.total_cmp(a.1));
        let most = operators.iter().take(4);
        let most: Vec<_> = most
            .map(|(name, ns)| format!("{name} {:.1} us", *ns / 1e3))
            .collect();
        lines.push(format!(
            "| {} | {:.0} | {:.1} us | {} |",
            figures.sources,
            figures.frames_per_second,
            figures.frame_ns / 1e3,
            most.join(", ")
        ));
    }
    lines.push(format!(
        "\nA frame of the most sources takes {:.2} of the time of one of a single source.",
        overhead.graph_most_over_one
    ));
    lines.join("\n")
}

/// How cost grows, as tables in Markdown with the slope in words.
pub(super) fn growth(scale: &Scale) -> String {
    let mut lines = vec![format!(
        "Pack {}; {} rounds. The middle of the rounds (least to most).",
        scale.pack, scale.rounds
    )];
    for sweep in &scale.sweeps {
        let digits = if sweep.unit == "s" { 1 } else { 2 };
        lines.push(format!("\n| {} | {} |\n|---|---|", sweep.of, sweep.cost));
        for point in &sweep.points {
            let Figure { median, min, max } = point.cost;
            lines.push(format!(
                "| {} | {median:.digits$} {} ({min:.digits$} to {max:.digits$}) |",
                point.at, sweep.unit
            ));
        }
        lines.push(format!("\n{}", sweep.said));
    }
    lines.join("\n")
}

/// What was measured, as a table in Markdown, and the ratios.
pub(super) fn reuse(measured: &Reuse) -> String {
    let columns = ["per_task", "kept", "sequential", "shared"].map(|name| &measured.shapes[name]);
    let mut lines = vec![
        format!(
            "{} videos, {:.0} s in all; pack {}; {} rounds; {} cores; threads: decoder {}, vision {} beside it, text {}. The middle of the rounds (least to most).\n",
            measured.videos,
            measured.video_seconds,
            measured.pack,
            measured.rounds,
            measured.threads.cores,
            measured.threads.decoder,
            measured.threads.vision_beside,
            measured.threads.text
        ),
        "| | per task | kept | sequential | shared |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    let mut line = |name: &str, cell: &dyn Fn(&ShapeFigures) -> String| {
        let cells = columns.map(cell);
        lines.push(format!("| {name} | {} |", cells.join(" | ")));
    };
    line("wall", &|shape| seconds(shape.wall_seconds));
    line("processor", &|shape| seconds(shape.cpu_seconds));
    line("peak memory", &|shape| {
        format!("{:.2} GB", shape.peak_rss_bytes.median / 1e9)
    });
    line("first caption", &|shape| {
        seconds(shape.first_caption_seconds)
    });
    line("a segment, p50 / p95", &|shape| {
        let latency = shape.segment_latency_ms;
        format!(
            "{:.2} / {:.2} s",
            latency.p50 / 1000.0,
            latency.p95 / 1000.0
        )
    });
    for module in ["vision", "decoder", "text"] {
        line(&format!("{module}: loads, runs"), &|shape| {
            let of = |counts: &BTreeMap<String, u64>| counts.get(module).copied().unwrap_or(0);
            format!("{}, {}", of(&shape.module_loads), of(&shape.module_runs))
        });
    }
    line("prompt tokens computed / reused", &|shape| {
        format!(
            "{} / {}",
            shape.tokens.prefilled + shape.tokens.at_load,
            shape.tokens.reused
        )
    });
    line("new tokens", &|shape| shape.tokens.generated.to_string());
    let (ratios, pictures) = (&measured.ratios, &measured.embeddings_only);
    lines.push(format!(
        "\n| wall time of shared against | |\n|---|---|\n| per task | {:.2} |\n| kept | {:.2} |\n| sequential | {:.2} |\n\
         | per task, only pictures indexed | {:.2} |\n| kept, only pictures indexed | {:.2} |\n\
         | two files in one run against two runs | {:.2} |\n",
        ratios.shared_over_per_task,
        ratios.shared_over_kept,
        ratios.shared_over_sequential.unwrap_or(0.0),
        pictures.shared_over_per_task,
        pictures.shared_over_kept,
        measured.two_files_over_two_runs
    ));
    lines.push(match &measured.difference {
        None => "All shapes gave the same captions, answers and rows in all rounds.".to_owned(),
        Some(difference) => format!("What came out differs: {difference}"),
    });
    lines.join("\n")
}

fn seconds(figure: Figure) -> String {
    format!(
        "{:.1} s ({:.1} to {:.1})",
        figure.median, figure.min, figure.max
    )
}
