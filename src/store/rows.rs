//! Rows: what stands in the tables, field by field, for Diesel queries of your own.

use diesel::prelude::*;

use super::schema::{
    content_days, content_parts, dead_letter_parts, dead_letters, losses, processes, resources, rollups, scopes,
    sessions, settled_sequences, span_contents, span_events, spans, trace_facets, trace_identity, traces,
};
#[cfg(doc)]
use crate::model::{DeadLetterReason, Kind, LossReason, TraceStatus};

/// One row a span: what lists and statistics read. The payload is in `span_contents`.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = spans, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct SpanRow {
    /// The trace, 16 bytes.
    pub trace_id: Vec<u8>,
    /// The span, 8 bytes.
    pub span_id: Vec<u8>,
    /// The UTC day of the start, counted from 1970-01-01; a part of the key, so that tables can be partitioned by it.
    pub start_day: i32,
    /// The parent, 8 bytes; NULL for a root.
    pub parent_span_id: Option<Vec<u8>>,
    /// Whether the parent belongs to another process.
    pub parent_is_remote: bool,
    /// The recorded name.
    pub name: String,
    /// A name for people.
    pub display_name: String,
    /// A word of [`Kind`].
    pub kind: String,
    /// How the kind was found.
    pub kind_source: String,
    /// The operation as the producer named it.
    pub operation: Option<String>,
    /// OpenTelemetry span kind, as OTLP numbers it.
    pub otel_kind: i16,
    /// 0 open, 1 interrupted, 2 closed: the merge rank.
    pub state: i16,
    /// 0 unset, 1 ok, 2 error, as OTLP numbers it.
    pub status_code: i16,
    /// What went wrong.
    pub status_message: String,
    /// `error.type`.
    pub error_type: Option<String>,
    /// Nanoseconds since 1970.
    pub start_ns: i64,
    /// Nanoseconds since 1970; NULL while running.
    pub end_ns: Option<i64>,
    /// Own or inherited.
    pub run_id: Option<String>,
    /// Own or inherited; the conversation where no session is named.
    pub session_id: Option<String>,
    /// Own or inherited.
    pub conversation_id: Option<String>,
    /// Own or inherited.
    pub user_id: Option<String>,
    /// Own or inherited.
    pub agent_id: Option<String>,
    /// Own or inherited.
    pub agent_name: Option<String>,
    /// Own or inherited.
    pub team_id: Option<String>,
    /// Own or inherited.
    pub team_name: Option<String>,
    /// Own or inherited.
    pub workflow_id: Option<String>,
    /// Own or inherited.
    pub workflow_name: Option<String>,
    /// The model provider, in OpenTelemetry's spelling.
    pub provider: Option<String>,
    /// The model that was asked for.
    pub request_model: Option<String>,
    /// The model that answered.
    pub response_model: Option<String>,
    /// The tool.
    pub tool_name: Option<String>,
    /// The id of the tool call.
    pub tool_call_id: Option<String>,
    /// Cached tokens included.
    pub input_tokens: Option<i64>,
    /// Reasoning tokens included.
    pub output_tokens: Option<i64>,
    /// As reported, else input plus output.
    pub total_tokens: Option<i64>,
    /// Read from the provider's cache.
    pub cache_read_tokens: Option<i64>,
    /// Written to the provider's cache.
    pub cache_write_tokens: Option<i64>,
    /// Spent on reasoning.
    pub reasoning_tokens: Option<i64>,
    /// How inclusive and exclusive counts were told apart.
    pub usage_basis: Option<String>,
    /// Whether this span's tokens count in the trace's totals.
    pub usage_counted: bool,
    /// Stored descendants that report tokens.
    pub usage_below: i64,
    /// Stored model calls inside this call (none of them behind a tool or another run) that report tokens.
    pub calls_below: i64,
    /// Billionths of a US dollar; NULL when unknown.
    pub cost_nano_usd: Option<i64>,
    /// Who said so.
    pub cost_source: Option<String>,
    /// The price table of a computed cost.
    pub price_version: Option<String>,
    /// From the start to the first token.
    pub time_to_first_token_ns: Option<i64>,
    /// Bytes that limits cut from the payload.
    pub truncated_bytes: i64,
    /// Attributes, events and links that limits dropped.
    pub dropped_count: i64,
    /// The hash of the scope, 16 bytes.
    pub scope_id: Vec<u8>,
    /// The hash of the resource, 16 bytes.
    pub resource_id: Vec<u8>,
    /// The process, 16 bytes; drawn anew at each start.
    pub process_id: Option<Vec<u8>>,
    /// The span's number in that process; gaps prove losses.
    pub sequence: Option<i64>,
    /// `service.name`.
    pub service_name: Option<String>,
    /// Which ids the span has from stored ancestors, one bit a column from `run_id` to `workflow_name`; bit 10: the session is a conversation;
    /// bit 11: the agent's name came with the span, which does not tell it itself; bit 12: `step_name`.
    pub inherited_ids: i32,
    /// Of two versions of equal state and end, the larger hash stays. Its upper 40 bits tell what the version says, the lower 24 who wrote it.
    pub version_hash: i64,
    /// When the row was written.
    pub created_ns: i64,
    /// What the span stands under in place of its parent, 8 bytes: a synthetic run, or a run that was found to have made it; itself, if it
    /// is nobody's.
    pub adopted_by: Option<Vec<u8>>,
    /// Whether this span's cost counts in the trace's total.
    pub cost_counted: bool,
    /// Stored descendants that have a cost.
    pub costs_below: i64,
    /// Stored model calls inside this call (none of them behind a tool or another run) that have a cost.
    pub cost_calls_below: i64,
    /// Own or inherited: the innermost step.
    pub step_name: Option<String>,
}

