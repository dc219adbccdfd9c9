//! Tables of aligned columns without borders.

use atom_operators::printable::printable;
use comfy_table::{CellAlignment, ColumnConstraint, Table, Width, presets};

use super::right_to_left::isolated;

/// The layout of a column.
#[derive(Clone, Copy)]
pub struct TableColumn {
    /// Smallest width, in columns of the terminal.
    min_width: u16,
    /// Spaces between this column and the next one.
    gap: u16,
    alignment: CellAlignment,
}

impl TableColumn {
    /// Creates a column of at least this width, followed by a gap, whose cells are aligned at their left end.
    pub const fn left(min_width: u16, gap: u16) -> Self {
        Self {
            min_width,
            gap,
            alignment: CellAlignment::Left,
        }
    }

    /// Creates a column whose cells are aligned at their right end, as numbers are.
    pub const fn right(min_width: u16, gap: u16) -> Self {
        Self {
            min_width,
            gap,
            alignment: CellAlignment::Right,
        }
    }
}

/// Formats rows as lines without trailing spaces and without a line break after the last one.
///
/// No cell is wrapped or cut. Wide characters take two columns of the terminal, control characters are shown as escapes, and
/// right-to-left cells are isolated.
pub fn borderless_table<const N: usize>(
    columns: [TableColumn; N],
    rows: Vec<[String; N]>,
) -> String {
    let safe = |cell: String| isolated(printable(&cell).into_owned());
    let rows = rows.into_iter().map(|row| row.map(safe));
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_rows(rows);
    for (layout, column) in columns.iter().zip(table.column_iter_mut()) {
        column.set_padding((0, layout.gap));
        // The library counts the gap as part of the column.
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(
            layout.min_width + layout.gap,
        )));
        column.set_cell_alignment(layout.alignment);
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_their_smallest_width_and_grow_with_their_cells() {
        let rows = [["a", "1", "x"], ["long", "22", ""]].map(|row| row.map(str::to_owned));
        let columns = [
            TableColumn::left(2, 1),
            TableColumn::right(3, 1),
            TableColumn::left(0, 0),
        ];
        assert_eq!(
            borderless_table(columns, rows.to_vec()),
            "a      1 x\nlong  22"
        );
    }

    #[test]
    fn a_cell_cannot_forge_a_row() {
        let rows = vec![["a\nb\u{1b}[2J".to_owned()], ["כלב".to_owned()]];
        assert_eq!(
            borderless_table([TableColumn::left(0, 0)], rows),
            "a\\nb\\u{1b}[2J\n\u{2068}כלב\u{2069}"
        );
    }
}
