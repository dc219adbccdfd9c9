//! How much of what cameras see now is worked on at once.
//!
//! Texts that grow together grow slower, so if there is too much of it none may be finished in time, and all work is lost.
//! After each request that was late under way half as much is worked on at once, and a row more after each that was not: the way in
//! which TCP finds what a network can carry (additive increase, multiplicative decrease; Chiu and Jain, 1989).

/// The bound, in texts that grow together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pressure {
    rows: usize,
    most: usize,
}

impl Pressure {
    /// Nothing was late yet.
    pub(super) fn new(most: usize) -> Self {
        Self { rows: most, most }
    }

    /// Whether `rows` more may be worked on beside `others`. One request always may.
    pub(super) fn admits(self, others: usize, rows: usize) -> bool {
        others == 0 || others + rows <= self.rows
    }

    /// A request was late.
    pub(super) fn late(&mut self) {
        self.rows = (self.rows / 2).max(1);
    }

    /// So many requests were not.
    pub(super) fn in_time(&mut self, requests: usize) {
        self.rows = (self.rows + requests).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_by_half_and_rises_by_one() {
        let mut pressure = Pressure::new(12);
        assert!(pressure.admits(9, 3) && !pressure.admits(10, 3));
        pressure.late();
        assert!(pressure.admits(3, 3) && !pressure.admits(6, 3));
        (0..9).for_each(|_| pressure.late());
        assert!(pressure.admits(0, 3) && !pressure.admits(1, 3));
        pressure.in_time(5);
        assert!(pressure.admits(3, 3));
        pressure.in_time(99);
        assert!(pressure.admits(9, 3) && !pressure.admits(12, 1));
    }
}