/// One row a span: the payload, lossless. `encoding` names the form of the other columns.
///
/// `json`: see `model::canonical`.
///
/// `zstd`: the same, but `attributes`, `events`, `extra` and `verbatim` begin with a byte that says where their content is. 0: it follows. 2: a frame
/// of [zstd](https://www.rfc-editor.org/rfc/rfc8878) follows, with the dictionary that it names: `src/store/content/dictionary/40001.zdict` of this
/// crate.
///
/// `parts` and `zstd-parts`: as `json` and `zstd`, but in `attributes`, `events` and `verbatim` the first byte may also be 1: then the content is to be put
/// together. Then follows its length, as a varint of protobuf, and then entries, one after the other, each with a first byte: from 1 to 64, so
/// many bytes of the content follow; 0, the 20 bytes follow that are the `digest` of the [part](PartRow) of the same `start_day` whose bytes are meant; 128,
/// that of a part which holds entries itself. [`TraceRepository`](crate::TraceRepository) does all that.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = span_contents, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct ContentRow {
    /// The trace, 16 bytes.
    pub trace_id: Vec<u8>,
    /// The span, 8 bytes.
    pub span_id: Vec<u8>,
    /// The UTC day of the start, counted from 1970-01-01; a part of the key, so that tables can be partitioned by it.
    pub start_day: i32,
    /// The form of the other columns: `zstd` or, where a column is large, `zstd-parts`; without compression, and of spans that are not closed,
    /// `json` or `parts`.
    pub encoding: String,
    /// The attributes, in order.
    pub attributes: Vec<u8>,
    /// The events, in order.
    pub events: Vec<u8>,
    /// The links, in order.
    pub links: Vec<u8>,
    /// Trace state, flags, callsite, inherited ids.
    pub extra: Vec<u8>,
    /// What the span tells about spans below it, as JSON.
    pub told: Option<Vec<u8>>,
    /// What other spans tell about this one, and what it said itself where that differs, as JSON.
    pub derived: Option<Vec<u8>>,
    /// What another program sent, as far as no other column says it: an OTLP message in the form that `wire` describes. Holds content.
    pub verbatim: Option<Vec<u8>>,
}

