//! Tables of aligned columns without borders.

use comfy_table::{CellAlignment, ColumnConstraint, Table, Width, presets};

/// The layout of a column.
#[derive(Clone, Copy)]
pub struct TableColumn {
    /// Smallest width, in columns of the terminal.
    pub min_width: u16,
    /// Spaces between this column and the next one.
    pub gap: u16,
    /// True if cells are aligned at their right end, as numbers are.
    pub right_aligned: bool,
}

/// Formats rows as lines without trailing spaces and without a line break after the last one.
///
/// No cell is wrapped or cut. Wide characters take two columns of the terminal.
pub fn borderless_table<const N: usize>(columns: [TableColumn; N], rows: Vec<[String; N]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).add_rows(rows);
    for (layout, column) in columns.iter().zip(table.column_iter_mut()) {
        column.set_padding((0, layout.gap));
        // The library counts the gap as part of the column.
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(
            layout.min_width + layout.gap,
        )));
        if layout.right_aligned {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_keep_their_smallest_width_and_grow_with_their_cells() {
        let column = |min_width, right_aligned| TableColumn {
            min_width,
            gap: 1,
            right_aligned,
        };
        let rows = [["a", "1", "x"], ["long", "22", ""]].map(|row| row.map(str::to_owned));
        let columns = [column(2, false), column(3, true), column(0, false)];
        assert_eq!(
            borderless_table(columns, rows.to_vec()),
            "a      1 x\nlong  22"
        );
    }
}
