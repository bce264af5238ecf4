//! Money: what is known of it, and what is not.

use tracing_agents::model::{Cost, CostSource, Kind};
use tracing_agents::{Group, SpanFilter, StatsQuery, TraceFilter, agent_span, field, model_span, tool_span};

use super::support::Stored;

const CENT: i64 = 10_000_000;

/// genai#443, OpenHands#4816: a model without a price costs 0 dollars in other tools.
#[test]
fn a_call_without_a_known_price_is_unpriced_everywhere_and_0_nowhere() {
    let stored = Stored::of(|| {
        agent_span!("Writer", { field::SESSION_ID } = "s1").in_scope(|| {
            drop(model_span!("model-of-tomorrow", { field::INPUT_TOKENS } = 17_u64, { field::OUTPUT_TOKENS } = 9_u64));
        });
    });
    assert_eq!(stored.the(Kind::Model).span.cost, None, "the call");
    assert_eq!(stored.tree().trace.cost_nano_usd, None, "the trace");
    assert_eq!(stored.repository().session("s1").unwrap().cost_nano_usd, None, "the session");
    let by_model = StatsQuery::spans(SpanFilter::new().kind(Kind::Model)).group_by(Group::Model);
    assert_eq!(stored.stats(&by_model)[0].cost_nano_usd, None, "the statistics");
}

/// The same: what is free is told to be, and what is known of a trace is known however much is not.
#[test]
fn a_reported_0_is_a_price_and_unpriced_calls_leave_the_known_cost_as_it_is() {
    let call = |usd: Option<f64>| drop(model_span!("m", { field::COST_USD } = usd));
    let cost = |calls: &[Option<f64>]| {
        let stored = Stored::of(|| agent_span!("Writer").in_scope(|| calls.iter().for_each(|usd| call(*usd))));
        stored.tree().trace.cost_nano_usd
    };
    assert_eq!(cost(&[Some(0.0)]), Some(0));
    assert_eq!(cost(&[Some(0.0), None]), Some(0));
    assert_eq!(cost(&[Some(0.01), None, Some(0.02)]), Some(3 * CENT));
    assert_eq!(cost(&[None, None]), None);
}

/// openinference#2071: a search or a scrape is paid for as well.
#[test]
fn a_tool_that_costs_money_adds_to_what_its_run_costs() {
    let stored = Stored::of(|| {
        agent_span!("Researcher").in_scope(|| {
            drop(model_span!("m", { field::COST_USD } = 0.02));
            drop(tool_span!("web_search", { field::COST_USD } = 0.01));
        });
    });
    assert_eq!(stored.the(Kind::Tool).span.cost, Cost::from_usd(0.01, CostSource::Client));
    assert_eq!(stored.tree().trace.cost_nano_usd, Some(3 * CENT));
    let by_tool = StatsQuery::spans(SpanFilter::new().kind(Kind::Tool)).group_by(Group::Tool);
    let row = &stored.stats(&by_tool)[0];
    assert_eq!((row.key.as_deref(), row.cost_nano_usd), (Some("web_search"), Some(CENT)));
}

/// The gateway that sends the bill knows better than the program that guesses it.
#[test]
fn of_two_costs_on_one_call_the_providers_counts_and_says_so() {
    let stored = Stored::of(|| {
        drop(model_span!("m", "llm.cost.total" = 0.05, "gen_ai.usage.cost" = 0.01));
    });
    assert_eq!(stored.the(Kind::Model).span.cost, Cost::from_usd(0.01, CostSource::Provider));
    assert_eq!(stored.tree().trace.cost_nano_usd, Some(CENT));
}

/// litellm#1473: who spent it?
#[test]
fn cost_and_tokens_are_summed_for_each_user_though_only_the_run_names_them() {
    let stored = Stored::of(|| {
        for (user, usd) in [("alice", 0.01), ("bob", 0.02), ("alice", 0.04)] {
            agent_span!("Writer", { field::USER_ID } = user).in_scope(|| {
                drop(model_span!("m", { field::COST_USD } = usd, { field::INPUT_TOKENS } = 17_u64));
            });
        }
    });
    for query in [
        StatsQuery::spans(SpanFilter::new().kind(Kind::Model)).group_by(Group::User),
        StatsQuery::traces(TraceFilter::new()).group_by(Group::User),
    ] {
        let rows = stored.stats(&query);
        let rows: Vec<_> = rows
            .iter()
            .map(|row| (row.key.as_deref().unwrap(), row.count, row.usage.input, row.cost_nano_usd))
            .collect();
        assert_eq!(rows, [("alice", 2, Some(34), Some(5 * CENT)), ("bob", 1, Some(17), Some(2 * CENT))], "{query:?}");
    }
}
