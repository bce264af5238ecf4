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
    let (tracing, trees) =
        trees(|options| options.without_kinds([Kind::Span]), || tracing::info_span!("request").in_scope(work));
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

#[cfg(feature = "opentelemetry")]
mod at_the_start {
    use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};

    use super::*;
    use crate::handle::again_with;

    fn parent_based() -> Sampler {
        Sampler::ParentBased(Box::new(Sampler::AlwaysOn))
    }

    #[test]
    fn a_sampler_leaves_spans_out_and_they_are_counted() {
        let (tracing, none) = trees(|options| options.sampler(Sampler::AlwaysOff), work);
        let health = tracing.health();
        assert_eq!((none.len(), health.rejected.sampled_out, health.offered, health.accepted), (0, 5, 5, 0));

        let (tracing, all) = trees(|options| options.sampler(parent_based()), work);
        assert_eq!((all.len(), tracing.health().rejected.sampled_out, tracing.health().stored), (1, 0, 5));
    }

    #[test]
    fn a_calling_process_that_does_not_sample_is_followed() {
        let request = |flags: &str| {
            let run = agent_span!("Expert");
            let traceparent = format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}");
            run.set_remote_parent(&traceparent, None).unwrap();
            run.in_scope(|| drop(tool_span!("look up")));
        };
        let (tracing, trees) =
            trees(|options| options.sampler(parent_based()), || ["00", "01"].into_iter().for_each(request));
        assert_eq!((trees.len(), tracing.health().rejected.sampled_out), (1, 2));
        assert!(trees[0].contains("parent in another process"), "{trees:?}");
    }

    #[test]
    fn traces_that_start_together_stay_neighbours_whatever_samples_them() {
        let (tracing, _) = trees(|options| options.sampler(parent_based()), || (0..3).for_each(|_| work()));
        let traces = tracing.repository().traces(&TraceFilter::new()).unwrap().items;
        let start = |trace: &tracing_agents::model::Trace| u64::try_from(trace.start_ns / 1_000_000).unwrap();
        for trace in &traces {
            let upper = trace.trace_id.to_bytes()[..6].iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
            assert!(upper.abs_diff(start(trace)) < 60_000, "{} of {}", trace.trace_id, start(trace));
        }
    }

    #[test]
    fn a_provider_has_a_sampler_of_its_own() {
        let provider = SdkTracerProvider::builder().build();
        let error = AgentTracing::builder("sqlite::memory:").tracer_provider(provider).sampler(parent_based()).open();
        let error = error.unwrap_err().to_string();
        assert!(error.contains("has a sampler of its own"), "{error}");
    }

    #[test]
    fn the_environment_names_a_sampler() {
        if !again_with("selection::at_the_start::the_environment_names_a_sampler", "OTEL_TRACES_SAMPLER", "always_off")
        {
            return;
        }
        let (tracing, none) = trees(|options| options, work);
        assert_eq!((none.len(), tracing.health().rejected.sampled_out), (0, 5));
        let (_, all) = trees(|options| options.sampler(parent_based()), work);
        assert_eq!(all.len(), 1, "what the program says wins");
    }
}
