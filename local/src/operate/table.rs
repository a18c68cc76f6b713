//! Tables for people, without lines: they can be cut by other tools.

use std::fmt;

use comfy_table::presets::NOTHING;

use crate::printable::line;

/// A table with a head.
pub(super) struct Table(comfy_table::Table);

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        let mut table = comfy_table::Table::new();
        table.load_preset(NOTHING).set_header(head.iter().copied());
        Self(table)
    }

    pub(super) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.0.add_row(cells.map(|cell| line(&cell)));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.trim_fmt())
    }
}
