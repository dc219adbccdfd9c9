//! A map from row ids to positions.

use std::collections::BTreeMap;

/// Positions of rows by id, in pages of consecutive ids, since most ids are consecutive.
#[derive(Default)]
pub(super) struct RowPositions {
    pages: BTreeMap<i64, Box<[usize]>>,
    count: usize,
}

impl RowPositions {
    const PAGE: usize = 4096;

    /// Returns the number of rows.
    pub(super) fn len(&self) -> usize {
        self.count
    }

    pub(super) fn get(&self, id: i64) -> Option<usize> {
        let page = self.pages.get(&id.div_euclid(Self::PAGE as i64))?;
        // Positions are stored plus one; 0 is none.
        page[Self::offset(id)].checked_sub(1)
    }

    pub(super) fn insert(&mut self, id: i64, position: usize) {
        let page = self.pages.entry(id.div_euclid(Self::PAGE as i64));
        let page = page.or_insert_with(|| vec![0; Self::PAGE].into());
        self.count += usize::from(page[Self::offset(id)] == 0);
        page[Self::offset(id)] = position + 1;
    }

    pub(super) fn remove(&mut self, id: i64) -> Option<usize> {
        let page = self.pages.get_mut(&id.div_euclid(Self::PAGE as i64))?;
        let position = std::mem::take(&mut page[Self::offset(id)]).checked_sub(1)?;
        self.count -= 1;
        Some(position)
    }

    fn offset(id: i64) -> usize {
        id.rem_euclid(Self::PAGE as i64) as usize
    }
}
