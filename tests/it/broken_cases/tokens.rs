//! Tokens: each once, whoever repeats them, and cached ones in the input whoever leaves them out.

use tracing::field::Empty;
use tracing::info_span;
use tracing_agents::model::{Kind, Usage, UsageBasis};
use tracing_agents::{Group, SpanFilter, StatsQuery, TraceFilter, agent_span, field, model_span};
use tracing_subscriber::prelude::*;

use super::frameworks::rig;
use super::support::{Sent, Stored, sent, tokens};

const ONCE: (Option<u64>, Option<u64>) = (Some(34), Some(18));

/// Case 29: of 34 tokens in that a model counted in two calls, rig records 68 on a plain run and 102 on a streamed one.
#[test]
fn a_run_has_the_tokens_that_its_model_counted_however_often_they_are_recorded() {
    for is_streamed in [false, true] {
        let stored = Stored::of(|| {
            let run = rig::run("calculator");
            run.in_scope(|| {
                for _ in 0..2 {
                    let chat = rig::chat("calculator");
                    rig::answer(&chat, "It is 4.");
                    if is_streamed {
                        rig::count(&chat, 17, 9);
                    }
                }
            });
            rig::count(&run, 34, 18);
        });
        assert_eq!(tokens(&stored.tree().trace.usage), ONCE, "the trace, streamed: {is_streamed}");
        for (query, what) in [
            (StatsQuery::spans(SpanFilter::new().kind(Kind::Model)).group_by(Group::Model), "the model"),
            (StatsQuery::traces(TraceFilter::new()).group_by(Group::Agent), "the agent"),
        ] {
            let rows = stored.stats(&query);
            assert_eq!((rows.len(), tokens(&rows[0].usage)), (1, ONCE), "{what}, streamed: {is_streamed}");
        }
    }
}

/// phoenix#12775, traceroot#1612, braintrust#312: an agent repeats the sum of its model's calls.
#[test]
fn what_an_agent_reports_of_its_calls_is_shown_on_it_and_not_added() {
    let stored = Stored::of(|| {
        let agent = agent_span!("Writer", { field::INPUT_TOKENS } = 34_u64, { field::OUTPUT_TOKENS } = 18_u64);
        agent.in_scope(|| {
            for _ in 0..2 {
                drop(model_span!("m", { field::INPUT_TOKENS } = 17_u64, { field::OUTPUT_TOKENS } = 9_u64));
            }
        });
    });
    assert_eq!(tokens(&stored.tree().trace.usage), ONCE);
    assert_eq!(stored.the(Kind::Agent).span.usage.map(|usage| tokens(&usage)), Some(ONCE));
}

/// agent-framework#4062: an agent's span has the counts of its last call alone.
#[test]
fn an_agent_that_reports_its_last_call_alone_has_the_tokens_of_all() {
    let stored = Stored::of(|| {
        let agent = agent_span!("Writer", { field::INPUT_TOKENS } = 20_u64, { field::OUTPUT_TOKENS } = 10_u64);
        agent.in_scope(|| {
            drop(model_span!("m", { field::INPUT_TOKENS } = 14_u64, { field::OUTPUT_TOKENS } = 8_u64));
            drop(model_span!("m", { field::INPUT_TOKENS } = 20_u64, { field::OUTPUT_TOKENS } = 10_u64));
        });
    });
    assert_eq!(tokens(&stored.tree().trace.usage), ONCE);
    assert_eq!(
        stored.the(Kind::Agent).span.usage.map(|usage| tokens(&usage)),
        Some((Some(20), Some(10))),
        "as reported"
    );
}

