//! What a statement costs in MySQL and MariaDB: the rows that its storage engine was asked for, which the session counts.

use std::collections::BTreeMap;

use super::cost::{Cost, MOST_SORTED};
use super::heard::Statement;
use crate::sql::Sql;

/// Reads beside those for rows and keys.
const BESIDE: u64 = 24;
/// Reads for a row: in the index, and of the row.
const FOR_A_ROW: u64 = 2;
/// Reads for a key that is looked up.
const FOR_A_KEY: u64 = 4;

pub(super) fn cost(sql: &mut Sql, statement: &Statement) -> Cost {
    let literal = statement.with_literals();
    let counted = sql.lines(&format!("SELECT CAST(COUNT(*) AS CHAR) AS line FROM ({literal}) AS asked"));
    let rows: u64 = counted[0].parse().unwrap();
    // To ask for the counters counts too.
    let (first, second) = (counters(sql), counters(sql));
    sql.execute(&literal);
    let third = counters(sql);
    let of = |name: &str| {
        let value = |counters: &BTreeMap<String, u64>| counters.get(name).copied().unwrap_or_default();
        (value(&third) - value(&second)).saturating_sub(value(&second) - value(&first))
    };
    let reads: u64 = third.keys().filter(|name| name.starts_with("Handler_read_")).map(|name| of(name)).sum();
    let keys = statement.keys();
    let mut findings = Vec::new();
    let most = BESIDE + rows * FOR_A_ROW + keys * FOR_A_KEY;
    if reads > most {
        findings.push(format!("{reads} reads for {rows} rows and {keys} values, at most {most}"));
    }
    if of("Handler_read_rnd_next") > rows + 1 {
        findings.push(format!("reads {} rows of a table in no order", of("Handler_read_rnd_next")));
    }
    if of("Sort_rows") > MOST_SORTED {
        findings.push(format!("sorts {} rows", of("Sort_rows")));
    }
    if !findings.is_empty() {
        findings.push(sql.explained(&format!("EXPLAIN FORMAT=JSON {literal}")));
    }
    Cost { rows, work: reads, findings }
}

fn counters(sql: &mut Sql) -> BTreeMap<String, u64> {
    let all = ["Handler_read%", "Sort_rows"].map(|like| sql.variables(&format!("SHOW SESSION STATUS LIKE '{like}'")));
    all.into_iter().flatten().filter_map(|(name, value)| Some((name, value.parse().ok()?))).collect()
}
