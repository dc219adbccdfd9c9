//! Prints the captions of a video as they come: `cargo run --example caption -- VIDEO PACK`.
//!
//! VIDEO is a file, or a test pattern such as `test://ball`. PACK is `mini` or another installed pack; `fake` needs no weights.

use std::{
    env,
    error::Error,
    io::{self, Write},
    path::Path,
};

use atom_operators::cancel::CancellationToken;
use atom_pipelines::{built_in_pipelines, check, override_sources, parse, plan};
use atom_runtime::{Observer, Progress, RunOptions, run, sink::Record};

/// Prints each caption on a line of its own.
struct CaptionPrinter;

impl Observer for CaptionPrinter {
    fn result(&mut self, record: &Record) -> io::Result<()> {
        let (start, end) = (record.start_ms, record.end_ms);
        writeln!(io::stdout(), "{start} - {end} ms: {}", record.text)
    }

    fn progress(&mut self, _progress: &Progress) -> io::Result<()> {
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let (Some(video), Some(pack)) = (arguments.next(), arguments.next()) else {
        return Err("usage: caption VIDEO PACK".into());
    };
    let text = built_in_pipelines::text("caption").ok_or("the library has no caption pipeline")?;
    let mut pipeline = parse(Path::new("caption.toml"), text)?;
    pipeline.pack = pack;
    pipeline.sinks.clear();
    let mut files = [pipeline];
    override_sources(&mut files, &[("video".to_owned(), video)]);
    check(&files)?;
    let options = RunOptions::new(CancellationToken::new(), Box::new(CaptionPrinter));
    let outcome = run(&plan(&files), options)?;
    match outcome.errors.into_iter().next() {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}
