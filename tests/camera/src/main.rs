//! The program `atom-camera`: a camera behind a wire, which misbehaves as told on stdin.
//!
//! The only line on stdout is the address, written when a client can connect; all else goes to stderr. It ends by `quit`
//! or by a signal, not by the end of stdin, so that it can run in the background.
#![cfg_attr(test, allow(clippy::unwrap_used))]

use std::{
    fs,
    io::{self, BufRead, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use atom_camera::{Camera, CameraOptions, Film, FilmOptions, Transport, Wire};
use clap::Parser;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};

mod commands;

use commands::{Command, Stage};

/// Length of a drawn film.
const DRAWN_SECONDS: u32 = 20;
/// How long the program sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);

/// Serves a video as a live network camera on this machine, and misbehaves when told to.
///
/// Example: atom-camera street.mp4 --port 8554, then on stdin: stall 5
#[derive(Parser)]
#[command(version, after_help = format!("Commands on stdin, one a line:\n{}", commands::HELP))]
struct Arguments {
    /// The video to play for ever, its first minute; without it a pattern is drawn.
    video: Option<PathBuf>,
    /// The pattern to draw, one of GStreamer's test source.
    #[arg(long, default_value = "ball", conflicts_with = "video")]
    pattern: String,
    /// The port on 127.0.0.1; 0 chooses a free one.
    #[arg(long, default_value_t = 8554)]
    port: u16,
    /// The path of the stream.
    #[arg(long, default_value = "/live")]
    path: String,
    /// Width of the picture, in pixels; the second film has half of it.
    #[arg(long, default_value_t = 640)]
    width: u32,
    /// Height of the picture, in pixels; the second film has half of it.
    #[arg(long, default_value_t = 360)]
    height: u32,
    /// Pictures a second.
    #[arg(long, default_value_t = 15)]
    fps: u32,
    /// The user a client must name.
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// A file with the password a client must give.
    #[arg(long, requires = "user")]
    password_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// What wakes the main thread.
enum Event {
    Line(String),
    Stop,
}

fn run(arguments: &Arguments) -> Result<()> {
    let (sender, events) = unbounded();
    let on_signal = sender.clone();
    ctrlc::set_handler(move || {
        let _ = on_signal.send(Event::Stop);
    })
    .context("cannot catch signals")?;
    let mut stage = stage(arguments)?;
    let uri = stage.wire.uri(stage.camera.path());
    writeln!(io::stdout(), "{uri}").context("cannot tell the address")?;
    thread::Builder::new()
        .name("stdin".into())
        .spawn(move || read(&sender))
        .context("cannot start a thread")?;
    obey(&mut stage, &events);
    Ok(())
}

fn stage(arguments: &Arguments) -> Result<Stage> {
    ensure!(arguments.path.starts_with('/'), "a path begins with \"/\"");
    let size = FilmOptions {
        width: arguments.width,
        height: arguments.height,
        fps: arguments.fps,
    };
    let half = FilmOptions {
        width: (size.width / 4 * 2).max(16),
        height: (size.height / 4 * 2).max(16),
        ..size
    };
    let camera = Camera::start(CameraOptions {
        films: vec![film(arguments, size)?, film(arguments, half)?],
        port: 0,
        path: arguments.path.clone(),
        login: login(arguments)?,
        // Datagrams would go past the wire.
        transport: Transport::TcpOnly,
    })?;
    let wire = Wire::on(arguments.port, camera.address())?;
    Ok(Stage::new(camera, wire))
}

fn film(arguments: &Arguments, options: FilmOptions) -> Result<Film> {
    match &arguments.video {
        Some(path) => Film::of(path, options),
        None => Film::drawn(&arguments.pattern, DRAWN_SECONDS, options),
    }
}

fn login(arguments: &Arguments) -> Result<Option<(String, String)>> {
    let secret = |path: &Path| {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {path:?}"))?;
        anyhow::Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    };
    let pair = arguments
        .user
        .clone()
        .zip(arguments.password_file.as_deref());
    pair.map(|(user, path)| Ok((user, secret(path)?)))
        .transpose()
}

fn read(events: &Sender<Event>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if events.send(Event::Line(line)).is_err() {
            return;
        }
    }
}

/// Does what is said until the end is asked for.
fn obey(stage: &mut Stage, events: &Receiver<Event>) {
    loop {
        let rest = stage
            .due()
            .map(|due| due.saturating_duration_since(Instant::now()));
        match events.recv_timeout(rest.unwrap_or(IDLE)) {
            Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Event::Line(line)) => match Command::parse(&line) {
                Ok(Some(Command::Quit)) => return,
                Ok(Some(Command::Help)) => tell(commands::HELP.trim_end()),
                Ok(Some(command)) => stage.act(command),
                Ok(None) => {}
                Err(error) => tell(&format!("error: {error:#}")),
            },
        }
        stage.settle();
    }
}

/// A closed stderr is no reason to end.
fn tell(what: &str) {
    let _ = writeln!(io::stderr(), "{what}");
}