/// One row for each part of large contents. What no span needs any more goes when traces are deleted or pruned.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = content_parts, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct PartRow {
    /// The UTC day of the start of the spans that share it, counted from 1970-01-01.
    pub start_day: i32,
    /// The first 20 bytes of the SHA-256 of one byte (1 for a list, else 0) and `bytes`, not compressed.
    pub digest: Vec<u8>,
    /// Whether `bytes` are entries, as [`ContentRow`] describes them, and no content.
    pub is_list: bool,
    /// The number of the day's sweep that a writer kept it from; 0: of none.
    pub kept_by: i64,
    /// A piece of content, or a frame of zstd of one, as [`ContentRow`] describes it: which of the two, `digest` tells.
    pub bytes: Vec<u8>,
}

/// One row for each day that has parts.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = content_days, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct DayRow {
    /// The UTC day, counted from 1970-01-01.
    pub start_day: i32,
    /// The number of the last sweep.
    pub sweep: i64,
    /// Whether it goes on, or was cut off.
    pub is_swept: bool,
    /// How often something was deleted since, of which parts may be left.
    pub leftovers: i64,
}

/// One row for each event of a span that came as a log record, whether the span is stored or not.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = span_events, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct EventRow {
    /// The trace, 16 bytes.
    pub trace_id: Vec<u8>,
    /// The span, 8 bytes.
    pub span_id: Vec<u8>,
    /// The hash of the event, 16 bytes: one that is sent twice is one row.
    pub event_id: Vec<u8>,
    /// Nanoseconds since 1970; 0 when the record tells no time.
    pub time_ns: i64,
    /// When the row was written.
    pub created_ns: i64,
    /// The event, as one of those in `span_contents.events`. Holds content.
    pub event: Vec<u8>,
}

/// One row a trace: its summary.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = traces, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct TraceRow {
    /// The trace, 16 bytes.
    pub trace_id: Vec<u8>,
    /// The display name of the naming span.
    pub name: String,
    /// The span that names the trace.
    pub root_span_id: Vec<u8>,
    /// 0: a run of an agent, team or workflow names the trace; 1: a span without parent; 2: any span.
    pub root_class: i16,
    /// Start of the naming span.
    pub root_start_ns: i64,
    /// The earliest start of its spans.
    pub start_ns: i64,
    /// The latest end of its spans.
    pub end_ns: Option<i64>,
    /// From start to end.
    pub duration_ns: Option<i64>,
    /// A word of [`TraceStatus`].
    pub status: String,
    /// Spans stored so far.
    pub span_count: i64,
    /// Spans that failed.
    pub error_count: i64,
    /// Spans that are open.
    pub open_count: i64,
    /// Spans whose process died.
    pub interrupted_count: i64,
    /// Cached tokens included.
    pub input_tokens: Option<i64>,
    /// Reasoning tokens included.
    pub output_tokens: Option<i64>,
    /// As reported, else input plus output.
    pub total_tokens: Option<i64>,
    /// Read from the provider's cache.
    pub cache_read_tokens: Option<i64>,
    /// Written to the provider's cache.
    pub cache_write_tokens: Option<i64>,
    /// Spent on reasoning.
    pub reasoning_tokens: Option<i64>,
    /// Billionths of a US dollar; NULL when unknown.
    pub cost_nano_usd: Option<i64>,
    /// The first run.
    pub run_id: Option<String>,
    /// Earliest start of a span of this run.
    pub run_first_ns: Option<i64>,
    /// The first session.
    pub session_id: Option<String>,
    /// Earliest start of a span of this session.
    pub session_first_ns: Option<i64>,
    /// The first user.
    pub user_id: Option<String>,
    /// Earliest start of a span of this user.
    pub user_first_ns: Option<i64>,
    /// The naming span's.
    pub agent_id: Option<String>,
    /// The naming span's.
    pub agent_name: Option<String>,
    /// The naming span's.
    pub team_id: Option<String>,
    /// The naming span's.
    pub team_name: Option<String>,
    /// The naming span's.
    pub workflow_id: Option<String>,
    /// The naming span's.
    pub workflow_name: Option<String>,
    /// The trace that this one is a torn fragment of.
    pub joined_to: Option<Vec<u8>>,
    /// The start of the naming span's input.
    pub input_preview: Option<String>,
    /// The start of the naming span's output.
    pub output_preview: Option<String>,
    /// Spans that were stored when the trace's spans were last read together; NULL for a trace whose spans each say it all.
    pub structured_count: Option<i64>,
    /// Model calls whose tokens count and which have no cost.
    pub unpriced_count: i64,
}

