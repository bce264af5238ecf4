//! Columns of text.

use std::io::{self, Write};

/// On which side a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Left,
    Right,
}

/// Between two columns.
const GAP: usize = 2;
/// The last column is never made narrower.
const NARROWEST: usize = 16;

/// Rows under a head, each column as wide as its widest cell. The last column takes what is left of the terminal.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    head: [(&'static str, Side); N],
    rows: Vec<[String; N]>,
}

impl<const N: usize> Table<N> {
    pub(super) const fn new(head: [(&'static str, Side); N]) -> Self {
        Self { head, rows: Vec::new() }
    }

    pub(super) fn push(&mut self, row: [String; N]) {
        self.rows.push(row);
    }

    /// Writes it; where the terminal's `columns` are known, no wider than that as far as the last column can help it.
    pub(super) fn write(&self, out: &mut impl Write, columns: Option<usize>) -> io::Result<()> {
        let head = self.head.map(|(name, _)| name.to_owned());
        let lines = || std::iter::once(&head).chain(&self.rows);
        let mut widths = [0; N];
        for line in lines() {
            for (width, cell) in widths.iter_mut().zip(line) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if let (Some(columns), Some((last, others))) = (columns, widths.split_last_mut()) {
            let before: usize = others.iter().map(|width| width + GAP).sum();
            *last = (*last).min(columns.saturating_sub(before).max(NARROWEST));
        }
        for line in lines() {
            let mut text = String::new();
            for ((cell, width), (_, side)) in line.iter().zip(widths).zip(self.head) {
                let cell = shortened(cell, width);
                let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
                match side {
                    Side::Left => text.extend([&*cell, &padding]),
                    Side::Right => text.extend([&*padding, &cell]),
                }
                text.push_str(&" ".repeat(GAP));
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// The text, cut to `width` characters.
fn shortened(text: &str, width: usize) -> String {
    match text.char_indices().nth(width) {
        None => text.to_owned(),
        Some(_) => text.chars().take(width.saturating_sub(1)).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(columns: Option<usize>) -> String {
        let mut table = Table::new([("ID", Side::Left), ("SPANS", Side::Right), ("NAME", Side::Left)]);
        table.push(["a".into(), "7".into(), "the quick brown fox jumps".into()]);
        table.push(["bcd".into(), "1234567".into(), "döner".into()]);
        let mut out = Vec::new();
        table.write(&mut out, columns).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn cells_stand_under_each_other_and_lines_have_no_end_of_spaces() {
        let expected = "ID     SPANS  NAME\na          7  the quick brown fox jumps\nbcd  1234567  döner\n";
        assert_eq!(written(None), expected);
        assert_eq!(written(Some(200)), expected);
    }

    #[test]
    fn a_narrow_terminal_shortens_the_last_column_as_far_as_it_stays_readable() {
        assert!(written(Some(34)).contains("a          7  the quick brown fox…\n"), "{}", written(Some(34)));
        assert!(written(Some(5)).contains("a          7  the quick brown…\n"), "{}", written(Some(5)));
    }
}
