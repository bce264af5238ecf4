//! MySQL and MariaDB by `INSERT` of many rows, as text or prepared, and by `LOAD DATA`.

use std::io::Write as _;

use anyhow::Result;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use mysql_async::consts::ColumnType;
use mysql_async::prelude::Queryable as _;
use mysql_async::{Conn, Opts, OptsBuilder, Params, Value};
use tokio::runtime::Runtime;

use super::{Raw, is_local, with_database, without_tls};
use crate::clock::{Clock, Measure};
use crate::tables::{Batch, Cell, Row, Table};

/// The character set of columns of bytes.
const BINARY: u16 = 63;

#[derive(Clone, Copy)]
enum Method {
    /// As text, this many rows a statement.
    Text(usize),
    /// Prepared, this many rows a statement; the rest of a table as text.
    Prepared(usize),
    /// A file that the server asks for.
    Load,
}

const METHODS: [(&str, Method); 6] = [
    ("INSERT of 512 rows, text", Method::Text(512)),
    ("INSERT of 64 rows, text", Method::Text(64)),
    ("prepared INSERT of 16 rows", Method::Prepared(16)),
    ("prepared INSERT of 64 rows", Method::Prepared(64)),
    ("prepared INSERT of 256 rows", Method::Prepared(256)),
    ("LOAD DATA LOCAL", Method::Load),
];

/// A server, by the URL of one of its databases.
pub(super) struct Server {
    url: String,
    runtime: Runtime,
    connection: Conn,
}

impl Server {
    pub(super) fn connect(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let plain =
            with_database(url, url.split('?').next().and_then(|url| url.rsplit('/').next()).unwrap_or_default());
        let connection = runtime.block_on(connection(&plain))?;
        Ok(Self { url: url.to_owned(), runtime, connection })
    }
}

impl Raw for Server {
    fn version(&mut self) -> Result<String> {
        let version: Option<String> = self.runtime.block_on(self.connection.query_first("SELECT VERSION()"))?;
        let version = version.unwrap_or_default();
        Ok(if version.contains("MariaDB") { version } else { format!("MySQL {version}") })
    }

    fn create(&mut self, name: &str) -> Result<String> {
        self.remove(name)?;
        self.runtime.block_on(self.connection.query_drop(format!("CREATE DATABASE {name}")))?;
        Ok(without_tls(&with_database(&self.url, name)))
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        Ok(self.runtime.block_on(self.connection.query_drop(format!("DROP DATABASE IF EXISTS {name}")))?)
    }

    fn process(&mut self) -> Option<u32> {
        if !is_local(&self.url) {
            return None;
        }
        let file: Option<String> = self.runtime.block_on(self.connection.query_first("SELECT @@pid_file")).ok()?;
        std::fs::read_to_string(file?).ok()?.trim().parse().ok()
    }

    fn read(&mut self, name: &str, table: &'static str) -> Result<Table> {
        let url = with_database(&self.url, name);
        self.runtime.block_on(async {
            let mut connection = connection(&url).await?;
            let statement = connection.prep(format!("SELECT * FROM {table}")).await?;
            let columns = statement.columns().iter().map(|column| column.name_str().into_owned()).collect();
            let found: Vec<mysql_async::Row> = connection.exec(&statement, ()).await?;
            let rows: Result<Vec<Row>> = found.into_iter().map(row).collect();
            connection.disconnect().await?;
            Ok(Table { name: table, columns, rows: rows? })
        })
    }

    fn methods(&self) -> Vec<&'static str> {
        METHODS.iter().map(|(name, _)| *name).collect()
    }

    fn write(&mut self, name: &str, batches: &[Batch], method: &str) -> Result<Measure> {
        let url = with_database(&self.url, name);
        let method = METHODS.iter().find(|(name, _)| *name == method).map_or(Method::Text(512), |(_, method)| *method);
        self.runtime.block_on(async {
            let mut connection = connection(&url).await?;
            connection.query_drop("SET autocommit = 0").await?;
            let clock = Clock::start();
            for batch in batches {
                for table in batch {
                    match method {
                        Method::Text(rows) => text(&mut connection, table, &table.rows, rows).await?,
                        Method::Prepared(rows) => prepared(&mut connection, table, rows).await?,
                        Method::Load => load(&mut connection, table).await?,
                    }
                }
                connection.query_drop("COMMIT").await?;
            }
            let measure = clock.stop();
            connection.disconnect().await?;
            Ok(measure)
        })
    }
}

async fn connection(url: &str) -> Result<Conn> {
    // As many prepared statements as a method has.
    let options = OptsBuilder::from_opts(Opts::from_url(url)?).stmt_cache_size(64);
    Ok(Conn::new(options).await?)
}

fn row(mut row: mysql_async::Row) -> Result<Row> {
    let columns = row.columns();
    let mut cells = Vec::with_capacity(columns.len());
    for (place, column) in columns.iter().enumerate() {
        cells.push(match row.take(place) {
            None | Some(Value::NULL) => Cell::Null,
            Some(Value::Int(value)) => Cell::I64(value),
            Some(Value::UInt(value)) => Cell::I64(value.try_into()?),
            Some(Value::Double(value)) => Cell::F64(value),
            Some(Value::Bytes(bytes)) if column.character_set() == BINARY => Cell::Bytes(bytes),
            Some(Value::Bytes(bytes)) => Cell::Text(String::from_utf8(bytes)?),
            Some(_) => {
                let kind: ColumnType = column.column_type();
                anyhow::bail!("the column {} has the unknown type {kind:?}", column.name_str())
            }
        });
    }
    Ok(cells)
}

