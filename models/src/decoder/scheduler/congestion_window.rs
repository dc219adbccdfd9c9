//! The number of live texts that are decoded at once.
//!
//! Texts decoded together advance more slowly, so under overload none might finish in time and all work would be lost. The
//! window halves after each live request that was late in progress and grows by one row after each that was not: additive
//! increase, multiplicative decrease, as TCP finds a network's capacity (Chiu and Jain, 1989).

/// An additive-increase, multiplicative-decrease window, in texts decoded together.
#[derive(Clone, Copy, Debug)]
pub(super) struct CongestionWindow {
    rows: usize,
    max_rows: usize,
}

impl CongestionWindow {
    /// Creates a window that is fully open.
    pub(super) fn new(max_rows: usize) -> Self {
        Self {
            rows: max_rows,
            max_rows,
        }
    }

    /// True if `rows` more texts may join `active` ones. A single request always may.
    pub(super) fn admits(self, active: usize, rows: usize) -> bool {
        active == 0 || active + rows <= self.rows
    }

    /// Halves the window after a late request.
    pub(super) fn on_late(&mut self) {
        self.rows = (self.rows / 2).max(1);
    }

    /// Opens the window by one row for each request that finished in time.
    pub(super) fn on_success(&mut self, requests: usize) {
        self.rows = (self.rows + requests).min(self.max_rows);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_after_a_late_request_and_grows_by_one_after_others() {
        let mut window = CongestionWindow::new(12);
        assert!(window.admits(9, 3) && !window.admits(10, 3));
        window.on_late();
        assert!(window.admits(3, 3) && !window.admits(6, 3));
        (0..9).for_each(|_| window.on_late());
        assert!(window.admits(0, 3) && !window.admits(1, 3));
        window.on_success(5);
        assert!(window.admits(3, 3));
        window.on_success(99);
        assert!(window.admits(9, 3) && !window.admits(12, 1));
    }
}
