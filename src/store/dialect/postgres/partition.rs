//! Span tables in one partition a day or a week: old days go as whole tables, and the indexes of new days stay small.
//!
//! The layout is chosen when the tables are made and noted in the comment of `spans`, so every program that opens the database later
//! keeps it up. No statement depends on it. What no partition is made for, a clock that is wrong by months, goes into the default one.

use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Integer, Nullable, Text};

use super::PostgresConnection;
use crate::model::DAY_NS;
use crate::store::rollup::level;
use crate::store::schema::{rollups, trace_schema};
use crate::store::url::Partition;

/// The tables whose rows belong to a day. Their partitions come and go together.
const TABLES: [&str; 2] = ["spans", "span_contents"];
/// Partitions that are there before their time, in days.
const AHEAD_DAYS: i32 = 14;
/// How long a change of the partitions may wait for somebody's long transaction, and keep others waiting behind it.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '2s'";
/// How long writers and readers may be kept waiting behind a day that is to be dropped, while somebody holds it. What is asked under the
/// lock takes some milliseconds; should it not, because very many traces are older, that ends as well.
const SHORT_LOCK: &str = "SET LOCAL lock_timeout = '50ms'; SET LOCAL statement_timeout = '500ms'";
/// How often a day is tried, and the pause after each time, in which whoever was kept waiting goes on.
const DROP_TRIES: u32 = 8;
const DROP_PAUSE: Duration = Duration::from_millis(50);

#[derive(QueryableByName)]
struct Definition {
    #[diesel(sql_type = Text)]
    definition: String,
}

#[derive(QueryableByName)]
struct Comment {
    #[diesel(sql_type = Nullable<Text>)]
    comment: Option<String>,
}

#[derive(QueryableByName)]
struct Count {
    #[diesel(sql_type = BigInt)]
    count: i64,
}

/// The days that a partition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Days {
    first: i32,
    /// The day after the last.
    end: i32,
}

impl Days {
    /// The partition that holds a day.
    fn around(day: i32, partition: Partition) -> Self {
        let first = day - day.rem_euclid(partition.days());
        Self { first, end: first + partition.days() }
    }

    /// As PostgreSQL shows the bounds: `FOR VALUES FROM (20779) TO (20780)`; none for the default partition.
    fn from_bounds(bounds: &str) -> Option<Self> {
        let (first, end) = bounds.strip_prefix("FOR VALUES FROM (")?.strip_suffix(')')?.split_once(") TO (")?;
        let number = |text: &str| text.trim_matches('\'').parse().ok();
        Some(Self { first: number(first)?, end: number(end)? })
    }

    /// `spans_day_20779`: a name that sorts by time, and needs no calendar.
    fn table(self, parent: &str) -> String {
        format!("{parent}_day_{}", self.first)
    }
}

/// Lays the new, empty span tables out in partitions.
pub(crate) fn partition(connection: &mut PostgresConnection, partition: Partition) -> QueryResult<()> {
    for table in TABLES {
        let keys = definitions(
            connection,
            "SELECT format('ALTER TABLE %I ADD CONSTRAINT %I %s', $1, conname, pg_get_constraintdef(oid)) AS definition
             FROM pg_constraint WHERE conrelid = to_regclass($1) AND contype = 'p'",
            table,
        )?;
        let indexes = definitions(
            connection,
            "SELECT pg_get_indexdef(indexrelid) AS definition
             FROM pg_index WHERE indrelid = to_regclass($1) AND NOT indisprimary",
            table,
        )?;
        connection.batch_execute(&format!(
            "ALTER TABLE {table} RENAME TO {table}_plain;
             CREATE TABLE {table} (LIKE {table}_plain INCLUDING DEFAULTS INCLUDING STORAGE)
                 PARTITION BY RANGE (start_day);
             DROP TABLE {table}_plain;
             CREATE TABLE {table}_default PARTITION OF {table} DEFAULT;
             {};",
            [keys, indexes].concat().join(";\n")
        ))?;
    }
    connection.batch_execute(&format!("COMMENT ON TABLE spans IS 'partition={}'", partition.as_str()))
}

