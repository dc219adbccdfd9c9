//! The commands that control the running camera, and the timers that end stalls and cuts.
//!
//! Every fault that lasts for a time has one timer. Requested again, it ends at the time of the later request.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use atom_camera::{Camera, FaultProxy};

/// The text of the command `help`.
pub const HELP: &str = "\
stall SECONDS   send no frames for this time; connections stay open
cut SECONDS     close all connections, and accept none for this time
film            play the next video, which has a different size
clock           restart the clock of the camera
damage SHARE    damage this share of the video packets, from 0 to 1; 0 stops it
help            list these commands
quit            stop the camera
";

/// A parsed command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// Send no frames for this time.
    Stall(Duration),
    /// Allow no connections for this time.
    Cut(Duration),
    /// Switch to the next video.
    NextVideo,
    /// Restart the camera's clock.
    RestartClock,
    /// Damage this share of the video packets.
    Damage(f64),
    /// List the commands.
    Help,
    /// End the program.
    Quit,
}

impl Command {
    /// Parses a line; returns none if it is empty.
    ///
    /// # Errors
    /// The command is unknown, or its number is missing or invalid.
    pub fn parse(line: &str) -> Result<Option<Self>> {
        let words: Vec<_> = line.split_whitespace().collect();
        let command = match words[..] {
            [] => return Ok(None),
            ["stall", seconds] => Self::Stall(duration(seconds)?),
            ["cut", seconds] => Self::Cut(duration(seconds)?),
            ["film"] => Self::NextVideo,
            ["clock"] => Self::RestartClock,
            ["damage", share] => Self::Damage(self::share(share)?),
            ["help"] => Self::Help,
            ["quit"] => Self::Quit,
            ["stall" | "cut", ..] => bail!("{:?} needs seconds: \"{} 5\"", words[0], words[0]),
            ["damage", ..] => bail!("\"damage\" needs a share: \"damage 0.1\""),
            _ => bail!("unknown command {line:?}; \"help\" lists all commands"),
        };
        Ok(Some(command))
    }
}

fn duration(seconds: &str) -> Result<Duration> {
    let number = seconds.parse().ok();
    number
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .with_context(|| format!("{seconds:?} is not a number of seconds"))
}

fn share(share: &str) -> Result<f64> {
    let number = share.parse().ok();
    let number = number.with_context(|| format!("{share:?} is not a number"))?;
    ensure!(
        (0.0..=1.0).contains(&number),
        "expected a share from 0 to 1"
    );
    Ok(number)
}

/// A camera behind a proxy, with the times at which their faults end.
pub struct CameraControl {
    /// The camera that sends the frames.
    pub camera: Camera,
    /// The proxy to which clients connect.
    pub proxy: FaultProxy,
    stalled_until: Option<Instant>,
    cut_until: Option<Instant>,
}

impl CameraControl {
    /// Starts without faults.
    pub fn new(camera: Camera, proxy: FaultProxy) -> Self {
        Self {
            camera,
            proxy,
            stalled_until: None,
            cut_until: None,
        }
    }

    /// Executes a command. The caller handles [`Command::Help`] and [`Command::Quit`].
    pub fn execute(&mut self, command: Command) {
        match command {
            Command::Stall(length) => {
                self.camera.stall(true);
                self.stalled_until = Instant::now().checked_add(length);
            }
            Command::Cut(length) => {
                self.proxy.cut();
                self.cut_until = Instant::now().checked_add(length);
            }
            Command::NextVideo => self.camera.next_video(),
            Command::RestartClock => self.proxy.restart_clock(),
            Command::Damage(share) => self.proxy.damage(share),
            Command::Help | Command::Quit => {}
        }
    }

    /// Returns the time of the next call of [`Self::end_expired_faults`].
    pub fn next_expiry(&self) -> Option<Instant> {
        let ends = [self.stalled_until, self.cut_until];
        ends.into_iter().flatten().min()
    }

    /// Ends the faults whose time is over.
    pub fn end_expired_faults(&mut self) {
        let now = Instant::now();
        if self.stalled_until.take_if(|end| *end <= now).is_some() {
            self.camera.stall(false);
        }
        if self.cut_until.take_if(|end| *end <= now).is_some() {
            self.proxy.restore();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_in_the_help_can_be_parsed() {
        for line in HELP.lines() {
            let example = line.replace("SECONDS", "1.5").replace("SHARE", "0.1");
            let words: Vec<_> = example.split_whitespace().collect();
            let count = 1 + usize::from(line.contains("SECONDS") || line.contains("SHARE"));
            let command = Command::parse(&words[..count].join(" "));
            assert!(command.is_ok_and(|command| command.is_some()), "{line}");
        }
    }

    #[test]
    fn an_invalid_command_is_rejected_with_the_right_form() {
        let error = |line| Command::parse(line).unwrap_err().to_string();
        assert!(error("explode").contains("help"));
        assert!(error("stall").contains("stall 5"));
        assert!(error("cut -1").contains("-1"));
        assert!(error("damage 2").contains("0 to 1"));
        assert_eq!(Command::parse("  ").unwrap(), None);
    }
}
