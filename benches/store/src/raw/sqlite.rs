//! SQLite by prepared statements.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};

use anyhow::Result;
use rusqlite::types::{ToSqlOutput, ValueRef};
use rusqlite::{Connection, ToSql};

use super::Raw;
use crate::clock::{Clock, Measure};
use crate::tables::{Batch, Cell, Row, Table};

/// As in `src/store/dialect/sqlite.rs`. The journal mode is the file's own.
const SETTINGS: &str = "
    PRAGMA busy_timeout = 5000;
    PRAGMA synchronous = NORMAL;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -16000;
";

/// How many rows one statement writes.
const METHODS: [(&str, usize); 3] =
    [("prepared INSERT of 1 row", 1), ("prepared INSERT of 8 rows", 8), ("prepared INSERT of 32 rows", 32)];

/// Database files in a folder.
pub(super) struct Files {
    folder: PathBuf,
}

impl Files {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.db"))
    }

    fn open(&self, name: &str) -> Result<Connection> {
        open(&self.path(name))
    }
}

/// A file that tracing-agents has set up, with the settings of its own connections.
pub(crate) fn open(path: &Path) -> Result<Connection> {
    let connection = Connection::open(path)?;
    connection.execute_batch(SETTINGS)?;
    let journal: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    anyhow::ensure!(journal == "wal", "the journal mode is {journal}, not the one that tracing-agents sets");
    Ok(connection)
}

impl Raw for Files {
    fn version(&mut self) -> Result<String> {
        Ok(format!("SQLite {}", rusqlite::version()))
    }

    fn create(&mut self, name: &str) -> Result<String> {
        self.remove(name)?;
        Ok(format!("sqlite://{}", self.path(name).display()))
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        for suffix in ["", "-wal", "-shm"] {
            let path = PathBuf::from(format!("{}{suffix}", self.path(name).display()));
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    fn process(&mut self) -> Option<u32> {
        None
    }

    fn read(&mut self, name: &str, table: &'static str) -> Result<Table> {
        let connection = self.open(name)?;
        let mut statement = connection.prepare(&format!("SELECT * FROM {table}"))?;
        let columns: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        let mut rows = Vec::new();
        let mut found = statement.query([])?;
        while let Some(row) = found.next()? {
            let cells: Result<Row> = (0..columns.len()).map(|column| cell(row.get_ref(column)?)).collect();
            rows.push(cells?);
        }
        Ok(Table { name: table, columns, rows })
    }

    fn methods(&self) -> Vec<&'static str> {
        METHODS.iter().map(|(name, _)| *name).collect()
    }

    fn write(&mut self, name: &str, batches: &[Batch], method: &str) -> Result<Measure> {
        let rows = METHODS.iter().find(|(name, _)| *name == method).map_or(1, |(_, rows)| *rows);
        let connection = self.open(name)?;
        write(&connection, batches, rows, "")
    }
}

/// Writes `batches` into tables whose names begin with `prefix`, `rows` rows a statement.
pub(crate) fn write(connection: &Connection, batches: &[Batch], rows: usize, prefix: &str) -> Result<Measure> {
    // Both are prepared once: of `rows` rows, and of one, for the rest of a table.
    let mut statements = HashMap::new();
    for table in batches.iter().flatten() {
        for rows in [rows, 1] {
            if let Entry::Vacant(place) = statements.entry((table.name, rows)) {
                place.insert(connection.prepare(&insert(table, rows, prefix))?);
            }
        }
    }
    let clock = Clock::start();
    for batch in batches {
        connection.execute_batch("BEGIN IMMEDIATE")?;
        for table in batch {
            let groups = table.rows.chunks_exact(rows);
            let rest = groups.remainder().chunks(1);
            for group in groups.chain(rest) {
                let Some(statement) = statements.get_mut(&(table.name, group.len())) else { continue };
                for (place, cell) in group.iter().flatten().enumerate() {
                    statement.raw_bind_parameter(place + 1, cell)?;
                }
                statement.raw_execute()?;
            }
        }
        connection.execute_batch("COMMIT")?;
    }
    Ok(clock.stop())
}

fn insert(table: &Table, rows: usize, prefix: &str) -> String {
    let values = format!("({})", vec!["?"; table.columns.len()].join(","));
    let values = vec![values; rows].join(",");
    format!("INSERT INTO {prefix}{} ({}) VALUES {values}", table.name, table.column_list())
}

fn cell(value: ValueRef<'_>) -> Result<Cell> {
    Ok(match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(value) => Cell::I64(value),
        ValueRef::Real(value) => Cell::F64(value),
        ValueRef::Text(text) => Cell::Text(std::str::from_utf8(text)?.to_owned()),
        ValueRef::Blob(bytes) => Cell::Bytes(bytes.to_vec()),
    })
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Bool(value) => ValueRef::Integer((*value).into()),
            Self::I16(value) => ValueRef::Integer((*value).into()),
            Self::I32(value) => ValueRef::Integer((*value).into()),
            Self::I64(value) => ValueRef::Integer(*value),
            Self::F64(value) => ValueRef::Real(*value),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}