/// Both are there, and the tree's text says so where they differ.
#[test]
fn a_run_that_reports_other_sums_than_its_calls_has_both() {
    for (input, differs) in [(20_u64, true), (34, false)] {
        let stored = Stored::of(|| {
            let agent = agent_span!("Writer", { field::INPUT_TOKENS } = input, { field::COST_USD } = 0.75);
            agent.in_scope(|| {
                for cost in [0.25, 0.5] {
                    let call = model_span!("m", { field::INPUT_TOKENS } = 17_u64, { field::COST_USD } = cost);
                    // The provider's SDK records the same call once more, without its cost.
                    call.in_scope(|| drop(model_span!("m", { field::INPUT_TOKENS } = 17_u64)));
                }
            });
        });
        let (tree, run) = (stored.tree(), stored.the(Kind::Agent).span);
        let rollup = tree.rollup(run.span_id).unwrap();
        assert_eq!((rollup.reported.usage.input, rollup.computed.usage.input), (Some(input), Some(34)));
        assert_eq!(
            (rollup.reported.cost_nano_usd, rollup.computed.cost_nano_usd),
            (Some(750_000_000), Some(750_000_000))
        );
        assert_eq!((rollup.usage_differs(), rollup.cost_differs()), (differs, false));
        assert_eq!(tree.trace.usage.input, rollup.computed.usage.input, "the totals are made of the calls");
        assert_eq!(tree.tree().to_string().contains("20→? tokens (34→? tokens below)  $0.75"), differs);
    }
}

/// agent-framework-go#493: tokens are told on the run and nowhere else.
#[test]
fn a_run_whose_calls_report_nothing_counts_by_itself() {
    let stored = Stored::of(|| {
        let agent = agent_span!("Writer", { field::INPUT_TOKENS } = 34_u64, { field::OUTPUT_TOKENS } = 18_u64);
        agent.in_scope(|| drop(model_span!("m")));
    });
    assert_eq!(tokens(&stored.tree().trace.usage), ONCE);
}

/// dd-trace-py#18868: a framework and its client both record one call, one inside the other.
#[test]
fn a_call_that_two_instrumentations_record_counts_once() {
    let stored = Stored::of(|| {
        let call = || model_span!("m", { field::INPUT_TOKENS } = 34_u64, { field::OUTPUT_TOKENS } = 18_u64);
        agent_span!("Writer").in_scope(|| call().in_scope(|| drop(call())));
    });
    assert_eq!(tokens(&stored.tree().trace.usage), ONCE);
}

/// Case 23: codex counts on the span of a turn, and again on that of the event which ends the model's answer. The latter is at `TRACE`.
#[test]
fn codexs_tokens_count_once_and_are_there_without_trace_spans() {
    let program = || {
        let turn = info_span!(
            target: "codex_core::tasks",
            "turn",
            otel.name = "session_task.turn",
            model = "gpt-5",
            codex.turn.token_usage.input_tokens = Empty,
            codex.turn.token_usage.cached_input_tokens = Empty,
            codex.turn.token_usage.output_tokens = Empty,
            codex.turn.token_usage.total_tokens = Empty,
        );
        turn.in_scope(|| {
            drop(tracing::trace_span!(
                target: "codex_core::session::turn",
                "handle_responses",
                otel.name = "completed",
                gen_ai.usage.input_tokens = 34_u64,
                gen_ai.usage.cache_read.input_tokens = 20_u64,
                gen_ai.usage.output_tokens = 18_u64,
            ));
        });
        turn.record("codex.turn.token_usage.input_tokens", 34);
        turn.record("codex.turn.token_usage.cached_input_tokens", 20);
        turn.record("codex.turn.token_usage.output_tokens", 18);
        turn.record("codex.turn.token_usage.total_tokens", 52);
    };
    let usual = Stored::of(program);
    let every =
        Stored::under(|tracing| tracing_subscriber::registry().with(tracing.unfiltered_layer()).into(), program);
    assert_eq!(usual.outline(), ["agent session_task.turn"]);
    assert_eq!(every.outline(), ["agent session_task.turn", "  model completed"]);
    for stored in [usual, every] {
        let usage = stored.tree().trace.usage;
        assert_eq!((tokens(&usage), usage.cache_read), (ONCE, Some(20)));
    }
}