/// Makes the partitions of `today` and the days after it, where the tables are partitioned; what the default partition holds of them moves
/// over.
pub(super) fn make_ahead(connection: &mut PostgresConnection, today: i32) -> QueryResult<()> {
    let Some(layout) = layout(connection)? else { return Ok(()) };
    let made = partitions(connection)?;
    let mut day = today;
    while day <= today + AHEAD_DAYS {
        let days = Days::around(day, layout);
        if !made.contains(&days) {
            connection.transaction(|connection| make(connection, days))?;
        }
        day = days.end;
    }
    Ok(())
}

fn make(connection: &mut PostgresConnection, days: Days) -> QueryResult<()> {
    connection.batch_execute(LOCK_TIMEOUT)?;
    lock(connection)?;
    if is_made(connection, days)? {
        return Ok(());
    }
    let Days { first, end } = days;
    for table in TABLES {
        let partition = days.table(table);
        connection.batch_execute(&format!(
            "CREATE TABLE {partition} (LIKE {table} INCLUDING ALL);
             LOCK TABLE {table}_default IN ACCESS EXCLUSIVE MODE;
             WITH moved AS (DELETE FROM {table}_default WHERE start_day >= {first} AND start_day < {end} RETURNING *)
                 INSERT INTO {partition} SELECT * FROM moved;
             ALTER TABLE {table} ATTACH PARTITION {partition} FOR VALUES FROM ({first}) TO ({end});"
        ))?;
    }
    Ok(())
}

/// Drops the partitions that hold nothing but spans of traces whose last activity lies before a time; returns how many spans went. Their
/// traces' summaries stay for the caller to delete.
pub(super) fn drop_old(connection: &mut PostgresConnection, before_ns: i64) -> QueryResult<u64> {
    if layout(connection)?.is_none() {
        return Ok(0);
    }
    let mut dropped = 0;
    for days in partitions(connection)? {
        if i64::from(days.end).saturating_mul(DAY_NS) > before_ns {
            continue;
        }
        // Asked without a lock first: counting takes as long as the day is large, and days that stay should keep nobody waiting.
        if is_young(connection, days, before_ns)? {
            continue;
        }
        let spans = count(connection, days)?;
        if try_drop(connection, days, before_ns) {
            dropped += spans;
        }
    }
    Ok(dropped)
}

/// Drops a day while nobody holds it. Whether it is gone.
fn try_drop(connection: &mut PostgresConnection, days: Days, before_ns: i64) -> bool {
    for left in (0..DROP_TRIES).rev() {
        match connection.transaction(|connection| drop_if_old(connection, days, before_ns)) {
            Ok(is_dropped) => return is_dropped,
            Err(_) if left > 0 => std::thread::sleep(DROP_PAUSE),
            Err(_) => {}
        }
    }
    false
}

fn drop_if_old(connection: &mut PostgresConnection, days: Days, before_ns: i64) -> QueryResult<bool> {
    connection.batch_execute(SHORT_LOCK)?;
    lock(connection)?;
    if !is_made(connection, days)? {
        return Ok(false);
    }
    let [spans, contents] = TABLES.map(|table| days.table(table));
    // Who writes into these days has committed after this, or waits and then finds the default partition.
    connection.batch_execute(&format!(
        "LOCK TABLE ONLY spans, ONLY span_contents, {spans}, {contents} IN ACCESS EXCLUSIVE MODE"
    ))?;
    if is_young(connection, days, before_ns)? {
        return Ok(false);
    }
    forget_rollups(connection, days)?;
    connection.batch_execute(&format!("DROP TABLE {spans}; DROP TABLE {contents};"))?;
    Ok(true)
}

/// Takes away the roll-ups of days that are dropped. Whoever folds them holds that row, and is done after this.
fn forget_rollups(connection: &mut PostgresConnection, days: Days) -> QueryResult<()> {
    let [from_ns, until_ns] = [days.first, days.end].map(|day| i64::from(day).saturating_mul(DAY_NS));
    let folding = rollups::table.filter(rollups::level.eq(level::FOLDING));
    diesel::update(folding).set(rollups::version.eq(rollups::version + 1)).execute(connection)?;
    let gone = rollups::table
        .filter(rollups::level.le(level::DAY))
        .filter(rollups::start_ns.ge(from_ns))
        .filter(rollups::start_ns.lt(until_ns));
    diesel::delete(gone).execute(connection).map(drop)
}