/// One row for each value seen in a trace: what makes "traces in which agent X took part" an index range.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = trace_facets, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct FacetRow {
    /// The trace, 16 bytes.
    pub trace_id: Vec<u8>,
    /// What the value is: `agent`, `model`, `session` …
    pub field: String,
    /// The value.
    pub value: String,
    /// The trace's start.
    pub start_ns: i64,
    /// Spans of the trace that have the value.
    pub span_count: i64,
}

/// One row a session: its summary.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = sessions, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct SessionRow {
    /// The session's id.
    pub session_id: String,
    /// The first user.
    pub user_id: Option<String>,
    /// Earliest start of a span of this user.
    pub user_first_ns: Option<i64>,
    /// The start of its first trace.
    pub start_ns: i64,
    /// The end of its latest activity.
    pub last_ns: i64,
    /// Traces in it.
    pub trace_count: i64,
    /// Traces with a failed span.
    pub error_trace_count: i64,
    /// Spans in it.
    pub span_count: i64,
    /// Cached tokens included.
    pub input_tokens: Option<i64>,
    /// Reasoning tokens included.
    pub output_tokens: Option<i64>,
    /// As reported, else input plus output.
    pub total_tokens: Option<i64>,
    /// Read from the provider's cache.
    pub cache_read_tokens: Option<i64>,
    /// Written to the provider's cache.
    pub cache_write_tokens: Option<i64>,
    /// Spent on reasoning.
    pub reasoning_tokens: Option<i64>,
    /// Billionths of a US dollar; NULL when unknown.
    pub cost_nano_usd: Option<i64>,
    /// Model calls whose tokens count and which have no cost.
    pub unpriced_count: i64,
}

/// OpenTelemetry resources, by the hash of their content.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = resources, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct ResourceRow {
    /// The hash of the resource, 16 bytes.
    pub resource_id: Vec<u8>,
    /// `service.name`.
    pub service_name: Option<String>,
    /// The attributes, in order.
    pub attributes: Vec<u8>,
    /// The schema of the attributes; may be empty.
    pub schema_url: String,
    /// Count of dropped attributes, references to entities, texts that the columns cannot hold, as JSON.
    pub extra: Option<Vec<u8>>,
    /// What another program sent, as far as no other column says it: an OTLP `ResourceSpans` without spans.
    pub verbatim: Option<Vec<u8>>,
}

/// OpenTelemetry instrumentation scopes, by the hash of their content.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = scopes, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct ScopeRow {
    /// The hash of the scope, 16 bytes.
    pub scope_id: Vec<u8>,
    /// The library's name.
    pub name: String,
    /// Its version; may be empty.
    pub version: String,
    /// The attributes, in order.
    pub attributes: Vec<u8>,
    /// The schema of the attributes; may be empty.
    pub schema_url: String,
    /// Count of dropped attributes, texts that the columns cannot hold, as JSON.
    pub extra: Option<Vec<u8>>,
    /// What another program sent, as far as no other column says it: an OTLP `ScopeSpans` without spans.
    pub verbatim: Option<Vec<u8>>,
}

/// One row for each process that wrote spans.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = processes, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct ProcessRow {
    /// The process, 16 bytes; drawn anew at each start.
    pub process_id: Vec<u8>,
    /// The operating system's number.
    pub pid: i64,
    /// The host name; may be empty.
    pub host: String,
    /// When it opened the database.
    pub started_ns: i64,
    /// When it last said that it runs.
    pub heartbeat_ns: i64,
    /// When it shut down in order; NULL while it runs or when it died.
    pub ended_ns: Option<i64>,
    /// How often it promises to say that it runs; NULL: only when it writes spans.
    pub interval_ns: Option<i64>,
    /// When another process saw to the spans that it left open; 0 while that goes on, NULL while nobody has reason to.
    pub settled_ns: Option<i64>,
    /// Whether the spans that it stores change `rollups` too; NULL: its version knows of none, or it never reached the database itself.
    pub rolls_up: Option<bool>,
}

