//! What a statement costs in PostgreSQL: the pages that it looks at, by `EXPLAIN (ANALYZE, BUFFERS)`.
//!
//! It is asked twice: with a plan for these values, and with the plan for any, which the server may take once it has prepared a statement.

use serde_json::Value;

use super::cost::{BIG_TABLES, Cost, MOST_SORTED};
use super::heard::Statement;
use crate::sql::Sql;

/// Pages for a statement that walks along an index.
const FOR_A_PAGE: u64 = 40;
/// Pages for a key that is looked up: down the index, and the row.
const FOR_A_KEY: u64 = 5;

pub(super) fn cost(sql: &mut Sql, statement: &Statement) -> Cost {
    sql.execute(&format!("PREPARE asked AS {}", statement.sql));
    let types =
        sql.lines("SELECT unnest(parameter_types)::text AS line FROM pg_prepared_statements WHERE name = 'asked'");
    let values: Vec<String> = statement.binds.iter().zip(&types).map(|(bind, name)| bind.of_type(name)).collect();
    let call = if values.is_empty() { "asked".to_owned() } else { format!("asked({})", values.join(", ")) };
    let mut cost = Cost::default();
    for mode in ["force_custom_plan", "force_generic_plan"] {
        sql.execute(&format!("SET plan_cache_mode = {mode}"));
        let explained = sql.explained(&format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) EXECUTE {call}"));
        let explained: Value = serde_json::from_str(&explained).unwrap();
        let plan = &explained[0]["Plan"];
        let pages = pages(plan);
        cost.rows = number(plan, "Actual Rows");
        cost.work = cost.work.max(pages);
        let keys = statement.keys().saturating_sub(8);
        let most = FOR_A_PAGE + keys * FOR_A_KEY;
        if pages > most {
            cost.findings.push(format!("{mode}: {pages} pages for {} rows and {keys} keys, at most {most}", cost.rows));
        }
        look(plan, mode, &mut cost.findings);
    }
    sql.execute("DEALLOCATE asked");
    cost
}

/// Looks through a node and those below it.
fn look(node: &Value, mode: &str, findings: &mut Vec<String>) {
    let (kind, table) = (text(node, "Node Type"), text(node, "Relation Name"));
    // Or a partition of it.
    let is_big = |table: &str| {
        BIG_TABLES
            .iter()
            .any(|big| table.strip_prefix(big).is_some_and(|rest| rest.is_empty() || rest.starts_with('_')))
    };
    // A table of a few pages may be read whole.
    if kind == "Seq Scan" && is_big(table) && pages(node) > FOR_A_PAGE {
        findings.push(format!("{mode}: reads all of {table}"));
    }
    if kind.ends_with("Sort") && number(node, "Actual Rows") > MOST_SORTED {
        findings.push(format!("{mode}: sorts {} rows", number(node, "Actual Rows")));
    }
    for below in node["Plans"].as_array().into_iter().flatten() {
        look(below, mode, findings);
    }
}

/// Pages that a node and those below it looked at.
fn pages(node: &Value) -> u64 {
    number(node, "Shared Hit Blocks") + number(node, "Shared Read Blocks")
}

fn text<'a>(node: &'a Value, key: &str) -> &'a str {
    node[key].as_str().unwrap_or_default()
}

/// A whole number, which newer servers write with a fraction.
fn number(node: &Value, key: &str) -> u64 {
    node[key].as_f64().map_or(0, |number| format!("{number:.0}").parse().unwrap())
}
