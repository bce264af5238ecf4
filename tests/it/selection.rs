//! What a program asks not to keep.

use std::time::Duration;

use tracing_agents::model::Kind;
use tracing_agents::{AgentTracing, Builder, SpanExt as _, TailSampling, TraceFilter, agent_span, tool_span};
use tracing_subscriber::prelude::*;

use crate::support::PATIENCE;

/// The trees of all traces, oldest first, after `work` was traced with these options.
fn trees(options: impl FnOnce(Builder) -> Builder, work: impl FnOnce()) -> (AgentTracing, Vec<String>) {
    let tracing = options(AgentTracing::builder("sqlite::memory:")).open().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(tracing.layer()), work);
    tracing.force_flush(PATIENCE).unwrap();
    assert!(tracing.health().adds_up(), "{:?}", tracing.health());
    let repository = tracing.repository();
    let mut traces = repository.traces(&TraceFilter::new()).unwrap().items;
    traces.reverse();
    let tree = |id| repository.trace(id).unwrap().tree().to_string();
    let trees = traces.iter().map(|trace| tree(trace.trace_id)).collect();
    (tracing, trees)
}

/// A run whose tool asks over HTTP.
fn work() {
    agent_span!("Researcher").in_scope(|| {
        tool_span!("search").in_scope(|| {
            tracing::info_span!(target: "hyper::client", "connection").in_scope(|| {
                tracing::info_span!("attempt").in_scope(|| drop(tracing::info_span!("poll")));
            });
        });
    });
}

#[test]
fn spans_of_a_target_or_name_are_left_out_and_what_is_below_moves_up() {
    let (_, trees) = trees(|options| options.without_target("hyper").without_name("attempt"), work);
    let names = ["Researcher", "search", "poll"];
    assert!(names.iter().all(|name| trees[0].contains(name)), "{trees:?}");
    assert!(!trees[0].contains("connection") && !trees[0].contains("attempt"), "{trees:?}");
    assert_eq!((trees.len(), trees[0].contains("not stored")), (1, false));
    assert!(trees[0].contains("   └─ span  poll"), "below the tool: {trees:?}");
}

#[test]
fn spans_of_a_kind_are_left_out_unless_a_kept_one_stands_below() {
    let (tracing, trees) = trees(
        |options| options.without_kinds([Kind::Span]),
        || tracing::info_span!("request").in_scope(work),
    );
    assert!(["request", "Researcher", "search"].iter().all(|name| trees[0].contains(name)), "{trees:?}");
    assert!(!["connection", "attempt", "poll"].iter().any(|name| trees[0].contains(name)), "{trees:?}");
    assert_eq!(tracing.health().discarded.by_kind, 3);
}

#[test]
fn of_whole_traces_those_are_kept_that_failed_or_that_a_chosen_user_asked_for() {
    let run = |user: &str, fails: bool| {
        let run = agent_span!("Researcher");
        run.record_user(user);
        run.in_scope(|| {
            let tool = tool_span!("search");
            if fails {
                tool.record_failure("no answer");
            }
        });
    };
    let sampling = TailSampling::new().keep_errors().keep_user("ada").keep_slower_than(Duration::from_secs(3600));
    let (tracing, trees) = trees(
        |options| options.tail_sampling(sampling),
        || {
            run("bob", false);
            run("bob", true);
            run("ada", false);
        },
    );
    assert_eq!(trees.len(), 2, "{trees:?}");
    assert!(trees.iter().all(|tree| tree.contains("search")), "whole: {trees:?}");
    let discarded = tracing.health().discarded;
    assert_eq!((discarded.by_trace, discarded.traces), (2, 1));
    assert_eq!((discarded.kept_traces.error, discarded.kept_traces.chosen), (1, 1));
}
