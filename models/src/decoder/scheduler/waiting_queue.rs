//! The queue of waiting requests, and the rules by which they are admitted.
//!
//! Most urgent first, oldest first among equals; live requests newest first, because under overload the old ones are
//! dropped anyway. Every [`FAIR`]th request admitted is the oldest. Requests that are not urgent take at most three
//! quarters of the rows.

use super::{
    congestion_window::CongestionWindow,
    job::{SchedulerSettings, Urgency},
    request::Request,
};

/// One of this many requests admitted, and of this many chunks run, is the oldest.
pub(super) const FAIR: u64 = 8;

/// The requests that wait for admission.
pub(super) struct WaitingQueue {
    requests: Vec<Request>,
    pub(super) window: CongestionWindow,
    admitted: u64,
    settings: SchedulerSettings,
    token_bytes: usize,
}

/// The resources that the admitted requests use.
#[derive(Clone, Copy, Default)]
pub(super) struct ActiveLoad {
    requests: usize,
    rows: usize,
    live_rows: usize,
    max_length: usize,
}

impl ActiveLoad {
    /// Sums up the admitted requests.
    pub(super) fn of<'r>(active: impl Iterator<Item = &'r Request>) -> Self {
        active.fold(Self::default(), |load, request| {
            let live = request.urgency() == Urgency::Live;
            Self {
                requests: load.requests + 1,
                rows: load.rows + request.rows(),
                live_rows: load.live_rows + if live { request.rows() } else { 0 },
                max_length: load.max_length.max(request.max_length()),
            }
        })
    }
}

impl WaitingQueue {
    /// Creates an empty queue; a token's keys and values take `token_bytes`.
    pub(super) fn new(settings: SchedulerSettings, token_bytes: usize) -> Self {
        Self {
            requests: Vec::new(),
            window: CongestionWindow::new(settings.rows),
            admitted: 0,
            settings,
            token_bytes,
        }
    }

    pub(super) fn push(&mut self, request: Request) {
        self.requests.push(request);
    }

    pub(super) fn remove(&mut self, id: u64) {
        self.requests.retain(|request| request.id != id);
    }

    pub(super) fn clear(&mut self) {
        self.requests.clear();
    }

    pub(super) fn requests(&self) -> &[Request] {
        &self.requests
    }

    /// Removes and returns the next request to admit beside the active ones, if it fits.
    pub(super) fn admit(&mut self, load: ActiveLoad) -> Option<Request> {
        let fair = self.admitted % FAIR == FAIR - 1;
        let order = |at: &usize| match self.requests[*at].urgency() {
            _ if fair => (None, *at),
            Urgency::Live => (Some(Urgency::Live), self.requests.len() - at),
            urgency => (Some(urgency), *at),
        };
        // A throttled request must not hold up the others.
        let candidates =
            (0..self.requests.len()).filter(|at| !self.throttled(&self.requests[*at], load));
        let next = candidates.min_by_key(order)?;
        if !self.fits(&self.requests[next], load, fair) {
            return None;
        }
        self.admitted += 1;
        Some(self.requests.remove(next))
    }

    /// True if enough live requests are active already.
    fn throttled(&self, request: &Request, load: ActiveLoad) -> bool {
        request.urgency() == Urgency::Live && !self.window.admits(load.live_rows, request.rows())
    }

    /// True if the limits allow a request beside the active ones. A single request always fits.
    fn fits(&self, request: &Request, load: ActiveLoad, fair: bool) -> bool {
        let rows = load.rows + request.rows();
        let max_rows = match fair || request.urgency() <= Urgency::Live {
            true => self.settings.rows,
            false => self.settings.rows * 3 / 4,
        };
        let bytes = rows * load.max_length.max(request.max_length()) * self.token_bytes;
        load.requests == 0 || rows <= max_rows && bytes <= self.settings.batch_bytes
    }
}
