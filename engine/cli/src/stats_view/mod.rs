//! Draws how often things were seen, by hour: as a table and as heat maps.
//!
//! - `label_fitting`: names cut to a width, in any script
//! - `summary_table`: things and sources with their number of segments, first and last hour
//! - `heat_map_cells`: the cells of a heat map, without any drawing
//! - `text_heat_map`: a heat map in shades of characters
//! - `svg_heat_map`: a heat map as an SVG file

mod heat_map_cells;
mod label_fitting;
mod summary_table;
mod svg_heat_map;
mod text_heat_map;

pub use summary_table::summary_table;
pub use svg_heat_map::svg_heat_map;
pub use text_heat_map::{TextHeatMapOptions, text_heat_map};

#[cfg(test)]
mod tests {
    use atom_index::stats::{Hour, Term, TermCount};

    /// Returns so many segments of a thing in an hour of the clock.
    pub(super) fn seen(source: &str, hour: i64, word: &str, segments: u64) -> TermCount {
        TermCount {
            source: source.to_owned(),
            hour: Hour::Wall(hour),
            term: Term::Concept(word.to_owned()),
            segments,
        }
    }
}
