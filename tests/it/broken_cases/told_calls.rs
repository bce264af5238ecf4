//! Calls of tools and models that frameworks tell by events alone.

use tracing::{Dispatch, info, info_span};
use tracing_agents::model::{Kind, TraceTree, Usage};
use tracing_agents::profile::{EventRule, Profile};
use tracing_agents::{AgentTracing, Price, PriceTable, agent_span, field, model_span, tool_span};
use tracing_subscriber::prelude::*;

use super::codex::{self, Counts};
use super::support::{Stored, in_and_out, tokens};

/// With all that a program can record.
fn every(program: impl FnOnce()) -> Stored {
    Stored::under(|tracing| tracing_subscriber::registry().with(tracing.unfiltered_layer()).into(), program)
}

/// The trace of a turn; the session around it is one of its own.
fn turn(stored: &Stored) -> TraceTree {
    let mut trees = stored.trees();
    trees.retain(|tree| tree.spans.iter().any(|span| span.kind == Kind::Agent));
    assert_eq!(trees.len(), 1, "{:#?}", stored.outline());
    trees.remove(0)
}

fn default_layer(tracing: &AgentTracing) -> Dispatch {
    tracing_subscriber::registry().with(tracing.layer()).into()
}

#[test]
fn a_codex_turn_has_its_calls_and_tools_though_only_events_tell_them() {
    let stored = Stored::of(|| codex::turn(Counts::ALL));
    assert_eq!(
        stored.outline(),
        [
            "span session_loop",
            "span op.dispatch.user_input",
            "  agent session_task.turn",
            "    model chat gpt-5",
            "    tool execute_tool weather",
            "    ✗ tool execute_tool umbrella",
            "    model chat gpt-5",
        ]
    );
    let tree = turn(&stored);
    assert_eq!(tokens(&tree.trace.usage), (Some(34), Some(18)));
    let calls = tree.spans.iter().filter(|span| span.kind == Kind::Model);
    assert!(
        calls
            .into_iter()
            .all(|call| call.is_synthetic() && call.usage.as_ref().map(tokens) == Some((Some(17), Some(9))))
    );

    let done = stored.only("weather", |span| span.tool_name.as_deref() == Some("weather"));
    assert_eq!((done.span.tool_call_id.as_deref(), done.span.duration_ms()), (Some("call_1"), Some(3)));
    assert_eq!(in_and_out(&done.content), (Some(r#"{"city":"Bergen"}"#), Some("rain")));
    assert_eq!(done.span.identity.session(), Some("thread-1"));
    let failed = stored.only("umbrella", |span| span.tool_name.as_deref() == Some("umbrella"));
    assert_eq!(failed.span.status.message, "none left");
    assert_eq!(in_and_out(&failed.content), (Some("{}"), Some("none left")));
    assert_eq!(in_and_out(&stored.the(Kind::Agent).content).0, Some("Is it raining?"));
    assert_eq!(tree.trace.input_preview.as_deref(), Some("Is it raining?"), "as lists show it");
    assert_eq!(tree.trace.error_count, 1);
}

/// Where the spans at `TRACE` are recorded, the calls have them, and nothing is drawn a second time.
#[test]
fn a_codex_turn_with_all_its_spans_has_each_call_once() {
    let stored = every(|| codex::turn(Counts::ALL));
    assert_eq!(
        stored.outline(),
        [
            "span session_loop",
            "span op.dispatch.user_input",
            "  agent session_task.turn",
            "    span run_turn",
            "      model chat gpt-5",
            "        span receiving_stream",
            "          span function_call",
            "          model completed",
            "      tool execute_tool weather",
            "      ✗ tool execute_tool umbrella",
            "      model chat gpt-5",
            "        span receiving_stream",
            "          span message_from_assistant",
            "          model completed",
        ]
    );
    let tree = turn(&stored);
    assert_eq!(tokens(&tree.trace.usage), (Some(34), Some(18)));
    let models: Vec<_> = tree.spans.iter().filter(|span| span.kind == Kind::Model).collect();
    assert!(models.iter().all(|span| !span.is_synthetic() && span.model() == Some("gpt-5")), "{models:#?}");
}

#[test]
fn codexs_tokens_count_once_wherever_they_are_told() {
    let all = [false, true];
    for on_turn in all {
        for on_last_piece in all {
            for by_event in all {
                let counts = Counts { on_turn, on_last_piece, by_event };
                let program = || codex::turn(counts);
                let expected = |is_told: bool| if is_told { (Some(34), Some(18)) } else { (None, None) };
                let usual = turn(&Stored::of(program)).trace.usage;
                assert_eq!(tokens(&usual), expected(on_turn || by_event), "{counts:?}");
                let every = turn(&every(program)).trace.usage;
                assert_eq!(tokens(&every), expected(on_turn || on_last_piece || by_event), "{counts:?}, all spans");
            }
        }
    }
}

/// Whoever filters one of the two targets away has the other's half.
#[test]
fn what_two_targets_tell_is_one_call_and_each_alone_is_one_too() {
    let tools = |program: fn()| {
        let stored = Stored::of(|| codex::opened().in_scope(program));
        let opened =
            |span: &tracing_agents::model::Span| stored.repository().span(span.trace_id, span.span_id).unwrap().content;
        let tree = stored.tree();
        let tools = tree.spans.iter().filter(|span| span.kind == Kind::Tool);
        let tools = tools.map(|span| {
            let content = opened(span);
            (span.duration_ms(), span.status.message.clone(), content.input, content.output)
        });
        tools.collect::<Vec<_>>()
    };
    let text = |text: &str| Some(text.to_owned());
    let (arguments, output) = (text(r#"{"q":1}"#), text("found"));
    let ok = String::new();
    let both = tools(|| codex::tool_result("search", "call_1", r#"{"q":1}"#, true, "found"));
    let content = tools(|| codex::with_content("search", "call_1", r#"{"q":1}"#, true, "found"));
    let lengths = tools(|| codex::with_lengths("search", "call_1", true, "found"));
    assert_eq!(both, [(Some(3), ok.clone(), arguments.clone(), output.clone())]);
    assert_eq!(content, both);
    assert_eq!(lengths, [(Some(3), ok, None, None)]);
    // Without a call id, as many as either target tells.
    let failed = tools(|| {
        codex::tool_failed("search", "no such tool");
        codex::tool_failed("search", "no such tool");
    });
    let one = (Some(0), "no such tool".to_owned(), None, text("no such tool"));
    assert_eq!(failed, [one.clone(), one]);
}

#[test]
fn a_call_that_has_a_span_gets_no_other_and_has_what_is_told() {
    let stored = Stored::of(|| {
        codex::opened().in_scope(|| {
            let span = || tool_span!("search", { field::TOOL_CALL_ID } = "call_1");
            // Told inside the call, and after it.
            span().in_scope(|| codex::tool_result("search", "call_1", "{}", true, "found"));
            drop(tool_span!("lookup", { field::TOOL_CALL_ID } = "call_2"));
            codex::tool_result("lookup", "call_2", "{}", false, "not found");
            // Another call that is told inside one has its own.
            span().in_scope(|| codex::tool_result("fetch", "call_3", "{}", true, "page"));
        });
    });
    assert_eq!(
        stored.outline(),
        [
            "agent session_task.turn",
            "  tool execute_tool search",
            "  ✗ tool execute_tool lookup",
            "  tool execute_tool search",
            "    tool execute_tool fetch",
        ]
    );
    let lookup = stored.only("lookup", |span| span.tool_name.as_deref() == Some("lookup"));
    assert!(!lookup.span.is_synthetic());
    assert_eq!(
        (lookup.span.status.message.as_str(), lookup.content.output.as_deref()),
        ("not found", Some("not found"))
    );
}

/// A framework's events happen in whatever span is open.
#[test]
fn events_of_a_known_framework_are_understood_in_anybodys_span() {
    let stored = Stored::of(|| {
        agent_span!("Coder").in_scope(|| {
            codex::prompt("Fix it.");
            info_span!("my_loop").in_scope(|| {
                codex::completed();
                codex::tool_result("shell", "call_1", "ls", true, "a.txt");
            });
        });
    });
    let mut outline = stored.outline();
    outline.sort_unstable();
    assert_eq!(
        outline,
        ["    model chat gpt-5", "    tool execute_tool shell", "  span my_loop", "agent invoke_agent Coder"]
    );
    let tree = stored.tree();
    assert_eq!(tokens(&tree.trace.usage), (Some(17), Some(9)));
    assert_eq!(tree.trace.input_preview.as_deref(), Some("Fix it."));
    assert_eq!(in_and_out(&stored.the(Kind::Agent).content).0, Some("Fix it."));
}

/// A prompt that is told inside the turn is the turn's own, and the trace's in lists.
#[test]
fn a_prompt_in_the_turn_is_its_input() {
    let stored = Stored::of(|| codex::opened().in_scope(|| codex::prompt("Is it raining?")));
    assert_eq!(stored.tree().trace.input_preview.as_deref(), Some("Is it raining?"));
    assert_eq!(in_and_out(&stored.the(Kind::Agent).content).0, Some("Is it raining?"));
}

/// A harness whose hook tells each step in OpenTelemetry's words, and the whole bill at the end.
fn harness() {
    let run = info_span!(target: "harness.telemetry", "agent_run", gen_ai.operation.name = "invoke_agent");
    run.in_scope(|| {
        std::thread::sleep(std::time::Duration::from_millis(40));
        info!(
            target: "harness.telemetry",
            event = "model.complete",
            gen_ai.operation.name = "chat",
            gen_ai.request.model = "our-model",
            gen_ai.usage.input_tokens = 1_000,
            gen_ai.usage.output_tokens = 100,
            gen_ai.usage.cached_input_tokens = 10,
            gen_ai.output.messages = r#"[{"role":"assistant","parts":[{"type":"text","content":"Done."}]}]"#,
            duration_ms = 30,
        );
        info!(target: "harness.telemetry", event = "tool.call", gen_ai.tool.name = %"shell", ok = false, duration_ms = 5);
        info!(target: "harness.telemetry", event = "tool.call", gen_ai.tool.name = %"shell", ok = true, duration_ms = 4);
        info!(
            target: "harness.telemetry",
            event = "run.end",
            gen_ai.usage.input_tokens = 1_000,
            gen_ai.usage.output_tokens = 100,
        );
    });
}

fn harness_profile() -> Profile {
    let event = |name: &'static str, kind| {
        EventRule::new("harness.telemetry", "").when("event", name).stands_for(kind).lasting_ms("duration_ms")
    };
    Profile::new("a harness")
        .target("harness.telemetry")
        .event(event("model.complete", Kind::Model))
        .event(event("tool.call", Kind::Tool).fails_when("ok", "false", "reason"))
}

#[test]
fn a_programs_own_telemetry_events_are_calls_by_a_profile_of_its_own() {
    let prices = PriceTable::new("ours", [Price::new("our-model").input(1.0).output(2.0)]).unwrap();
    let tracing = AgentTracing::builder("sqlite::memory:").profile(harness_profile()).prices(prices).open().unwrap();
    tracing::dispatcher::with_default(&default_layer(&tracing), harness);
    let stored = Stored::by(tracing);
    assert_eq!(
        stored.outline(),
        ["agent agent_run", "  model chat our-model", "  ✗ tool execute_tool shell", "  tool execute_tool shell",]
    );
    let call = stored.the(Kind::Model);
    assert_eq!((call.span.duration_ms(), call.span.model()), (Some(30), Some("our-model")));
    assert_eq!(call.content.output.as_deref(), Some("Done."));
    let usage: Usage = stored.tree().trace.usage;
    assert_eq!((tokens(&usage), usage.cache_read), ((Some(1_000), Some(100)), Some(10)));
    assert_eq!(stored.tree().trace.cost_nano_usd, Some(1_200_000), "the run's own sum is no second call");
}

#[test]
fn without_a_profile_telemetry_events_stay_events() {
    let stored = Stored::of(harness);
    assert_eq!(stored.outline(), ["agent agent_run"]);
    assert_eq!(stored.the(Kind::Agent).content.events.len(), 4);
}

/// A model's call that the program has a span of, around the client's event: it takes the counts, and is not doubled.
#[test]
fn a_call_around_the_event_has_the_tokens() {
    let stored = Stored::of(|| {
        agent_span!("Coder").in_scope(|| {
            model_span!("gpt-5").in_scope(|| info_span!("transport").in_scope(codex::completed));
        });
    });
    assert_eq!(stored.outline(), ["agent invoke_agent Coder", "  model chat gpt-5", "    span transport"]);
    let call = stored.the(Kind::Model).span;
    assert_eq!((tokens(&call.usage.unwrap()), call.is_synthetic()), ((Some(17), Some(9)), false));
    assert_eq!(tokens(&stored.tree().trace.usage), (Some(17), Some(9)));
}
