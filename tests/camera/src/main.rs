//! The program `atom-camera`: a camera behind a proxy, whose faults are controlled by commands on stdin.
//!
//! The only line on stdout is the URI, written when a client can connect; everything else goes to stderr. The program ends
//! on `quit` or a signal, not at the end of stdin, so that it can run in the background.
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
use atom_camera::{Camera, CameraOptions, EncodedVideo, FaultProxy, Sound, Transport, VideoFormat};
use clap::Parser;
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, unbounded};

mod commands;

use commands::{CameraControl, Command};

/// The length of a test pattern.
const PATTERN_SECONDS: u32 = 20;
/// The time to wait for a command when no fault is active.
const IDLE: Duration = Duration::from_secs(3600);

/// Serve a video as a live network camera on this machine, and cause faults on request.
///
/// Example: atom-camera street.mp4 --port 8554, then on stdin: stall 5
#[derive(Parser)]
#[command(version, after_help = format!("Commands on stdin, one per line:\n{}", commands::HELP))]
struct Arguments {
    /// The video whose first minute is played in a loop; without it, a test pattern is played.
    video: Option<PathBuf>,
    /// The test pattern, one of GStreamer's videotestsrc.
    #[arg(long, default_value = "ball", conflicts_with = "video")]
    pattern: String,
    /// The port on 127.0.0.1; 0 means a free port.
    #[arg(long, default_value_t = 8554)]
    port: u16,
    /// The path of the stream.
    #[arg(long, default_value = "/live")]
    path: String,
    /// Width of the frames, in pixels; the second video has half of it.
    #[arg(long, default_value_t = 640)]
    width: u32,
    /// Height of the frames, in pixels; the second video has half of it.
    #[arg(long, default_value_t = 360)]
    height: u32,
    /// Frames per second.
    #[arg(long, default_value_t = 15)]
    fps: u32,
    /// The user name that clients must give.
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    /// The file with the password that clients must give.
    #[arg(long, requires = "user")]
    password_file: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

/// An event for the main thread.
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
    let mut control = start_camera(arguments)?;
    let uri = control.proxy.uri(control.camera.path());
    writeln!(io::stdout(), "{uri}").context("cannot print the address")?;
    thread::Builder::new()
        .name("stdin".into())
        .spawn(move || read_lines(&sender))
        .context("cannot start a thread")?;
    run_commands(&mut control, &events);
    Ok(())
}

fn start_camera(arguments: &Arguments) -> Result<CameraControl> {
    ensure!(
        arguments.path.starts_with('/'),
        "expected a path that begins with \"/\""
    );
    let size = VideoFormat {
        width: arguments.width,
        height: arguments.height,
        fps: arguments.fps,
    };
    let half = VideoFormat {
        width: (size.width / 4 * 2).max(16),
        height: (size.height / 4 * 2).max(16),
        ..size
    };
    let camera = Camera::start(CameraOptions {
        videos: vec![video(arguments, size)?, video(arguments, half)?],
        port: 0,
        path: arguments.path.clone(),
        login: login(arguments)?,
        // UDP datagrams would bypass the proxy.
        transport: Transport::TcpOnly,
        joins_at_any_frame: false,
        sound: Sound::None,
    })?;
    let proxy = FaultProxy::on_port(arguments.port, camera.address())?;
    Ok(CameraControl::new(camera, proxy))
}

fn video(arguments: &Arguments, format: VideoFormat) -> Result<EncodedVideo> {
    match &arguments.video {
        Some(path) => EncodedVideo::from_file(path, format),
        None => EncodedVideo::from_test_pattern(&arguments.pattern, PATTERN_SECONDS, format),
    }
}

fn login(arguments: &Arguments) -> Result<Option<(String, String)>> {
    let password = |path: &Path| {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {path:?}"))?;
        anyhow::Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    };
    let pair = arguments
        .user
        .clone()
        .zip(arguments.password_file.as_deref());
    pair.map(|(user, path)| Ok((user, password(path)?)))
        .transpose()
}

fn read_lines(events: &Sender<Event>) {
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        if events.send(Event::Line(line)).is_err() {
            return;
        }
    }
}

/// Executes commands until `quit` or a signal.
fn run_commands(control: &mut CameraControl, events: &Receiver<Event>) {
    loop {
        let timeout = control
            .next_expiry()
            .map(|expiry| expiry.saturating_duration_since(Instant::now()));
        match events.recv_timeout(timeout.unwrap_or(IDLE)) {
            Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            Err(RecvTimeoutError::Timeout) => {}
            Ok(Event::Line(line)) => match Command::parse(&line) {
                Ok(Some(Command::Quit)) => return,
                Ok(Some(Command::Help)) => log(commands::HELP.trim_end()),
                Ok(Some(command)) => control.execute(command),
                Ok(None) => {}
                Err(error) => log(&format!("error: {error:#}")),
            },
        }
        control.end_expired_faults();
    }
}

/// Writes a line to stderr, and ignores a closed stderr.
fn log(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
