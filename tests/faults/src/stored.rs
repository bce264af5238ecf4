//! What is in a database, asked by its own driver and not by the crate that is being watched.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mysql_async::prelude::Queryable as _;

use crate::PATIENCE;
use crate::spans::Run;

/// The spans of a run that are stored.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// How often each is there, by number.
    numbers: HashMap<u64, u64>,
    /// Traces whose summary counts other spans than there are.
    pub(crate) wrong_summaries: u64,
}

impl Stored {
    pub(crate) fn has(&self, number: u64) -> bool {
        self.numbers.contains_key(&number)
    }

    /// Different ones.
    pub(crate) fn len(&self) -> u64 {
        self.numbers.len() as u64
    }

    /// Those that are there more than once.
    pub(crate) fn twice(&self) -> u64 {
        self.numbers.values().filter(|count| **count > 1).count() as u64
    }

    pub(crate) fn of(url: &str, run: Run) -> Result<Self> {
        let names = format!("SELECT name FROM spans WHERE name LIKE '{}%'", run.prefix());
        let prefix = run.prefix();
        let mut stored = Self::default();
        for name in texts(url, &names)? {
            let number = name.strip_prefix(&prefix).and_then(|number| number.parse().ok());
            *stored.numbers.entry(number.with_context(|| format!("a span is named {name:?}"))?).or_default() += 1;
        }
        let wrong =
            "SELECT t.name FROM traces t LEFT JOIN (SELECT trace_id, count(*) AS n FROM spans GROUP BY trace_id) s
                     ON s.trace_id = t.trace_id WHERE t.span_count <> COALESCE(s.n, 0)";
        stored.wrong_summaries = texts(url, wrong)?.len() as u64;
        Ok(stored)
    }
}

/// Rows, and different names among them, where there are too many to carry.
pub(crate) fn counts(url: &str, run: Run) -> Result<(u64, u64)> {
    let from = format!("FROM spans WHERE name LIKE '{}%'", run.prefix());
    let count = |what: &str| -> Result<u64> {
        let cast = if url.starts_with("mysql") { "CHAR" } else { "TEXT" };
        let rows = texts(url, &format!("SELECT CAST({what} AS {cast}) {from}"))?;
        Ok(rows.first().context("no count")?.parse()?)
    };
    Ok((count("count(*)")?, count("count(DISTINCT name)")?))
}

/// The first column of a query. A server that was killed a moment ago may turn away who comes too early.
pub(crate) fn texts(url: &str, query: &str) -> Result<Vec<String>> {
    let begun = Instant::now();
    loop {
        match try_texts(url, query) {
            Ok(rows) => return Ok(rows),
            Err(error) if begun.elapsed() > Duration::from_secs(20) => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

fn try_texts(url: &str, query: &str) -> Result<Vec<String>> {
    if let Some(file) = url.strip_prefix("sqlite://") {
        let connection = rusqlite::Connection::open(file)?;
        connection.busy_timeout(Duration::from_secs(20))?;
        let mut statement = connection.prepare(query)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        return Ok(rows.collect::<rusqlite::Result<_>>()?);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // A server that was left frozen would not answer at all.
    runtime.block_on(async { tokio::time::timeout(PATIENCE, ask(url, query)).await })?
}

async fn ask(url: &str, query: &str) -> Result<Vec<String>> {
    if url.starts_with("mysql") {
        let options = mysql_async::OptsBuilder::from_opts(mysql_async::Opts::from_url(url)?).prefer_socket(false);
        let mut connection = mysql_async::Conn::new(options).await?;
        let rows: Vec<Vec<u8>> = connection.query(query).await?;
        connection.disconnect().await?;
        return Ok(rows.into_iter().map(|row| String::from_utf8_lossy(&row).into_owned()).collect());
    }
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let carrying = tokio::spawn(connection);
    let rows = client.query(query, &[]).await?;
    drop(client);
    let _ = carrying.await;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}
