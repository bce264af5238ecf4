//! Rows as lists of cells: what inserts are made of, whatever the table. Diesel's own inserts walk a row as a tuple of tuples several
//! times for each execution, which costs more than SQLite's work.

use crate::store::rows::{
    ContentRow, DayRow, DeadLetterPartRow, DeadLetterRow, EventRow, FacetRow, IdentityRow, LossRow, PartRow,
    ProcessRow, ResourceRow, RollupRow, ScopeRow, SessionRow, SettledRow, SpanRow, TraceRow,
};

/// One value of a row, as one of the portable types.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Cell<'a> {
    Bytes(Option<&'a [u8]>),
    Text(Option<&'a str>),
    Big(Option<&'a i64>),
    Int(Option<&'a i32>),
    Small(Option<&'a i16>),
    Bool(Option<&'a bool>),
}

/// What becomes of an insert that finds its row's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// The statement fails. It costs databases the least.
    Fail,
    /// The row is replaced.
    Replace,
    /// The row stays as it is.
    Keep,
    /// The row is replaced, but for its [sums](Row::SUMS), which grow by the new row's.
    AddUp,
}

/// The same as a type, so that each kind of insert is a statement of its own, which the connection can keep prepared.
pub(crate) trait OnConflict: std::fmt::Debug + Send + Sync + 'static {
    const CONFLICT: Conflict;
}

macro_rules! on_conflict {
    ($($name:ident),+) => {
        $(#[doc = concat!("[`Conflict::", stringify!($name), "`]")]
        #[derive(Debug)]
        pub(crate) enum $name {}

        impl OnConflict for $name {
            const CONFLICT: Conflict = Conflict::$name;
        })+
    };
}

on_conflict!(Fail, Replace, Keep, AddUp);

/// Pushes the assignments to all columns of a row whose key was found. `new` stands around the name of a column whose new value is
/// meant, `stored` before one whose stored value is.
pub(super) fn assign<R: Row, C: OnConflict>(mut push: impl FnMut(&str), stored: [&str; 2], new: [&str; 2]) {
    for (place, column) in R::COLUMNS.split(", ").enumerate() {
        push(if place == 0 { "" } else { ", " });
        push(column);
        push(" = ");
        if C::CONFLICT == Conflict::AddUp && R::SUMS.contains(&column) {
            stored.into_iter().chain([column, " + "]).for_each(&mut push);
        }
        [new[0], column, new[1]].into_iter().for_each(&mut push);
    }
}

#[cfg(any(feature = "sqlite", feature = "mysql"))]
impl Cell<'_> {
    /// About what the value costs on the wire.
    pub(crate) const fn size(&self) -> usize {
        match self {
            Self::Bytes(Some(bytes)) => bytes.len(),
            Self::Text(Some(text)) => text.len(),
            _ => 8,
        }
    }
}

/// A row of one of the tables.
pub(crate) trait Row: std::fmt::Debug + Send + Sync + 'static {
    const TABLE: &'static str;
    /// The columns of the primary key: `a, b`.
    const KEY: &'static str;
    /// All columns: `a, b, c`.
    const COLUMNS: &'static str;
    /// The columns that can [add up](Conflict::AddUp).
    const SUMS: &'static [&'static str] = &[];
    /// How each column's value is read, in the order of the columns.
    const CELLS: &'static [fn(&Self) -> Cell<'_>];

    /// The row's values, in the order of the columns.
    #[cfg(any(feature = "sqlite", feature = "mysql"))]
    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        Self::CELLS.iter().map(move |cell| cell(self))
    }

    /// About what the row costs on the wire.
    #[cfg(any(feature = "sqlite", feature = "mysql"))]
    fn size(&self) -> usize {
        self.cells().map(|cell| cell.size()).sum()
    }
}

/// A field of a row.
trait AsCell {
    fn as_cell(&self) -> Cell<'_>;
}

macro_rules! as_cell {
    ($($field:ty => $cell:ident, $value:ident => $read:expr;)+) => {
        $(impl AsCell for $field {
            fn as_cell(&self) -> Cell<'_> {
                let $value = self;
                Cell::$cell(Some($read))
            }
        }

        impl AsCell for Option<$field> {
            fn as_cell(&self) -> Cell<'_> {
                Cell::$cell(self.as_ref().map(|$value| $read))
            }
        })+
    };
}

as_cell! {
    Vec<u8> => Bytes, bytes => bytes.as_slice();
    String => Text, text => text.as_str();
    i64 => Big, number => number;
    i32 => Int, number => number;
    i16 => Small, number => number;
    bool => Bool, value => value;
}

/// Binds a value in a statement.
#[cfg(any(feature = "sqlite", feature = "mysql"))]
macro_rules! push_cell {
    ($out:expr, $cell:expr) => {{
        use diesel::sql_types::{BigInt, Binary, Bool, Integer, Nullable, SmallInt, Text};
        use $crate::store::dialect::cell::Cell;
        match $cell {
            Cell::Bytes(Some(bytes)) => $out.push_bind_param::<Binary, [u8]>(bytes),
            Cell::Bytes(None) => $out.push_bind_param::<Nullable<Binary>, Option<&[u8]>>(&None),
            Cell::Text(Some(text)) => $out.push_bind_param::<Text, str>(text),
            Cell::Text(None) => $out.push_bind_param::<Nullable<Text>, Option<&str>>(&None),
            Cell::Big(Some(number)) => $out.push_bind_param::<BigInt, i64>(number),
            Cell::Big(None) => $out.push_bind_param::<Nullable<BigInt>, Option<i64>>(&None),
            Cell::Int(Some(number)) => $out.push_bind_param::<Integer, i32>(number),
            Cell::Int(None) => $out.push_bind_param::<Nullable<Integer>, Option<i32>>(&None),
            Cell::Small(Some(number)) => $out.push_bind_param::<SmallInt, i16>(number),
            Cell::Small(None) => $out.push_bind_param::<Nullable<SmallInt>, Option<i16>>(&None),
            Cell::Bool(Some(value)) => $out.push_bind_param::<Bool, bool>(value),
            Cell::Bool(None) => $out.push_bind_param::<Nullable<Bool>, Option<bool>>(&None),
        }
    }};
}
#[cfg(any(feature = "sqlite", feature = "mysql"))]
pub(super) use push_cell;

