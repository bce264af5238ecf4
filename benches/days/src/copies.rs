//! More of the same: copies of what a database holds, moved to later days.
//!
//! Where millions of spans are wanted, writing each through the pipeline takes its time. A copy is rows of the same shape and size, made by the
//! database itself: times and days are moved, the upper bytes of a trace's id with them, and runs, sessions and conversations get ids of their own. Users, agents and the like
//! come back, as in life.

use crate::DAY;

/// Which SQL a database speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL and MariaDB.
    Mysql,
}

/// The tables that are copied, parents of nothing: in any order.
pub const TABLES: [&str; 7] =
    ["traces", "spans", "span_contents", "trace_facets", "sessions", "content_days", "content_parts"];

/// Columns that hold a point in time.
const TIMES: [&str; 9] = [
    "start_ns",
    "end_ns",
    "last_ns",
    "time_ns",
    "created_ns",
    "root_start_ns",
    "run_first_ns",
    "session_first_ns",
    "user_first_ns",
];
/// Columns with ids that no two copies share.
const OWN: [&str; 3] = ["run_id", "session_id", "conversation_id"];

/// The query for a table's columns, a name a row.
#[must_use]
pub fn columns_query(dialect: Dialect, table: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("SELECT name AS line FROM pragma_table_info('{table}')"),
        Dialect::Postgres => format!(
            "SELECT column_name::text AS line FROM information_schema.columns
             WHERE table_schema = current_schema() AND table_name = '{table}' ORDER BY ordinal_position"
        ),
        Dialect::Mysql => format!(
            "SELECT column_name AS line FROM information_schema.columns
             WHERE table_schema = DATABASE() AND table_name = '{table}' ORDER BY ordinal_position"
        ),
    }
}

/// The statement that adds to a table its rows of before `until_ns` once more, `number` times `days` days later.
///
/// The `days` are at least as many as the rows are spread over, so that no day gets rows of two copies.
#[must_use]
pub fn statement(dialect: Dialect, table: &str, columns: &[String], days: i64, number: i64, until_ns: i64) -> String {
    let moved = Moved { dialect, days: days * number, number };
    let values: Vec<String> = columns.iter().map(|column| moved.value(table, column)).collect();
    // A trace's id begins with the time of its start.
    let (traces, bound) = match table {
        "spans" | "span_contents" => (" JOIN traces t ON t.trace_id = x.trace_id", format!("t.start_ns < {until_ns}")),
        "content_days" | "content_parts" => ("", format!("x.start_day < {}", until_ns / DAY)),
        _ => ("", format!("x.start_ns < {until_ns}")),
    };
    let (columns, values) = (columns.join(", "), values.join(", "));
    format!("INSERT INTO {table} ({columns}) SELECT {values} FROM {table} x{traces} WHERE {bound}")
}

/// Where to a copy is moved.
struct Moved {
    dialect: Dialect,
    days: i64,
    number: i64,
}

impl Moved {
    /// What a column has in the copy.
    fn value(&self, table: &str, column: &str) -> String {
        let later = self.days * DAY;
        match column {
            "trace_id" => self.trace_id(if matches!(table, "spans" | "span_contents") { "t" } else { "x" }),
            "start_day" => format!("x.start_day + {}", self.days),
            "value" => {
                let own = OWN.map(|column| format!("'{}'", column.trim_end_matches("_id"))).join(", ");
                format!("CASE WHEN x.field IN ({own}) THEN {} ELSE x.value END", self.own("x.value"))
            }
            column if TIMES.contains(&column) => format!("x.{column} + {later}"),
            column if OWN.contains(&column) => self.own(&format!("x.{column}")),
            column => format!("x.{column}"),
        }
    }

    /// An id that no other copy has; NULL stays.
    fn own(&self, column: &str) -> String {
        match self.dialect {
            Dialect::Sqlite | Dialect::Postgres => format!("{column} || '-{}'", self.number),
            Dialect::Mysql => format!("CONCAT({column}, '-{}')", self.number),
        }
    }

    /// The milliseconds of the start, and the rest as it was.
    fn trace_id(&self, start_of: &str) -> String {
        let start = format!("({start_of}.start_ns + {})", self.days * DAY);
        match self.dialect {
            Dialect::Sqlite => {
                format!("unhex(printf('%012x', {start} / 1000000) || substr(hex(x.trace_id), 13))")
            }
            Dialect::Postgres => format!(
                "decode(lpad(to_hex({start} / 1000000), 12, '0') || substr(encode(x.trace_id, 'hex'), 13), 'hex')"
            ),
            Dialect::Mysql => {
                format!("UNHEX(CONCAT(LPAD(HEX({start} DIV 1000000), 12, '0'), SUBSTR(HEX(x.trace_id), 13)))")
            }
        }
    }
}
