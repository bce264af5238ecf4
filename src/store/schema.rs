//! The tables, as Diesel sees them. The same names and types on every database; column by column, they are described on the
//! [row types](super::rows).
//!
//! Written by hand (one schema for three databases); a test compares it with each live database.

#![expect(missing_docs, reason = "the columns are described on the fields of the row types")]

diesel::table! {
    /// One row a span: what lists and statistics read. The payload is in `span_contents`.
    spans (trace_id, span_id, start_day) {
        trace_id -> Binary,
        span_id -> Binary,
        start_day -> Integer,
        parent_span_id -> Nullable<Binary>,
        parent_is_remote -> Bool,
        name -> Text,
        display_name -> Text,
        kind -> Text,
        kind_source -> Text,
        operation -> Nullable<Text>,
        otel_kind -> SmallInt,
        state -> SmallInt,
        status_code -> SmallInt,
        status_message -> Text,
        error_type -> Nullable<Text>,
        start_ns -> BigInt,
        end_ns -> Nullable<BigInt>,
        run_id -> Nullable<Text>,
        session_id -> Nullable<Text>,
        conversation_id -> Nullable<Text>,
        user_id -> Nullable<Text>,
        agent_id -> Nullable<Text>,
        agent_name -> Nullable<Text>,
        team_id -> Nullable<Text>,
        team_name -> Nullable<Text>,
        workflow_id -> Nullable<Text>,
        workflow_name -> Nullable<Text>,
        provider -> Nullable<Text>,
        request_model -> Nullable<Text>,
        response_model -> Nullable<Text>,
        tool_name -> Nullable<Text>,
        tool_call_id -> Nullable<Text>,
        input_tokens -> Nullable<BigInt>,
        output_tokens -> Nullable<BigInt>,
        total_tokens -> Nullable<BigInt>,
        cache_read_tokens -> Nullable<BigInt>,
        cache_write_tokens -> Nullable<BigInt>,
        reasoning_tokens -> Nullable<BigInt>,
        usage_basis -> Nullable<Text>,
        usage_counted -> Bool,
        usage_below -> BigInt,
        calls_below -> BigInt,
        cost_nano_usd -> Nullable<BigInt>,
        cost_source -> Nullable<Text>,
        price_version -> Nullable<Text>,
        time_to_first_token_ns -> Nullable<BigInt>,
        truncated_bytes -> BigInt,
        dropped_count -> BigInt,
        scope_id -> Binary,
        resource_id -> Binary,
        process_id -> Nullable<Binary>,
        sequence -> Nullable<BigInt>,
        service_name -> Nullable<Text>,
        inherited_ids -> Integer,
        version_hash -> BigInt,
        created_ns -> BigInt,
        adopted_by -> Nullable<Binary>,
        cost_counted -> Bool,
        costs_below -> BigInt,
        cost_calls_below -> BigInt,
        step_name -> Nullable<Text>,
    }
}

diesel::table! {
    /// One row a span: the payload, lossless. `encoding` names the form of the other columns (`json`: see `model::canonical`; `parts`: see
    /// [`ContentRow`](super::rows::ContentRow)).
    span_contents (trace_id, span_id, start_day) {
        trace_id -> Binary,
        span_id -> Binary,
        start_day -> Integer,
        encoding -> Text,
        attributes -> Binary,
        events -> Binary,
        links -> Binary,
        extra -> Binary,
        told -> Nullable<Binary>,
        derived -> Nullable<Binary>,
        verbatim -> Nullable<Binary>,
    }
}

diesel::table! {
    /// One row for each event of a span that came as a log record, whether the span is stored or not.
    span_events (trace_id, span_id, event_id) {
        trace_id -> Binary,
        span_id -> Binary,
        event_id -> Binary,
        time_ns -> BigInt,
        created_ns -> BigInt,
        event -> Binary,
    }
}

diesel::table! {
    /// One row a trace: its summary.
    traces (trace_id) {
        trace_id -> Binary,
        name -> Text,
        root_span_id -> Binary,
        root_class -> SmallInt,
        root_start_ns -> BigInt,
        start_ns -> BigInt,
        end_ns -> Nullable<BigInt>,
        duration_ns -> Nullable<BigInt>,
        status -> Text,
        span_count -> BigInt,
        error_count -> BigInt,
        open_count -> BigInt,
        interrupted_count -> BigInt,
        input_tokens -> Nullable<BigInt>,
        output_tokens -> Nullable<BigInt>,
        total_tokens -> Nullable<BigInt>,
        cache_read_tokens -> Nullable<BigInt>,
        cache_write_tokens -> Nullable<BigInt>,
        reasoning_tokens -> Nullable<BigInt>,
        cost_nano_usd -> Nullable<BigInt>,
        run_id -> Nullable<Text>,
        run_first_ns -> Nullable<BigInt>,
        session_id -> Nullable<Text>,
        session_first_ns -> Nullable<BigInt>,
        user_id -> Nullable<Text>,
        user_first_ns -> Nullable<BigInt>,
        agent_id -> Nullable<Text>,
        agent_name -> Nullable<Text>,
        team_id -> Nullable<Text>,
        team_name -> Nullable<Text>,
        workflow_id -> Nullable<Text>,
        workflow_name -> Nullable<Text>,
        joined_to -> Nullable<Binary>,
        input_preview -> Nullable<Text>,
        output_preview -> Nullable<Text>,
        structured_count -> Nullable<BigInt>,
        unpriced_count -> BigInt,
    }
}