macro_rules! row {
    ($row:ty, $table:literal, key [$key:ident $(, $keys:ident)*], $(sums [$($sum:ident),+],)? [$column:ident $(, $columns:ident)* $(,)?]) => {
        impl Row for $row {
            const TABLE: &'static str = $table;
            const KEY: &'static str = concat!(stringify!($key) $(, ", ", stringify!($keys))*);
            const COLUMNS: &'static str = concat!(stringify!($column) $(, ", ", stringify!($columns))*);
            $(const SUMS: &'static [&'static str] = &[$(stringify!($sum)),+];)?
            const CELLS: &'static [fn(&Self) -> Cell<'_>] =
                &[|row| row.$column.as_cell() $(, |row| row.$columns.as_cell())*];
        }
    };
}

row!(SpanRow, "spans", key [trace_id, span_id, start_day], [trace_id, span_id, start_day, parent_span_id, parent_is_remote, name, display_name, kind, kind_source, operation, otel_kind, state, status_code, status_message, error_type, start_ns, end_ns, run_id, session_id, conversation_id, user_id, agent_id, agent_name, team_id, team_name, workflow_id, workflow_name, provider, request_model, response_model, tool_name, tool_call_id, input_tokens, output_tokens, total_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, usage_basis, usage_counted, usage_below, calls_below, cost_nano_usd, cost_source, price_version, time_to_first_token_ns, truncated_bytes, dropped_count, scope_id, resource_id, process_id, sequence, service_name, inherited_ids, version_hash, created_ns, adopted_by, cost_counted, costs_below, cost_calls_below, step_name]);
row!(ContentRow, "span_contents", key [trace_id, span_id, start_day], [trace_id, span_id, start_day, encoding, attributes, events, links, extra, told, derived, verbatim]);
row!(EventRow, "span_events", key [trace_id, span_id, event_id], [trace_id, span_id, event_id, time_ns, created_ns, event]);
row!(
    TraceRow,
    "traces",
    key[trace_id],
    [
        trace_id,
        name,
        root_span_id,
        root_class,
        root_start_ns,
        start_ns,
        end_ns,
        duration_ns,
        status,
        span_count,
        error_count,
        open_count,
        interrupted_count,
        input_tokens,
        output_tokens,
        total_tokens,
        cache_read_tokens,
        cache_write_tokens,
        reasoning_tokens,
        cost_nano_usd,
        run_id,
        run_first_ns,
        session_id,
        session_first_ns,
        user_id,
        user_first_ns,
        agent_id,
        agent_name,
        team_id,
        team_name,
        workflow_id,
        workflow_name,
        joined_to,
        input_preview,
        output_preview,
        structured_count,
        unpriced_count,
    ]
);
row!(FacetRow, "trace_facets", key [trace_id, field, value], sums [span_count], [trace_id, field, value, start_ns, span_count]);
row!(
    SessionRow,
    "sessions",
    key[session_id],
    [
        session_id,
        user_id,
        user_first_ns,
        start_ns,
        last_ns,
        trace_count,
        error_trace_count,
        span_count,
        input_tokens,
        output_tokens,
        total_tokens,
        cache_read_tokens,
        cache_write_tokens,
        reasoning_tokens,
        cost_nano_usd,
        unpriced_count
    ]
);
row!(ResourceRow, "resources", key[resource_id], [resource_id, service_name, attributes, schema_url, extra, verbatim]);
row!(ScopeRow, "scopes", key[scope_id], [scope_id, name, version, attributes, schema_url, extra, verbatim]);
// What others say of a process (`settled_ns`) is no part of what it says of itself.
row!(
    ProcessRow,
    "processes",
    key[process_id],
    [process_id, pid, host, started_ns, heartbeat_ns, ended_ns, interval_ns, rolls_up]
);
row!(LossRow, "losses", key [process_id, number], [process_id, number, reason, span_count, accepted_count, from_ns, to_ns]);
row!(DeadLetterRow, "dead_letters", key [process_id, sequence], [process_id, sequence, trace_id, span_id, name, reason, error, time_ns, payload_bytes]);
row!(DeadLetterPartRow, "dead_letter_parts", key [process_id, sequence, part], [process_id, sequence, part, time_ns, payload]);
row!(SettledRow, "settled_sequences", key [process_id, first_sequence, set_id], [process_id, first_sequence, set_id, last_sequence, span_count, runs]);
row!(PartRow, "content_parts", key [start_day, digest], [start_day, digest, is_list, kept_by, bytes]);
row!(DayRow, "content_days", key[start_day], [start_day, sweep, is_swept, leftovers]);
row!(RollupRow, "rollups", key [level, start_ns, part], [level, start_ns, part, version, cells]);
row!(IdentityRow, "trace_identity", key[name], [name, identity]);