/// Sums of the spans that start in a piece of time. [`TraceRepository::stats`](crate::TraceRepository::stats) reads them.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = rollups, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct RollupRow {
    /// 0: what a transaction changed in an hour; 1: an hour, and 2: a day, without what has changed since; 3: `version` is the time before
    /// which spans are not summed up yet; 4: held by who adds changes to hours and days.
    pub level: i16,
    /// Where the hour or the day begins, in UTC.
    pub start_ns: i64,
    /// Of a change, 16 bytes that are drawn for it; else empty.
    pub part: Vec<u8>,
    /// Grows with each writing of the row.
    pub version: i64,
    /// The sums, in a form of our own.
    pub cells: Vec<u8>,
}

/// What a process refused or lost for one reason, in some time.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = losses, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct LossRow {
    /// The process, 16 bytes.
    pub process_id: Vec<u8>,
    /// Counts what the process tells, from 0.
    pub number: i64,
    /// A word of [`LossReason`].
    pub reason: String,
    /// How many spans.
    pub span_count: i64,
    /// How many spans the process had accepted by then.
    pub accepted_count: i64,
    /// Since when, nanoseconds since 1970.
    pub from_ns: i64,
    /// Until when, nanoseconds since 1970.
    pub to_ns: i64,
}

/// A span that could not be stored although others could.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = dead_letters, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct DeadLetterRow {
    /// The process that accepted it, 16 bytes.
    pub process_id: Vec<u8>,
    /// Its number in that process.
    pub sequence: i64,
    /// Its trace, 16 bytes; NULL where that could not be read.
    pub trace_id: Option<Vec<u8>>,
    /// Its id, 8 bytes; NULL where that could not be read.
    pub span_id: Option<Vec<u8>>,
    /// Its name; may be empty.
    pub name: String,
    /// A word of [`DeadLetterReason`].
    pub reason: String,
    /// What the database or the panic said.
    pub error: String,
    /// When it was given up, nanoseconds since 1970.
    pub time_ns: i64,
    /// Bytes of its payload, which is in `dead_letter_parts`; 0 where the span could not be read.
    pub payload_bytes: i64,
}

/// A part of a dead letter's payload, of at most 1 MiB.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = dead_letter_parts, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct DeadLetterPartRow {
    /// The process that accepted the span, 16 bytes.
    pub process_id: Vec<u8>,
    /// The span's number in that process.
    pub sequence: i64,
    /// The part's place in the payload, from 0.
    pub part: i32,
    /// The letter's time.
    pub time_ns: i64,
    /// The bytes: joined, the span as [`wire::encode`](crate::wire::encode) writes it.
    pub payload: Vec<u8>,
}

/// Numbers of spans of one process that were stored, or kept as dead letters, in one transaction.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = settled_sequences, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct SettledRow {
    /// The process that gave the numbers, 16 bytes.
    pub process_id: Vec<u8>,
    /// The smallest one.
    pub first_sequence: i64,
    /// The hash of `runs`, 16 bytes: the same set told twice is one row.
    pub set_id: Vec<u8>,
    /// The largest one.
    pub last_sequence: i64,
    /// How many they are.
    pub span_count: i64,
    /// Which they are, from `first_sequence` on: how many follow each other, how many are missing then, and so on; each number as
    /// protobuf writes a `uint64`.
    pub runs: Vec<u8>,
}

/// Which database this is.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = trace_identity, treat_none_as_default_value = false)]
#[non_exhaustive]
pub struct IdentityRow {
    /// What has the identity: `database`.
    pub name: String,
    /// 16 random bytes, drawn once.
    pub identity: Vec<u8>,
}