fn insert_into(table: &Table) -> String {
    format!("INSERT INTO {} ({}) VALUES ", table.name, table.column_list())
}

async fn text(connection: &mut Conn, table: &Table, rows: &[Row], rows_a_statement: usize) -> Result<()> {
    for group in rows.chunks(rows_a_statement) {
        let mut sql = insert_into(table).into_bytes();
        for row in group {
            sql.push(b'(');
            for cell in row {
                literal(&mut sql, cell)?;
                sql.push(b',');
            }
            sql.pop();
            sql.extend_from_slice(b"),");
        }
        sql.pop();
        connection.query_drop(sql).await?;
    }
    Ok(())
}

async fn prepared(connection: &mut Conn, table: &Table, rows_a_statement: usize) -> Result<()> {
    let groups = table.rows.chunks_exact(rows_a_statement);
    let rest = groups.remainder();
    if groups.len() > 0 {
        let row = format!("({})", vec!["?"; table.columns.len()].join(","));
        let statement =
            connection.prep(format!("{}{}", insert_into(table), vec![row; rows_a_statement].join(","))).await?;
        for group in groups {
            let values = group.iter().flatten().map(value).collect();
            connection.exec_drop(&statement, Params::Positional(values)).await?;
        }
    }
    text(connection, table, rest, rows_a_statement).await
}

async fn load(connection: &mut Conn, table: &Table) -> Result<()> {
    let mut file = Vec::new();
    for row in &table.rows {
        for cell in row {
            field(&mut file, cell)?;
            file.push(b'\t');
        }
        file.pop();
        file.push(b'\n');
    }
    let file = Bytes::from(file);
    connection.set_infile_handler(async move { Ok(stream::once(async move { Ok(file) }).boxed()) });
    let sql = format!(
        "LOAD DATA LOCAL INFILE 'rows' INTO TABLE {} CHARACTER SET binary ({})",
        table.name,
        table.column_list()
    );
    Ok(connection.query_drop(sql).await?)
}

fn value(cell: &Cell) -> Value {
    match cell {
        Cell::Null => Value::NULL,
        Cell::Bool(value) => Value::Int((*value).into()),
        Cell::I16(value) => Value::Int((*value).into()),
        Cell::I32(value) => Value::Int((*value).into()),
        Cell::I64(value) => Value::Int(*value),
        Cell::F64(value) => Value::Double(*value),
        Cell::Text(text) => Value::Bytes(text.as_bytes().to_vec()),
        Cell::Bytes(bytes) => Value::Bytes(bytes.clone()),
    }
}

/// A literal of SQL.
fn literal(sql: &mut Vec<u8>, cell: &Cell) -> Result<()> {
    match cell {
        Cell::Null => sql.extend_from_slice(b"NULL"),
        Cell::Text(text) => quoted(sql, text.as_bytes()),
        Cell::Bytes(bytes) => {
            sql.extend_from_slice(b"_binary");
            quoted(sql, bytes);
        }
        _ => number(sql, cell)?,
    }
    Ok(())
}

fn quoted(sql: &mut Vec<u8>, bytes: &[u8]) {
    sql.push(b'\'');
    escaped(sql, bytes, |byte| matches!(byte, b'\'' | b'\\' | 0));
    sql.push(b'\'');
}

/// A field of a file for `LOAD DATA`, with the default separators.
fn field(file: &mut Vec<u8>, cell: &Cell) -> Result<()> {
    match cell {
        Cell::Null => file.extend_from_slice(b"\\N"),
        Cell::Text(text) => escaped(file, text.as_bytes(), ends_field),
        Cell::Bytes(bytes) => escaped(file, bytes, ends_field),
        _ => number(file, cell)?,
    }
    Ok(())
}

fn ends_field(byte: u8) -> bool {
    matches!(byte, b'\\' | b'\t' | b'\n' | 0)
}

/// `bytes` with a backslash before each that is `special`.
fn escaped(out: &mut Vec<u8>, mut bytes: &[u8], special: impl Fn(u8) -> bool) {
    while let Some(at) = bytes.iter().position(|byte| special(*byte)) {
        let (plain, rest) = bytes.split_at(at);
        out.extend_from_slice(plain);
        out.extend_from_slice(&[b'\\', if rest[0] == 0 { b'0' } else { rest[0] }]);
        bytes = &rest[1..];
    }
    out.extend_from_slice(bytes);
}

fn number(out: &mut Vec<u8>, cell: &Cell) -> Result<()> {
    match cell {
        Cell::Bool(value) => write!(out, "{}", u8::from(*value))?,
        Cell::I16(value) => write!(out, "{value}")?,
        Cell::I32(value) => write!(out, "{value}")?,
        Cell::I64(value) => write!(out, "{value}")?,
        Cell::F64(value) => write!(out, "{value:?}")?,
        Cell::Null | Cell::Text(_) | Cell::Bytes(_) => {}
    }
    Ok(())
}
