//! Spans that are never entered, are entered by many threads, or stay open for days.

use std::thread;

use tracing::field::Empty;
use tracing::{Dispatch, debug, info_span};
use tracing_agents::model::{Kind, SpanState};
use tracing_agents::{SpanFilter, TraceFilter};

use super::frameworks::rig;
use super::support::{Stored, in_and_out, tokens};
use crate::support::Bench;

/// Case 17: genai makes its spans, records to them and drops them, and enters none.
#[test]
fn a_span_that_nobody_enters_is_stored_like_any_other() {
    let stored = Stored::of(|| {
        let run = info_span!(
            target: "genai::otel::agent",
            "genai.agent",
            otel.name = "invoke_agent calculator",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "calculator",
        );
        let call = info_span!(
            target: "genai::otel::span",
            parent: &run,
            "genai.chat",
            otel.name = "chat gpt-4o",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = "gpt-4o",
            gen_ai.usage.input_tokens = 17_i64,
            gen_ai.usage.output_tokens = 9_i64,
            gen_ai.output.messages = Empty,
        );
        let answer = r#"[{"role":"assistant","parts":[{"type":"text","content":"It is 4."}],"finish_reason":"stop"}]"#;
        call.record("gen_ai.output.messages", answer);
    });
    assert_eq!(stored.outline(), ["agent invoke_agent calculator", "  model chat gpt-4o"]);
    let call = stored.the(Kind::Model);
    assert_eq!(in_and_out(&call.content), (None, Some("It is 4.")));
    assert_eq!(tokens(&stored.tree().trace.usage), (Some(17), Some(9)));
    assert_eq!(call.span.state, SpanState::Closed);
}

/// Case 18: an async runtime enters one span on many threads, again and again.
#[test]
fn a_run_that_many_threads_enter_is_one_run_with_all_its_calls() {
    const THREADS: usize = 4;
    let stored = Stored::of(|| {
        let run = rig::run("calculator");
        let dispatch = tracing::dispatcher::get_default(Dispatch::clone);
        let enter = || {
            let in_run = || run.in_scope(|| rig::answer(&rig::chat("calculator"), "It is 4."));
            tracing::dispatcher::with_default(&dispatch, || (0..5).for_each(|_| in_run()));
        };
        thread::scope(|scope| (0..THREADS).for_each(|_| drop(scope.spawn(enter))));
        run.record("gen_ai.completion", "It is 4.");
    });
    let call = "  model chat gpt-4o-2024-08-06";
    assert_eq!(stored.outline(), [&["agent invoke_agent calculator"][..], &[call; 5 * THREADS]].concat());
    assert_eq!(stored.tree().trace.usage.input, Some(17 * 5 * THREADS as u64));
}

/// Case 19: rmcp's `serve_inner` closes with its connection, days later; all requests happen in it.
#[test]
fn calls_over_a_connection_are_there_while_it_is_still_open() {
    let bench = Bench::new();
    let connection = info_span!(target: "rmcp::service", "serve_inner");
    connection.in_scope(|| {
        for (id, tool) in [(1, "add"), (2, "subtract")] {
            debug!(target: "rmcp::service", id, request = %format_args!("CallToolRequest({tool})"), "received request");
            drop(info_span!("call_tool", gen_ai.tool.name = tool));
        }
    });
    let repository = bench.flush();
    let tools = repository.spans(&SpanFilter::new().kind(Kind::Tool)).unwrap();
    assert_eq!(
        tools.iter().map(|span| span.display_name.as_str()).collect::<Vec<_>>(),
        ["execute_tool subtract", "execute_tool add"]
    );
    for tool in ["add", "subtract"] {
        assert_eq!(repository.traces(&TraceFilter::new().tool(tool)).unwrap().len(), 1, "{tool}");
    }
    let serving = || SpanFilter::new().name("serve_inner");
    assert!(repository.spans(&serving()).unwrap().is_empty(), "the connection goes on");

    drop(connection);
    let connection = bench.flush().spans(&serving()).unwrap().items.remove(0);
    let events = repository.span(connection.trace_id, connection.span_id).unwrap().content.events;
    assert_eq!(events.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(), ["received request"; 2]);
}