diesel::table! {
    /// One row for each value seen in a trace: what makes "traces in which agent X took part" an index range.
    trace_facets (trace_id, field, value) {
        trace_id -> Binary,
        field -> Text,
        value -> Text,
        start_ns -> BigInt,
        span_count -> BigInt,
    }
}

diesel::table! {
    /// One row a session: its summary.
    sessions (session_id) {
        session_id -> Text,
        user_id -> Nullable<Text>,
        user_first_ns -> Nullable<BigInt>,
        start_ns -> BigInt,
        last_ns -> BigInt,
        trace_count -> BigInt,
        error_trace_count -> BigInt,
        span_count -> BigInt,
        input_tokens -> Nullable<BigInt>,
        output_tokens -> Nullable<BigInt>,
        total_tokens -> Nullable<BigInt>,
        cache_read_tokens -> Nullable<BigInt>,
        cache_write_tokens -> Nullable<BigInt>,
        reasoning_tokens -> Nullable<BigInt>,
        cost_nano_usd -> Nullable<BigInt>,
        unpriced_count -> BigInt,
    }
}

diesel::table! {
    /// OpenTelemetry resources, by the hash of their content.
    resources (resource_id) {
        resource_id -> Binary,
        service_name -> Nullable<Text>,
        attributes -> Binary,
        schema_url -> Text,
        extra -> Nullable<Binary>,
        verbatim -> Nullable<Binary>,
    }
}

diesel::table! {
    /// OpenTelemetry instrumentation scopes, by the hash of their content.
    scopes (scope_id) {
        scope_id -> Binary,
        name -> Text,
        version -> Text,
        attributes -> Binary,
        schema_url -> Text,
        extra -> Nullable<Binary>,
        verbatim -> Nullable<Binary>,
    }
}

diesel::table! {
    /// One row for each process that wrote spans.
    processes (process_id) {
        process_id -> Binary,
        pid -> BigInt,
        host -> Text,
        started_ns -> BigInt,
        heartbeat_ns -> BigInt,
        ended_ns -> Nullable<BigInt>,
        interval_ns -> Nullable<BigInt>,
        settled_ns -> Nullable<BigInt>,
        rolls_up -> Nullable<Bool>,
    }
}

diesel::table! {
    /// What processes refused and lost, as they tell it.
    losses (process_id, number) {
        process_id -> Binary,
        number -> BigInt,
        reason -> Text,
        span_count -> BigInt,
        accepted_count -> BigInt,
        from_ns -> BigInt,
        to_ns -> BigInt,
    }
}

diesel::table! {
    /// One row for each span that could not be stored although others could.
    dead_letters (process_id, sequence) {
        process_id -> Binary,
        sequence -> BigInt,
        trace_id -> Nullable<Binary>,
        span_id -> Nullable<Binary>,
        name -> Text,
        reason -> Text,
        error -> Text,
        time_ns -> BigInt,
        payload_bytes -> BigInt,
    }
}

diesel::table! {
    /// The payloads of dead letters, in parts that any server takes.
    dead_letter_parts (process_id, sequence, part) {
        process_id -> Binary,
        sequence -> BigInt,
        part -> Integer,
        time_ns -> BigInt,
        payload -> Binary,
    }
}

diesel::table! {
    /// The numbers of the spans that are stored or kept as dead letters, one row for each transaction and process.
    settled_sequences (process_id, first_sequence, set_id) {
        process_id -> Binary,
        first_sequence -> BigInt,
        set_id -> Binary,
        last_sequence -> BigInt,
        span_count -> BigInt,
        runs -> Binary,
    }
}

diesel::table! {
    /// Which database this is, by whatever address it is reached.
    trace_identity (name) {
        name -> Text,
        identity -> Binary,
    }
}

diesel::table! {
    /// One row, of the key '': which process prunes by a schedule, and what the last run did.
    retention (task) {
        task -> Text,
        holder -> Binary,
        until_ns -> BigInt,
        present_ns -> BigInt,
        begun_ns -> BigInt,
        ended_ns -> Nullable<BigInt>,
        traces -> BigInt,
        spans -> BigInt,
        freed_bytes -> BigInt,
        error -> Nullable<Text>,
    }
}

diesel::table! {
    /// One row for each part of large contents: what many spans of a day repeat stands here once.
    content_parts (start_day, digest) {
        start_day -> Integer,
        digest -> Binary,
        is_list -> Bool,
        kept_by -> BigInt,
        bytes -> Binary,
    }
}

diesel::table! {
    /// One row for each day that has parts: whether what no span needs of them is being deleted.
    content_days (start_day) {
        start_day -> Integer,
        sweep -> BigInt,
        is_swept -> Bool,
        leftovers -> BigInt,
    }
}

diesel::table! {
    /// One row for each piece of time in which spans start, and each change of one: sums of the spans.
    rollups (level, start_ns, part) {
        level -> SmallInt,
        start_ns -> BigInt,
        part -> Binary,
        version -> BigInt,
        cells -> Binary,
    }
}

diesel::table! {
    /// The versions of these tables' migrations that have run; the row '' is what processes that migrate at once queue at.
    trace_schema (version) {
        version -> Text,
    }
}

diesel::allow_tables_to_appear_in_same_query!(
    content_days,
    content_parts,
    dead_letter_parts,
    dead_letters,
    losses,
    processes,
    resources,
    retention,
    rollups,
    scopes,
    sessions,
    settled_sequences,
    span_contents,
    span_events,
    spans,
    trace_facets,
    trace_identity,
    trace_schema,
    traces
);