/// Whether a trace may have a span in these days and activity since a time.
fn is_young(connection: &mut PostgresConnection, days: Days, before_ns: i64) -> QueryResult<bool> {
    let young = diesel::sql_query(
        "SELECT count(*) AS count FROM (
             SELECT 1 FROM traces
             WHERE start_ns < $1 AND (start_ns >= $2 OR end_ns >= $2 OR open_count > 0)
             LIMIT 1) AS young",
    );
    let end_ns = i64::from(days.end).saturating_mul(DAY_NS);
    Ok(young.bind::<BigInt, _>(end_ns).bind::<BigInt, _>(before_ns).get_result::<Count>(connection)?.count > 0)
}

fn count(connection: &mut PostgresConnection, Days { first, end }: Days) -> QueryResult<u64> {
    let spans = diesel::sql_query("SELECT count(*) AS count FROM spans WHERE start_day >= $1 AND start_day < $2");
    let Count { count } = spans.bind::<Integer, _>(first).bind::<Integer, _>(end).get_result(connection)?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// One process at a time changes the partitions.
fn lock(connection: &mut PostgresConnection) -> QueryResult<()> {
    let row = trace_schema::table.select(trace_schema::version).filter(trace_schema::version.eq("")).for_update();
    row.load::<String>(connection).map(drop)
}

/// How the span tables are laid out; none when they are plain tables.
fn layout(connection: &mut PostgresConnection) -> QueryResult<Option<Partition>> {
    let comment: Comment = diesel::sql_query(
        "SELECT (SELECT obj_description(oid, 'pg_class') FROM pg_class WHERE oid = to_regclass('spans') AND relkind = 'p')
         AS comment",
    )
    .get_result(connection)?;
    let word = comment.comment.as_deref().and_then(|comment| comment.strip_prefix("partition="));
    Ok(word.and_then(Partition::from_word))
}

fn is_made(connection: &mut PostgresConnection, days: Days) -> QueryResult<bool> {
    Ok(partitions(connection)?.contains(&days))
}

/// The partitions of `spans` but the default one, the oldest first.
fn partitions(connection: &mut PostgresConnection) -> QueryResult<Vec<Days>> {
    let bounds = definitions(
        connection,
        "SELECT pg_get_expr(relpartbound, oid) AS definition
         FROM pg_class JOIN pg_inherits ON inhrelid = oid WHERE inhparent = to_regclass($1)",
        "spans",
    )?;
    let mut partitions: Vec<Days> = bounds.iter().filter_map(|bounds| Days::from_bounds(bounds)).collect();
    partitions.sort_by_key(|days| days.first);
    Ok(partitions)
}

fn definitions(connection: &mut PostgresConnection, query: &str, table: &str) -> QueryResult<Vec<String>> {
    let rows: Vec<Definition> = diesel::sql_query(query).bind::<Text, _>(table).load(connection)?;
    Ok(rows.into_iter().map(|row| row.definition).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_fall_into_partitions() {
        assert_eq!(Days::around(20_779, Partition::Daily), Days { first: 20_779, end: 20_780 });
        let week = Days::around(20_779, Partition::Weekly);
        assert_eq!(week, Days { first: 20_776, end: 20_783 });
        assert_eq!(Days::around(week.end - 1, Partition::Weekly), week);
        assert_eq!(Days::around(-1, Partition::Weekly), Days { first: -7, end: 0 });
    }

    #[test]
    fn bounds_are_read_as_the_server_shows_them() {
        assert_eq!(Days::from_bounds("FOR VALUES FROM (20779) TO (20780)"), Some(Days { first: 20_779, end: 20_780 }));
        assert_eq!(Days::from_bounds("FOR VALUES FROM ('-7') TO (0)"), Some(Days { first: -7, end: 0 }));
        assert_eq!(Days::from_bounds("DEFAULT"), None);
    }
}
