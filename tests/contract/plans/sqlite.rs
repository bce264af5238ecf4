//! What a statement costs in SQLite: the counters that it keeps of each statement.

use rusqlite::types::Value;
use rusqlite::{Connection, StatementStatus};

use super::cost::Cost;
use super::heard::{Bind, Statement};

/// Steps that a statement may take beside its rows: to begin, to read its bounds, to end.
const BESIDE: u64 = 100;
/// Steps for a row beside those for its columns.
const FOR_A_ROW: u64 = 12;
/// Steps for a key that is looked up, whether it is found or not.
const FOR_A_KEY: u64 = 16;

pub(super) fn connect(url: &str) -> Connection {
    Connection::open(url.strip_prefix("sqlite://").unwrap_or(url)).unwrap()
}

/// Runs a statement to its end.
pub(super) fn cost(connection: &Connection, statement: &Statement) -> Cost {
    let mut prepared = connection.prepare(&statement.sql).unwrap();
    let values = statement.binds.iter().map(|bind| match bind {
        Bind::Number(number) => Value::Integer(*number),
        Bind::Text(text) => Value::Text(text.clone()),
        Bind::List(_) => Value::Blob(bind.bytes().unwrap_or_default()),
    });
    let mut rows = 0_u64;
    let mut found = prepared.query(rusqlite::params_from_iter(values)).unwrap();
    while found.next().unwrap().is_some() {
        rows += 1;
    }
    drop(found);
    let status = |status| u64::try_from(prepared.get_status(status)).unwrap();
    let (steps, keys) = (status(StatementStatus::VmStep), statement.keys());
    let columns = prepared.column_count() as u64;
    let mut findings = Vec::new();
    let most = BESIDE + rows * (columns + FOR_A_ROW) + keys * FOR_A_KEY;
    if steps > most {
        findings.push(format!("{steps} steps for {rows} rows of {columns} columns and {keys} values, at most {most}"));
    }
    // A list of everything begins at an end of its index, which counts as a scan. To sort more rows than are shown would cost their steps.
    let scanned = status(StatementStatus::FullscanStep);
    if scanned > rows + 1 {
        findings.push(format!("scans {scanned} rows"));
    }
    if status(StatementStatus::AutoIndex) > 0 {
        findings.push("makes an index of its own".to_owned());
    }
    Cost { rows, work: steps, findings }
}
