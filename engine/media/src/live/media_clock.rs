//! The media time of a live source, which runs on whatever the camera and its clock do.
//!
//! Within a connection it follows the camera's timestamps, which know best how far frames are apart; at every connection, and
//! where they drift too far from the system's clock, it is set by the latter. Invariant: it increases with every frame, and a
//! gap in the frames is a gap in the media time.

use std::time::{Duration, Instant};

use atom_operators::media_time::MediaTime;

/// The most that the camera's clock may drift from the system's.
const MAX_DRIFT: Duration = Duration::from_secs(2);
/// The shortest distance between two frames, in nanoseconds.
const MIN_STEP: u64 = 1_000_000;

/// The clock of one source.
#[derive(Debug)]
pub(super) struct MediaClock {
    /// System time of the first frame.
    started: Option<Instant>,
    /// Media time of the first frame.
    first: MediaTime,
    /// A frame of this connection by both clocks: the camera's, in nanoseconds, and media time.
    anchor: Option<(u64, MediaTime)>,
    /// Media time of the last frame.
    last: MediaTime,
    /// No frame gets a media time before this any more.
    floor: MediaTime,
}

/// The media time of one frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameTime {
    /// The media time.
    pub(super) at: MediaTime,
    /// True if the camera's clock jumped.
    pub(super) jumped: bool,
}

impl MediaClock {
    /// Returns a clock that gives the first frame this media time.
    pub(super) fn new(first: MediaTime) -> Self {
        Self {
            started: None,
            first,
            anchor: None,
            last: first,
            floor: first,
        }
    }

    /// Starts a new connection, in which the camera's clock may start anywhere.
    pub(super) fn start_connection(&mut self) {
        self.anchor = None;
    }

    /// Returns the media time of now; none before the first frame.
    pub(super) fn now(&self, now: Instant) -> Option<MediaTime> {
        let since = now.duration_since(self.started?);
        Some(after(self.first, since.as_nanos() as u64))
    }

    /// Returns the media time of the last frame.
    pub(super) fn last(&self) -> MediaTime {
        self.last
    }

    /// Returns the media time of a frame that arrives now, with the camera's timestamp in nanoseconds, if it has one.
    pub(super) fn frame_time(&mut self, pts: Option<u64>, now: Instant) -> FrameTime {
        let first = self.started.is_none();
        self.started.get_or_insert(now);
        let wall = self.now(now).unwrap_or(self.first);
        let (at, jumped) = self.by_camera(pts, wall);
        let least = after(self.last, MIN_STEP).max(self.floor);
        let at = if first { at } else { at.max(least) };
        self.last = at;
        FrameTime { at, jumped }
    }

    /// Promises that no later frame gets a media time before this one.
    pub(super) fn advance_floor(&mut self, until: MediaTime) {
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
            .filter(|camera| camera.nanos().abs_diff(wall.nanos()) <= MAX_DRIFT.as_nanos() as u64);
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
        clock: MediaClock,
        start: Instant,
    }

    impl Camera {
        fn new(first: u64) -> Self {
            Self {
                clock: MediaClock::new(MediaTime::from_millis(first)),
                start: Instant::now(),
            }
        }

        /// Takes a frame at these milliseconds of the system's and the camera's clock.
        fn shows(&mut self, wall: u64, pts: u64) -> (u64, bool) {
            let now = self.start + Duration::from_millis(wall);
            let FrameTime { at, jumped } = self.clock.frame_time(Some(pts * MS), now);
            (at.millis(), jumped)
        }
    }

    #[test]
    fn follows_the_cameras_clock_from_wherever_it_starts() {
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
        camera.clock.start_connection();
        assert_eq!(camera.shows(30_000, 0), (35_000, false));
        assert_eq!(camera.shows(30_050, 40), (35_040, false));
    }

    #[test]
    fn a_clock_that_jumps_is_reset_and_time_never_runs_backwards() {
        let mut camera = Camera::new(0);
        camera.shows(0, 50_000);
        assert_eq!(camera.shows(100, 3), (100, true));
        assert_eq!(camera.shows(140, 43), (140, false));
        assert_eq!(camera.shows(180, 9_000_000), (180, true));
        assert_eq!(camera.shows(181, 9_000_000), (181, false));
        assert_eq!(camera.shows(182, 9_000_000), (182, false));
    }

    #[test]
    fn no_frame_comes_before_a_silence_that_was_reported() {
        let mut camera = Camera::new(0);
        camera.shows(0, 0);
        camera.clock.advance_floor(MediaTime::from_millis(900));
        assert_eq!(camera.clock.last().millis(), 0);
        assert_eq!(camera.shows(1000, 500), (900, false));
    }
}
