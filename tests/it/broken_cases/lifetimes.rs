//! Spans that are never entered, or are entered by many threads.

use std::thread;

use tracing::field::Empty;
use tracing::{Dispatch, info_span};
use tracing_agents::model::{Kind, SpanState};

use super::frameworks::rig;
use super::support::{Stored, in_and_out, tokens};

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
