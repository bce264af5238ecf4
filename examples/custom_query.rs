//! A Diesel query of your own: the crate's tables joined with a table of the application.
//!
//! Run: `cargo run --example custom_query`.

#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::query_source::TableNotEqual;
use tracing_agents::model::Usage;
use tracing_agents::schema::{sessions, spans};
use tracing_agents::{AgentTracing, SpanExt, agent_span, field, model_span};
use tracing_subscriber::prelude::*;

diesel::table! {
    /// The application's own table: which customer pays for which session.
    customers (session_id) {
        /// A session of the agents.
        session_id -> Text,
        /// Who pays for it.
        customer -> Text,
    }
}

// What `allow_tables_to_appear_in_same_query!` says; with PostgreSQL, that macro says more, which only the crate of both tables may.
impl TableNotEqual<customers::table> for sessions::table {}
impl TableNotEqual<sessions::table> for customers::table {}
impl TableNotEqual<customers::table> for spans::table {}
impl TableNotEqual<spans::table> for customers::table {}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("app.db");
    let tracing = AgentTracing::open(&format!("sqlite://{}", file.display()))?;
    let _guard = tracing_subscriber::registry().with(tracing.layer()).set_default();

    for (session, tokens) in [("s1", 100), ("s2", 20), ("s1", 5)] {
        agent_span!("Helper", { field::SESSION_ID } = session).in_scope(|| {
            model_span!("gpt-4o-mini").record_usage(Usage::new(tokens, 1));
        });
    }
    tracing.force_flush(Duration::from_secs(5))?;

    let mut connection = SqliteConnection::establish(&file.display().to_string())?;
    connection.batch_execute(
        "CREATE TABLE customers (session_id TEXT PRIMARY KEY, customer TEXT NOT NULL);
         INSERT INTO customers VALUES ('s1', 'Northwind'), ('s2', 'Contoso');",
    )?;

    // Whole sessions, from their summaries.
    let by_session: Vec<(String, i64, Option<i64>)> = customers::table
        .inner_join(sessions::table.on(sessions::session_id.eq(customers::session_id)))
        .order(customers::customer)
        .select((customers::customer, sessions::trace_count, sessions::input_tokens))
        .load(&mut connection)?;
    for (customer, traces, tokens) in &by_session {
        println!("{customer}: {traces} runs, {} input tokens", tokens.unwrap_or(0));
    }

    // Spans: `usage_counted` marks those whose tokens count, so that nothing is added twice.
    let spent: Vec<(Option<String>, Option<i64>)> = customers::table
        .inner_join(spans::table.on(spans::session_id.eq(customers::session_id.nullable())))
        .filter(customers::customer.eq("Northwind"))
        .filter(spans::usage_counted.eq(true))
        .select((spans::request_model, spans::input_tokens))
        .load(&mut connection)?;
    let total: i64 = spent.iter().filter_map(|(_, tokens)| *tokens).sum();
    println!("Northwind: {total} input tokens in {} model calls", spent.len());
    assert_eq!((by_session.len(), total), (2, 105));
    Ok(())
}
