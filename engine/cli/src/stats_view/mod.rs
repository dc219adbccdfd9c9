//! Draws what was seen when: tables and heat maps, for a terminal and as a picture.
//!
//! | file | holds |
//! |---|---|
//! | `label` | names cut and padded to columns, whatever script they are in |
//! | `table` | what was seen, how often, from when to when |
//! | `map` | the most frequent things by hour: what stands in which cell |
//! | `terminal` | a heat map in shades |
//! | `svg` | a heat map as a picture |

mod label;
mod map;
mod svg;
mod table;
mod terminal;

pub use map::{Heat, heats};
pub use svg::picture;
pub use table::table;
pub use terminal::shades;

#[cfg(test)]
mod tests {
    use atom_index::stats::{Hour, Seen, What};

    /// So many segments of a thing in an hour of the clock.
    pub(super) fn seen(source: &str, hour: i64, word: &str, segments: u64) -> Seen {
        Seen {
            source: source.to_owned(),
            hour: Hour::Wall(hour),
            what: What::Concept(word.to_owned()),
            segments,
        }
    }
}
