//! Rows as lists of cells: what the servers' bulk statements are made of, whatever the table.

use crate::store::rows::{ContentRow, FacetRow, ProcessRow, ResourceRow, ScopeRow, SessionRow, SpanRow, TraceRow};

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
    /// The columns of the primary key.
    const KEY: &'static [&'static str];
    /// All columns.
    const COLUMNS: &'static [&'static str];
    /// How each column's value is read, in the same order.
    const CELLS: &'static [fn(&Self) -> Cell<'_>];

    /// The row's values, in the order of the columns.
    fn cells(&self) -> impl Iterator<Item = Cell<'_>> {
        Self::CELLS.iter().map(move |cell| cell(self))
    }

    /// About what the row costs on the wire.
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

macro_rules! row {
    ($row:ty, $table:literal, key [$($key:ident),+], [$($column:ident),+ $(,)?]) => {
        impl Row for $row {
            const TABLE: &'static str = $table;
            const KEY: &'static [&'static str] = &[$(stringify!($key)),+];
            const COLUMNS: &'static [&'static str] = &[$(stringify!($column)),+];
            const CELLS: &'static [fn(&Self) -> Cell<'_>] = &[$(|row| row.$column.as_cell()),+];
        }
    };
}

row!(SpanRow, "spans", key [trace_id, span_id, start_day], [trace_id, span_id, start_day, parent_span_id, parent_is_remote, name, display_name, kind, kind_source, operation, otel_kind, state, status_code, status_message, error_type, start_ns, end_ns, run_id, session_id, conversation_id, user_id, agent_id, agent_name, team_id, team_name, workflow_id, workflow_name, provider, request_model, response_model, tool_name, tool_call_id, input_tokens, output_tokens, total_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, usage_basis, usage_counted, usage_below, calls_below, cost_nano_usd, cost_source, price_version, time_to_first_token_ns, truncated_bytes, dropped_count, scope_id, resource_id, process_id, sequence, service_name, inherited_ids, version_hash, created_ns]);
row!(ContentRow, "span_contents", key [trace_id, span_id, start_day], [trace_id, span_id, start_day, encoding, attributes, events, links, extra]);
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
        output_preview
    ]
);
row!(FacetRow, "trace_facets", key [trace_id, field, value], [trace_id, field, value, start_ns, span_count]);
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
        cost_nano_usd
    ]
);
row!(ResourceRow, "resources", key[resource_id], [resource_id, service_name, attributes, schema_url]);
row!(ScopeRow, "scopes", key[scope_id], [scope_id, name, version, attributes, schema_url]);
row!(ProcessRow, "processes", key[process_id], [process_id, pid, host, started_ns, heartbeat_ns, ended_ns]);
