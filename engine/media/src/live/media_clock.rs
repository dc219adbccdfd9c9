//! The media time of a live source: it began once, and runs on whatever the camera and its clock do.
//!
//! Within a connection it follows the camera's clock, which knows best how far pictures are apart; at every connection, and
//! where the camera's clock leaves the wall's by more than a little, it is set by the wall. It never stands still or runs
//! back, so a gap in the pictures is a gap in the media time.

use std::time::{Duration, Instant};

use atom_operators::data::MediaTime;

/// So far the camera's clock may be from the wall's.
const LEEWAY: Duration = Duration::from_secs(2);
/// No two pictures are nearer than this.
const LEAST: u64 = 1_000_000;

/// The core: where the source is by its own clock and by the wall's.
#[derive(Debug)]
pub(super) struct LiveClock {
    begun: Option<Instant>,
    /// The media time at `begun`.
    at_begin: MediaTime,
    /// A moment of this connection by both clocks: the camera's in nanoseconds, and media time.
    anchor: Option<(u64, MediaTime)>,
    /// The last picture.
    last: MediaTime,
    /// No picture comes before this any more.
    floor: MediaTime,
}

/// A picture's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// Its media time.
    pub(super) at: MediaTime,
    /// Whether the camera's clock jumped.
    pub(super) jumped: bool,
}

impl LiveClock {
    /// A clock whose first picture is at this media time.
    pub(super) fn new(at_begin: MediaTime) -> Self {
        Self {
            begun: None,
            at_begin,
            anchor: None,
            last: at_begin,
            floor: at_begin,
        }
    }

    /// A new connection: the camera's clock may say anything.
    pub(super) fn connected(&mut self) {
        self.anchor = None;
    }

    /// The media time of now; none before the first picture.
    pub(super) fn now(&self, now: Instant) -> Option<MediaTime> {
        let since = now.duration_since(self.begun?);
        Some(after(self.at_begin, since.as_nanos() as u64))
    }

    /// The media time of the last picture.
    pub(super) fn last(&self) -> MediaTime {
        self.last
    }

    /// Places a picture that comes now, by the camera's clock at `pts` nanoseconds if that is known.
    pub(super) fn place(&mut self, pts: Option<u64>, now: Instant) -> Placed {
        let first = self.begun.is_none();
        self.begun.get_or_insert(now);
        let wall = self.now(now).unwrap_or(self.at_begin);
        let (at, jumped) = self.by_camera(pts, wall);
        let least = after(self.last, LEAST).max(self.floor);
        let at = if first { at } else { at.max(least) };
        self.last = at;
        Placed { at, jumped }
    }

    /// No picture before this moment will come any more.
    pub(super) fn pass(&mut self, until: MediaTime) {
        self.floor = self.floor.max(until);
    }

    fn by_camera(&mut self, pts: Option<u64>, wall: MediaTime) -> (MediaTime, bool) {
        let Some(pts) = pts else {
            return (wall, false);
        };
        let Some((from, at)) = self.anchor else {
            self.anchor = Some((pts, wall));
            return (wall, false);
        };
        let camera = pts
            .checked_sub(from)
            .map(|since| after(at, since))
            .filter(|camera| camera.nanos().abs_diff(wall.nanos()) <= LEEWAY.as_nanos() as u64);
        match camera {
            Some(camera) => (camera, false),
            None => {
                self.anchor = Some((pts, wall));
                (wall, true)
            }
        }
    }
}

fn after(at: MediaTime, nanos: u64) -> MediaTime {
    MediaTime::from_nanos(at.nanos().saturating_add(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    struct Camera {
        clock: LiveClock,
        start: Instant,
    }

    impl Camera {
        fn new(at_begin: u64) -> Self {
            Self {
                clock: LiveClock::new(MediaTime::from_millis(at_begin)),
                start: Instant::now(),
            }
        }

        /// A picture at these milliseconds of the wall's and the camera's clock.
        fn shows(&mut self, wall: u64, pts: u64) -> (u64, bool) {
            let now = self.start + Duration::from_millis(wall);
            let Placed { at, jumped } = self.clock.place(Some(pts * MS), now);
            (at.millis(), jumped)
        }
    }

    #[test]
    fn follows_the_cameras_clock_from_wherever_it_begins() {
        let mut camera = Camera::new(0);
        assert_eq!(camera.shows(0, 777_000), (0, false));
        // The network delays some more than others; the camera knows when it saw them.
        assert_eq!(camera.shows(70, 777_040), (40, false));
        assert_eq!(camera.shows(81, 777_080), (80, false));
    }

    #[test]
    fn a_gap_stays_a_gap_whatever_the_new_connection_says() {
        let mut camera = Camera::new(5000);
        assert_eq!(camera.shows(0, 100), (5000, false));
        camera.clock.connected();
        assert_eq!(camera.shows(30_000, 0), (35_000, false));
        assert_eq!(camera.shows(30_050, 40), (35_040, false));
    }

    #[test]
    fn a_clock_that_jumps_is_set_by_the_wall_and_time_never_runs_back() {
        let mut camera = Camera::new(0);
        camera.shows(0, 50_000);
        assert_eq!(camera.shows(100, 3), (100, true));
        assert_eq!(camera.shows(140, 43), (140, false));
        assert_eq!(camera.shows(180, 9_000_000), (180, true));
        assert_eq!(camera.shows(181, 9_000_000), (181, false));
        assert_eq!(camera.shows(182, 9_000_000), (182, false));
    }

    #[test]
    fn nothing_comes_before_what_was_said_to_be_quiet() {
        let mut camera = Camera::new(0);
        camera.shows(0, 0);
        camera.clock.pass(MediaTime::from_millis(900));
        assert_eq!(camera.clock.last().millis(), 0);
        assert_eq!(camera.shows(1000, 500), (900, false));
    }
}
