//! What can be said to the running camera, and the end of what was asked for a while.
//!
//! Every misbehaviour that lasts has its end noted here; asked for again, it ends at the later request's time.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use atom_camera::{Camera, Wire};

/// What `help` tells.
pub const HELP: &str = "\
stall SECONDS   send no pictures for so long; connections stay
cut SECONDS     close all connections, and take none for so long
film            go to the next film, which has another size
clock           let the camera's clock restart
damage SHARE    damage this share of the video packets, 0 to 1; 0 ends it
help            tell these commands
quit            end
";

/// A line, understood.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// No pictures for so long.
    Stall(Duration),
    /// No connections for so long.
    Cut(Duration),
    /// The next film.
    Film,
    /// The clock restarts.
    Clock,
    /// This share of the packets is damaged.
    Damage(f64),
    /// The commands are told.
    Help,
    /// The program ends.
    Quit,
}

impl Command {
    /// Reads a line; none if it is empty.
    ///
    /// # Errors
    /// If it is no command, or a number is missing or senseless.
    pub fn parse(line: &str) -> Result<Option<Self>> {
        let words: Vec<_> = line.split_whitespace().collect();
        let command = match words[..] {
            [] => return Ok(None),
            ["stall", seconds] => Self::Stall(duration(seconds)?),
            ["cut", seconds] => Self::Cut(duration(seconds)?),
            ["film"] => Self::Film,
            ["clock"] => Self::Clock,
            ["damage", share] => Self::Damage(self::share(share)?),
            ["help"] => Self::Help,
            ["quit"] => Self::Quit,
            ["stall" | "cut", ..] => bail!("{:?} needs seconds: \"{} 5\"", words[0], words[0]),
            ["damage", ..] => bail!("\"damage\" needs a share: \"damage 0.1\""),
            _ => bail!("unknown command {line:?}; \"help\" tells all"),
        };
        Ok(Some(command))
    }
}

fn duration(seconds: &str) -> Result<Duration> {
    let number = seconds.parse().ok();
    number
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .with_context(|| format!("{seconds:?} is no number of seconds"))
}

fn share(share: &str) -> Result<f64> {
    let number = share.parse().ok();
    let number = number.with_context(|| format!("{share:?} is no number"))?;
    ensure!((0.0..=1.0).contains(&number), "a share is from 0 to 1");
    Ok(number)
}

/// A camera behind a wire, and when each of them behaves again.
pub struct Stage {
    /// What serves the pictures.
    pub camera: Camera,
    /// What clients connect to.
    pub wire: Wire,
    stalled_until: Option<Instant>,
    cut_until: Option<Instant>,
}

impl Stage {
    /// Nothing is amiss yet.
    pub fn new(camera: Camera, wire: Wire) -> Self {
        Self {
            camera,
            wire,
            stalled_until: None,
            cut_until: None,
        }
    }

    /// Does a command; [`Command::Help`] and [`Command::Quit`] are for the caller.
    pub fn act(&mut self, command: Command) {
        match command {
            Command::Stall(length) => {
                self.camera.stall(true);
                self.stalled_until = Instant::now().checked_add(length);
            }
            Command::Cut(length) => {
                self.wire.cut();
                self.cut_until = Instant::now().checked_add(length);
            }
            Command::Film => self.camera.next_film(),
            Command::Clock => self.wire.restart_clock(),
            Command::Damage(share) => self.wire.damage(share),
            Command::Help | Command::Quit => {}
        }
    }

    /// When [`Stage::settle`] is wanted next.
    pub fn due(&self) -> Option<Instant> {
        let ends = [self.stalled_until, self.cut_until];
        ends.into_iter().flatten().min()
    }

    /// Ends what has lasted long enough.
    pub fn settle(&mut self) {
        let now = Instant::now();
        if self.stalled_until.take_if(|end| *end <= now).is_some() {
            self.camera.stall(false);
        }
        if self.cut_until.take_if(|end| *end <= now).is_some() {
            self.wire.mend();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_help_is_understood() {
        for line in HELP.lines() {
            let said = line.replace("SECONDS", "1.5").replace("SHARE", "0.1");
            let words: Vec<_> = said.split_whitespace().collect();
            let count = 1 + usize::from(line.contains("SECONDS") || line.contains("SHARE"));
            let command = Command::parse(&words[..count].join(" "));
            assert!(command.is_ok_and(|command| command.is_some()), "{line}");
        }
    }

    #[test]
    fn what_is_no_command_is_told_with_what_would_be() {
        let told = |line| Command::parse(line).unwrap_err().to_string();
        assert!(told("explode").contains("help"));
        assert!(told("stall").contains("stall 5"));
        assert!(told("cut -1").contains("-1"));
        assert!(told("damage 2").contains("0 to 1"));
        assert_eq!(Command::parse("  ").unwrap(), None);
    }
}