/// A call of Claude as Agno's instrumentor tells it.
fn claude_of_agno(number: u8, input: i64, read: i64, write: i64) -> Sent {
    sent(number, "Claude.invoke")
        .scope("openinference.instrumentation.agno")
        .with("openinference.span.kind", "LLM")
        .with("llm.provider", "Anthropic")
        .with("llm.model_name", "claude-sonnet-4")
        .with("llm.token_count.prompt", input)
        .with("llm.token_count.completion", 5_i64)
        .with("llm.token_count.total", input + 5)
        .with("llm.token_count.prompt_details.cache_read", read)
        .with("llm.token_count.prompt_details.cache_write", write)
}

/// agno#9537, langfuse#13724: Anthropic counts cached tokens beside the input, and Agno passes that on: 1.2 % of what was sent.
#[test]
fn cached_tokens_that_were_left_out_of_the_input_are_in_it() {
    let call = |sent: Sent| stored_usage(&Stored::sent([sent]));
    let counts = |usage: Usage| (usage.input, usage.output, usage.total(), usage.cache_read, usage.cache_write);
    let told = call(claude_of_agno(1, 10, 1000, 200));
    assert_eq!(counts(told), (Some(1210), Some(5), Some(1215), Some(1000), Some(200)));
    assert_eq!(told.basis, Some(UsageBasis::InferredImpossible), "no input of 10 holds 1,000 cached tokens");
    let told = call(claude_of_agno(1, 2000, 1000, 200));
    assert_eq!(counts(told), (Some(3200), Some(5), Some(3205), Some(1000), Some(200)));
    assert_eq!(told.basis, Some(UsageBasis::Exclusive), "this producer is known");
}

/// langfuse#12306, pydantic-ai#4364: others count them in it, as OpenTelemetry asks; adding them again makes a prompt twice as dear.
#[test]
fn cached_tokens_that_are_in_the_input_are_not_added_to_it() {
    let usage = |total: Option<i64>| {
        let call = sent(1, "chat").with("gen_ai.operation.name", "chat").with("gen_ai.usage.input_tokens", 1210_i64);
        let call =
            call.with("gen_ai.usage.output_tokens", 5_i64).with("gen_ai.usage.cache_read.input_tokens", 1000_i64);
        stored_usage(&Stored::sent([match total {
            Some(total) => call.with("gen_ai.usage.total_tokens", total),
            None => call,
        }]))
    };
    for (total, basis) in [(None, UsageBasis::Assumed), (Some(1215), UsageBasis::InferredTotal)] {
        let usage = usage(total);
        assert_eq!((usage.input, usage.basis), (Some(1210), Some(basis)), "and it says how that was known");
    }
}

/// rig passed on what Claude's API counts; since 0.44, which declares whether a request streams, it adds cached tokens up itself.
#[test]
fn the_two_ways_in_which_rig_counts_claudes_cached_tokens_give_one_count() {
    let old = Stored::of(|| {
        drop(info_span!(
            target: "rig::completions",
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "anthropic",
            gen_ai.usage.input_tokens = 210_u64,
            gen_ai.usage.cache_read.input_tokens = 100_u64,
        ));
    });
    let new = Stored::of(|| {
        drop(info_span!(
            target: "rig::completions",
            "chat",
            gen_ai.operation.name = "chat",
            gen_ai.provider.name = "anthropic",
            gen_ai.request.stream = false,
            gen_ai.usage.input_tokens = 310_u64,
            gen_ai.usage.cache_read.input_tokens = 100_u64,
        ));
    });
    let [old, new] = [old, new].map(|stored| stored_usage(&stored));
    assert_eq!((old.input, old.basis), (Some(310), Some(UsageBasis::Exclusive)));
    assert_eq!((new.input, new.basis), (Some(310), Some(UsageBasis::Inclusive)));
}

fn stored_usage(stored: &Stored) -> Usage {
    stored.the(Kind::Model).span.usage.unwrap()
}
