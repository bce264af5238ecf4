//! PostgreSQL by `COPY … BINARY`, a copy a table in each transaction.

use std::pin::pin;

use anyhow::Result;
use bytes::{BufMut as _, Bytes, BytesMut};
use futures_util::SinkExt as _;
use tokio::runtime::Runtime;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, NoTls};

use super::{Raw, is_local, with_database, without_tls};
use crate::clock::{Clock, Measure, parent_of};
use crate::tables::{Batch, Cell, TABLES, Table};

const METHOD: &str = "COPY BINARY";
/// Bytes that are sent at once, while the next are made.
const CHUNK: usize = 256 * 1024;

/// A server, by the URL of one of its databases.
pub(super) struct Server {
    url: String,
    runtime: Runtime,
    client: Client,
}

impl Server {
    pub(super) fn connect(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let plain =
            with_database(url, url.split('?').next().and_then(|url| url.rsplit('/').next()).unwrap_or_default());
        let client = runtime.block_on(client(&plain))?;
        Ok(Self { url: url.to_owned(), runtime, client })
    }
}

impl Raw for Server {
    fn version(&mut self) -> Result<String> {
        let row = self.runtime.block_on(self.client.query_one("SHOW server_version", &[]))?;
        Ok(format!("PostgreSQL {}", row.get::<_, &str>(0)))
    }

    fn create(&mut self, name: &str) -> Result<String> {
        self.remove(name)?;
        self.runtime.block_on(self.client.batch_execute(&format!("CREATE DATABASE {name}")))?;
        Ok(without_tls(&with_database(&self.url, name)))
    }

    fn remove(&mut self, name: &str) -> Result<()> {
        Ok(self.runtime.block_on(self.client.batch_execute(&format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)")))?)
    }

    fn process(&mut self) -> Option<u32> {
        if !is_local(&self.url) {
            return None;
        }
        // Each connection has a process of its own, which the first one started.
        let row = self.runtime.block_on(self.client.query_one("SELECT pg_backend_pid()", &[])).ok()?;
        parent_of(row.get::<_, i32>(0).try_into().ok()?)
    }

    fn read(&mut self, name: &str, table: &'static str) -> Result<Table> {
        let url = with_database(&self.url, name);
        self.runtime.block_on(async {
            let client = client(&url).await?;
            let statement = client.prepare(&format!("SELECT * FROM {table}")).await?;
            let columns = statement.columns().iter().map(|column| column.name().to_owned()).collect();
            let rows = client.query(&statement, &[]).await?;
            let rows: Result<Vec<_>> =
                rows.iter().map(|row| (0..row.len()).map(|column| cell(row, column)).collect()).collect();
            Ok(Table { name: table, columns, rows: rows? })
        })
    }

    fn methods(&self) -> Vec<&'static str> {
        vec![METHOD]
    }

    fn write(&mut self, name: &str, batches: &[Batch], _method: &str) -> Result<Measure> {
        let url = with_database(&self.url, name);
        self.runtime.block_on(async {
            let client = client(&url).await?;
            let mut copies = Vec::new();
            for (table, _) in TABLES {
                let Some(table) = batches.iter().flatten().find(|found| found.name == table) else { continue };
                let sql = format!("COPY {} ({}) FROM STDIN BINARY", table.name, table.column_list());
                copies.push((table.name, client.prepare(&sql).await?));
            }
            let clock = Clock::start();
            client.batch_execute("BEGIN").await?;
            for (number, batch) in batches.iter().enumerate() {
                for table in batch {
                    let Some((_, copy)) = copies.iter().find(|(name, _)| *name == table.name) else { continue };
                    let sink = client.copy_in::<_, Bytes>(copy).await?;
                    let mut sink = pin!(sink);
                    let mut buffer = BytesMut::with_capacity(CHUNK + CHUNK / 4);
                    buffer.put_slice(b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0");
                    for row in &table.rows {
                        buffer.put_i16(row.len().try_into()?);
                        for cell in row {
                            put(&mut buffer, cell)?;
                        }
                        if buffer.len() >= CHUNK {
                            sink.send(buffer.split().freeze()).await?;
                        }
                    }
                    buffer.put_i16(-1);
                    sink.send(buffer.freeze()).await?;
                    sink.finish().await?;
                }
                let end = if number + 1 == batches.len() { "COMMIT" } else { "COMMIT; BEGIN" };
                client.batch_execute(end).await?;
            }
            Ok(clock.stop())
        })
    }
}

async fn client(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    // Ends when the client is dropped; what goes wrong before is the client's error too.
    tokio::spawn(connection);
    Ok(client)
}

fn cell(row: &tokio_postgres::Row, column: usize) -> Result<Cell> {
    let kind = row.columns()[column].type_();
    let value = match *kind {
        Type::BOOL => row.try_get::<_, Option<bool>>(column)?.map(Cell::Bool),
        Type::INT2 => row.try_get::<_, Option<i16>>(column)?.map(Cell::I16),
        Type::INT4 => row.try_get::<_, Option<i32>>(column)?.map(Cell::I32),
        Type::INT8 => row.try_get::<_, Option<i64>>(column)?.map(Cell::I64),
        Type::FLOAT8 => row.try_get::<_, Option<f64>>(column)?.map(Cell::F64),
        Type::TEXT => row.try_get::<_, Option<String>>(column)?.map(Cell::Text),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(column)?.map(Cell::Bytes),
        _ => anyhow::bail!("a column of the unknown type {kind}"),
    };
    Ok(value.unwrap_or(Cell::Null))
}

/// The length and the value, as `COPY` reads them.
fn put(buffer: &mut BytesMut, cell: &Cell) -> Result<()> {
    match cell {
        Cell::Null => buffer.put_i32(-1),
        Cell::Bool(value) => {
            buffer.put_i32(1);
            buffer.put_u8((*value).into());
        }
        Cell::I16(value) => {
            buffer.put_i32(2);
            buffer.put_i16(*value);
        }
        Cell::I32(value) => {
            buffer.put_i32(4);
            buffer.put_i32(*value);
        }
        Cell::I64(value) => {
            buffer.put_i32(8);
            buffer.put_i64(*value);
        }
        Cell::F64(value) => {
            buffer.put_i32(8);
            buffer.put_f64(*value);
        }
        Cell::Text(text) => {
            buffer.put_i32(text.len().try_into()?);
            buffer.put_slice(text.as_bytes());
        }
        Cell::Bytes(bytes) => {
            buffer.put_i32(bytes.len().try_into()?);
            buffer.put_slice(bytes);
        }
    }
    Ok(())
}
