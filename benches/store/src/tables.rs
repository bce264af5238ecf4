//! The rows that were stored, in a form that any database can be given again.

use std::cmp::Ordering;
use std::collections::HashMap;

/// The tables that a write fills, and how many of a table's first columns are its key: rows are written in its order. The first is
/// the one that the batches are made of. `processes` is not among them: its one row is written when a database is opened.
pub(crate) const TABLES: [(&str, usize); 10] = [
    ("spans", 3),
    ("span_contents", 3),
    ("traces", 1),
    ("trace_facets", 3),
    ("sessions", 1),
    ("resources", 1),
    ("scopes", 1),
    ("content_days", 1),
    ("content_parts", 2),
    ("rollups", 3),
];

/// A value of a column, as its driver gave it.
#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(crate) enum Cell {
    Null,
    Bool(bool),
    I16(i16),
    I32(i32),
    I64(i64),
    F64(f64),
    Text(String),
    Bytes(Vec<u8>),
}

pub(crate) type Row = Vec<Cell>;

/// A table, or a part of it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

impl Table {
    /// The columns' names, for an `INSERT`.
    pub(crate) fn column_list(&self) -> String {
        self.columns.join(", ")
    }

    pub(crate) fn sort(&mut self) {
        let keys = TABLES.iter().find(|(name, _)| *name == self.name).map_or(1, |(_, keys)| *keys);
        let key = |row: &Row| row.iter().take(keys).cloned().collect::<Vec<_>>();
        self.rows.sort_by(|a, b| key(a).partial_cmp(&key(b)).unwrap_or(Ordering::Equal));
    }

    fn column(&self, name: &str) -> anyhow::Result<usize> {
        let found = self.columns.iter().position(|column| column == name);
        found.ok_or_else(|| anyhow::anyhow!("the table {} has no column {name}", self.name))
    }
}

/// What one transaction writes: a part of each table that has one.
pub(crate) type Batch = Vec<Table>;

/// The rows of all tables, as transactions of `size` spans each in the order in which they came, with the rows that belong to them: a
/// trace and its facets go with the trace's first span, a session with its first. Sums and parts, which are of many spans, are spread evenly. Each row is written
/// once.
pub(crate) fn batches(tables: &[Table], size: usize) -> anyhow::Result<Vec<Batch>> {
    let spans = tables.first().ok_or_else(|| anyhow::anyhow!("there are no tables"))?;
    let [sequence, trace, span, session] =
        ["sequence", "trace_id", "span_id", "session_id"].map(|name| spans.column(name));
    let (sequence, trace, span, session) = (sequence?, trace?, span?, session?);
    let mut in_order: Vec<&Row> = spans.rows.iter().collect();
    in_order.sort_by(|a, b| a[sequence].partial_cmp(&b[sequence]).unwrap_or(Ordering::Equal));

    // Where the rows of a span, a trace and a session go.
    let mut of_span: HashMap<(Vec<u8>, Vec<u8>), usize> = HashMap::new();
    let mut of_trace: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut of_session: HashMap<String, usize> = HashMap::new();
    for (place, row) in in_order.iter().enumerate() {
        let batch = place / size;
        of_span.insert((bytes(&row[trace]), bytes(&row[span])), batch);
        of_trace.entry(bytes(&row[trace])).or_insert(batch);
        if let Cell::Text(id) = &row[session] {
            of_session.entry(id.clone()).or_insert(batch);
        }
    }

    let count = in_order.len().div_ceil(size);
    let empty = || tables.iter().map(|table| Table { rows: Vec::new(), ..table.clone_shape() }).collect::<Batch>();
    let mut batches: Vec<Batch> = (0..count).map(|_| empty()).collect();
    for (number, table) in tables.iter().enumerate() {
        for (place, row) in table.rows.iter().enumerate() {
            let evenly = place * count / table.rows.len();
            let found = match table.name {
                "spans" | "span_contents" => of_span.get(&(bytes(&row[0]), bytes(&row[1]))),
                "traces" | "trace_facets" => of_trace.get(&bytes(&row[0])),
                "sessions" => match &row[0] {
                    Cell::Text(id) => of_session.get(id),
                    _ => None,
                },
                "content_parts" | "rollups" => Some(&evenly),
                _ => Some(&0),
            };
            let batch = found.ok_or_else(|| anyhow::anyhow!("a row of {} belongs to no span", table.name))?;
            batches[*batch][number].rows.push(row.clone());
        }
    }
    for batch in &mut batches {
        batch.retain(|table| !table.rows.is_empty());
        batch.iter_mut().for_each(Table::sort);
    }
    Ok(batches)
}

impl Table {
    fn clone_shape(&self) -> Self {
        Self { name: self.name, columns: self.columns.clone(), rows: Vec::new() }
    }
}

fn bytes(cell: &Cell) -> Vec<u8> {
    match cell {
        Cell::Bytes(bytes) => bytes.clone(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(name: &'static str, columns: &[&str], rows: Vec<Row>) -> Table {
        Table { name, columns: columns.iter().map(|&column| column.to_owned()).collect(), rows }
    }

    fn id(id: u8) -> Cell {
        Cell::Bytes(vec![id])
    }

    #[test]
    fn rows_go_with_their_first_span_and_each_goes_once() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let span = |trace, span, sequence, session: &str| vec![id(trace), id(span), Cell::I64(sequence), text(session)];
        let tables = [
            // Trace 2 begins in the first batch and ends in the second.
            table(
                "spans",
                &["trace_id", "span_id", "sequence", "session_id"],
                vec![span(2, 1, 3, "b"), span(1, 1, 0, "a"), span(2, 2, 1, "b"), span(3, 1, 2, "a")],
            ),
            table("span_contents", &["trace_id", "span_id"], vec![vec![id(2), id(1)]]),
            table("traces", &["trace_id"], vec![vec![id(3)], vec![id(2)], vec![id(1)]]),
            table("sessions", &["session_id"], vec![vec![text("a")], vec![text("b")]]),
            table("scopes", &["scope_id"], vec![vec![id(9)]]),
            table("rollups", &["level"], vec![vec![id(1)], vec![id(2)]]),
        ];
        let batches = batches(&tables, 2).unwrap();
        let shape: Vec<Vec<(&str, usize)>> =
            batches.iter().map(|batch| batch.iter().map(|table| (table.name, table.rows.len())).collect()).collect();
        assert_eq!(
            shape,
            [
                vec![("spans", 2), ("traces", 2), ("sessions", 2), ("scopes", 1), ("rollups", 1)],
                vec![("spans", 2), ("span_contents", 1), ("traces", 1), ("rollups", 1)],
            ]
        );
        assert_eq!(batches[0][1].rows, [[id(1)], [id(2)]], "in the order of their keys");
    }

    #[test]
    fn a_row_without_a_span_is_told() {
        let tables = [
            table("spans", &["trace_id", "span_id", "sequence", "session_id"], Vec::new()),
            table("traces", &["trace_id"], vec![vec![id(1)]]),
        ];
        assert!(batches(&tables, 2).is_err());
    }
}
