use std::collections::{BTreeMap, BTreeSet};

use super::*;

#[test]
fn the_same_seed_makes_the_same_days() {
    let all = |seed| Days::new(seed, 2_000).collect::<Vec<_>>();
    assert_eq!(all(1), all(1));
    assert_ne!(all(1), all(2));
}

#[test]
fn days_are_as_long_and_as_full_as_they_were_asked_for() {
    let days = Days::new(7, 20_000).over(10);
    let end = days.end_ns();
    let traces: Vec<_> = days.collect();
    let spans: Vec<&SpanRecord> = traces.iter().flatten().collect();
    assert!((16_000..24_000).contains(&spans.len()), "{} spans", spans.len());
    let starts: Vec<i64> = traces.iter().map(|trace| trace.iter().map(|span| span.start_ns).min().unwrap()).collect();
    assert!(starts.iter().all(|start| (BEGIN..end).contains(start)));
    let of_days: BTreeSet<i64> = starts.iter().map(|start| (start - BEGIN) / DAY).collect();
    assert_eq!(of_days.len(), 10, "no day is empty");
    let bytes: usize = spans.iter().map(|span| span.attributes.size()).sum::<usize>() / spans.len();
    assert!((1_200..1_800).contains(&bytes), "{bytes} bytes of attributes a span");
    let failed = spans.iter().filter(|span| span.status.code == tracing_agents::model::StatusCode::Error).count();
    assert!((100..1_200).contains(&failed), "{failed} spans failed");
}

#[test]
fn sessions_have_all_sizes_and_some_agents_do_most_of_the_work() {
    let mut sessions: BTreeMap<String, usize> = BTreeMap::new();
    let mut agents: BTreeMap<String, usize> = BTreeMap::new();
    for trace in Days::new(3, 40_000) {
        let text = |key| trace.iter().find_map(|span| span.attributes.get(key)).map(|value| format!("{value:?}"));
        *sessions.entry(text("session.id").unwrap()).or_default() += 1;
        *agents.entry(text("gen_ai.agent.name").unwrap_or_default()).or_default() += 1;
    }
    let most = |counts: &BTreeMap<String, usize>| counts.values().max().copied().unwrap();
    assert!(sessions.values().filter(|count| **count == 1).count() > sessions.len() / 10);
    assert!(most(&sessions) > 50, "{} traces in the longest session", most(&sessions));
    assert!(most(&agents) > 20 * agents.values().min().unwrap(), "{agents:?}");
}

#[test]
fn a_long_trace_is_one_tree_of_the_size_that_was_asked_for() {
    let trace = long_trace(5, BEGIN, 1_000, 1_800_000);
    assert_eq!(trace.len(), 1_000);
    let ids: BTreeSet<_> = trace.iter().map(|span| span.span_id).collect();
    assert_eq!(ids.len(), 1_000);
    assert_eq!(trace.iter().filter(|span| span.parent_span_id.is_none()).count(), 1);
    assert!(trace.iter().filter_map(|span| span.parent_span_id).all(|parent| ids.contains(&parent)));
    assert!(trace.is_sorted_by_key(|span| span.end_ns));
    let bytes: usize = trace.iter().map(|span| span.attributes.size()).sum();
    assert!((1_700_000..2_000_000).contains(&bytes), "{bytes} bytes");
}

#[test]
fn a_conversation_sends_all_that_was_said_in_each_turn() {
    let conversation = turns(1, 20);
    let lengths: Vec<usize> =
        conversation.traces.iter().flatten().map(|span| span.attributes.size()).step_by(2).collect();
    assert_eq!(lengths.len(), 20);
    assert!(lengths.is_sorted() && lengths[19] > 5 * lengths[0] && lengths[19] > conversation.said, "{lengths:?}");
}
