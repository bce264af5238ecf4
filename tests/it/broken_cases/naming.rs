//! What a span is and how it is called: names that are empty or late, conventions that contradict each other.

use tracing::field::Empty;
use tracing::info_span;
use tracing_agents::model::Kind;

use super::frameworks::{adk, rig};
use super::support::{Stored, tokens};

/// Case 8: adk's tool spans have the empty name at their callsite.
#[test]
fn a_span_with_an_empty_name_is_called_by_its_otel_name_or_its_kind() {
    let stored = Stored::of(|| {
        drop(adk::tool("add", r#"{"x":2,"y":2}"#));
        drop(info_span!("", gen_ai.operation.name = "execute_tool", gen_ai.tool.name = "subtract"));
        drop(info_span!(""));
    });
    assert_eq!(stored.outline(), ["tool execute_tool add", "tool execute_tool subtract", "span span"]);
    let names: Vec<_> = stored.trees().into_iter().map(|tree| tree.spans[0].name.clone()).collect();
    assert_eq!(names, ["execute_tool add", "", ""], "as recorded");
}

/// Case 9: swiftide records `otel.name` after a step has begun.
#[test]
fn a_name_that_is_recorded_late_is_the_spans_name() {
    let stored = Stored::of(|| {
        let run = info_span!(target: "swiftide_agents::agent", "agent.query");
        run.in_scope(|| {
            let step = info_span!(target: "swiftide_agents::agent", "step", step_count = 0, otel.name = Empty);
            step.record("otel.name", "step-0");
            step.in_scope(|| drop(info_span!(target: "swiftide_agents::agent", "tool", otel.name = "tool.add")));
        });
    });
    assert_eq!(stored.outline(), ["agent agent.query", "  step step-0", "    tool execute_tool add"]);
    assert_eq!(stored.the(Kind::Step).span.name, "step-0");
}

/// Case 11: user code marks its agents with the generic kind of `OpenInference` and the operation of OpenTelemetry.
#[test]
fn a_chain_that_invokes_an_agent_is_an_agent() {
    let stored = Stored::of(|| {
        drop(info_span!(
            "answer",
            openinference.span.kind = "CHAIN",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = "Researcher",
        ));
        drop(info_span!("pipeline", openinference.span.kind = "CHAIN"));
    });
    assert_eq!(stored.outline(), ["agent invoke_agent Researcher", "workflow pipeline"]);
}

/// Case 12: user code gives the operation `chat` to the span around a whole run. As an operation it means a call of a model; what the
/// user calls the span in so many words goes before, and the calls inside are counted once in either case.
#[test]
fn a_run_with_the_operation_chat_is_an_agent_once_its_own_kind_says_so() {
    let run = |own_kind: Option<&str>, openinference: Option<&str>| {
        let stored = Stored::of(|| {
            let span = info_span!(
                "wui.agent.run",
                gen_ai.operation.name = "chat",
                gen_ai.agent.name = "Writer",
                agent_traces.kind = own_kind,
                openinference.span.kind = openinference,
                gen_ai.usage.input_tokens = 17_u64,
                gen_ai.usage.output_tokens = 9_u64,
            );
            span.in_scope(|| {
                let call = rig::chat("Writer");
                rig::ask(&call, "Write");
                rig::answer(&call, "Once upon a time");
            });
        });
        assert_eq!(tokens(&stored.tree().trace.usage), (Some(17), Some(9)), "{own_kind:?} {openinference:?}");
        stored.named("wui.agent.run").span.kind
    };
    assert_eq!(run(None, None), Kind::Model);
    assert_eq!(run(Some("agent"), None), Kind::Agent);
    assert_eq!(run(None, Some("AGENT")), Kind::Agent);
}

/// genai 0.7 makes a span without an operation of what OpenTelemetry has as an event.
#[test]
fn a_span_of_an_evaluations_result_is_an_evaluators() {
    let stored = Stored::of(|| {
        drop(info_span!(
            target: "genai::otel::events",
            "genai.evaluation.result",
            otel.name = "gen_ai.evaluation.result",
            gen_ai.evaluation.name = "Relevance",
            gen_ai.evaluation.score.value = 0.9,
            gen_ai.response.id = "chatcmpl-1",
        ));
    });
    assert_eq!(stored.the(Kind::Evaluator).span.display_name, "gen_ai.evaluation.result");
}
