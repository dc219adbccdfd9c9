//! Searches an index file by words, and prints the hits and how far each source is complete.
//!
//! `cargo run -p atom-index --example search -- atom.db "red ball"`; without arguments it makes a small index and searches that.

use std::{env, error::Error, path::Path};

use atom_index::{Query, Row, Seal, Store};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [path, text] = &arguments[..] {
        return search(&Store::open_existing(Path::new(path))?, text);
    }
    let folder = tempfile::tempdir()?;
    let mut store = Store::open(&folder.path().join("atom.db"))?;
    let rows = ["a red ball", "rain on a window"].into_iter().zip(0..);
    let rows: Vec<Row> = rows
        .map(|(caption, n)| Row {
            start_ms: n * 4000,
            end_ms: n * 4000 + 4000,
            caption: Some(caption.to_owned()),
            ..Row::default()
        })
        .collect();
    // Rows are stored under a pack and its settings; `seal` says how far the source is complete.
    store.begin("door.mp4", "mini-1.0-00000000")?;
    store.seal("door.mp4", "mini-1.0-00000000", Seal::of(&rows, 8000))?;
    search(&store, "balls")
}

#[expect(clippy::print_stdout, reason = "an example prints")]
fn search(store: &Store, text: &str) -> Result<(), Box<dyn Error>> {
    let hits = store.search(&Query {
        text: text.to_owned(),
        limit: 10,
        ..Query::default()
    })?;
    for hit in &hits.hits {
        println!(
            "{:.4}  {} ms  {}: {}",
            hit.score, hit.start_ms, hit.source, hit.text
        );
    }
    for (source, ms) in &hits.complete_through_ms {
        println!("{source} is complete through {ms} ms");
    }
    Ok(())
}
