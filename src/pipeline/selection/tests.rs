use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::model::{
    Cost, CostSource, IdentityField, Kind, Origin, ProcessId, SpanId, StatusCode, TraceId, Usage,
};
use crate::semconv::interpret;

/// Trace `trace` is of the share that is kept if `share` of the id space is asked for, and its random part is as high.
fn trace(number: u8, random: f64) -> TraceId {
    let mut bytes = [0; 16];
    bytes[0] = number;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test's share of 256")]
    let high = (random * 256.0) as u8;
    bytes[9] = high;
    bytes[15] = 1;
    TraceId::from_bytes(bytes)
}

fn span(trace: TraceId, id: u8, parent: Option<u8>) -> InterpretedSpan {
    let id_of = |id: u8| SpanId::from_bytes([id; 8]);
    let mut record = SpanRecord::new(trace, id_of(id), "span", 0);
    record.parent_span_id = parent.map(id_of);
    record.end_ns = Some(1_000_000);
    record.origin = Some(Origin { process: ProcessId::from_bytes([1; 16]), sequence: id.into() });
    interpret(record)
}

fn sampled(sampling: TailSampling) -> Selection {
    Selection::new(&Settings { tail_sampling: Some(sampling), ..Settings::default() }).unwrap()
}

fn kept(selected: &Selected) -> Vec<u64> {
    selected.keep.iter().filter_map(number).collect()
}

/// The share of no trace is kept.
const LOW: f64 = 0.0;

#[test]
fn where_all_is_kept_nothing_decides() {
    assert!(Selection::new(&Settings::default()).is_none());
}

#[test]
fn a_trace_is_held_until_its_root_ends_and_what_comes_later_follows() {
    let now = Instant::now();
    let mut selection = sampled(TailSampling::new().keep_share(0.5));
    let (dull, lucky) = (trace(1, LOW), trace(2, 0.9));
    let selected = selection.decide(vec![span(dull, 2, Some(1)), span(lucky, 12, Some(11))], now);
    assert_eq!((kept(&selected), selected.held, selected.by_trace), (vec![], 2, 0));
    assert_eq!(selected.kept_back, [2, 12]);
    let selected = selection.decide(vec![span(dull, 1, None), span(lucky, 11, None)], now);
    assert_eq!((kept(&selected), selected.held, selected.by_trace), (vec![12, 11], -2, 2));
    assert_eq!(selected.kept_back, [1]);
    let selected = selection.decide(vec![span(dull, 3, Some(1)), span(lucky, 13, Some(11))], now);
    assert_eq!((kept(&selected), selected.held, selected.by_trace), (vec![13], 0, 1));
    assert_eq!((selection.kept_traces().share, selection.discarded_traces()), (1, 1));
}

#[test]
fn each_reason_keeps_its_traces_at_the_span_that_gives_it() {
    let plain = || span(trace(1, LOW), 2, Some(1));
    let with = |change: fn(&mut InterpretedSpan)| {
        let mut span = plain();
        change(&mut span);
        span
    };
    type Count = fn(&KeptTraces) -> u64;
    let cases: [(TailSampling, InterpretedSpan, Count); 7] = [
        (TailSampling::new().keep_errors(), with(|s| s.span.status.code = StatusCode::Error), |kept| kept.error),
        (
            TailSampling::new().keep_slower_than(Duration::from_secs(2)),
            with(|s| s.span.end_ns = Some(2_000_000_001)),
            |kept| kept.slow,
        ),
        (
            TailSampling::new().keep_costlier_than(0.5),
            with(|s| s.span.cost = Cost::from_usd(0.51, CostSource::Provider)),
            |kept| kept.cost,
        ),
        (
            TailSampling::new().keep_tokens_above(1000),
            with(|s| (s.span.kind, s.span.usage) = (Kind::Model, Some(Usage::new(1000, 1)))),
            |kept| kept.tokens,
        ),
        (
            TailSampling::new().keep_agent("Refunds"),
            with(|s| s.span.identity.set(IdentityField::TeamName, "Refunds")),
            |kept| kept.chosen,
        ),
        (
            TailSampling::new().keep_user("ada"),
            with(|s| s.span.identity.set(IdentityField::UserId, "ada")),
            |kept| kept.chosen,
        ),
        (
            TailSampling::new().keep_session("s-1"),
            with(|s| s.span.identity.set(IdentityField::SessionId, "s-1")),
            |kept| kept.chosen,
        ),
    ];
    for (sampling, speaks, counter) in cases {
        let now = Instant::now();
        let mut selection = sampled(sampling);
        let mut other = span(trace(1, LOW), 3, Some(1));
        other.span.end_ns = Some(2_000_000_000);
        assert_eq!(kept(&selection.decide(vec![other], now)), [0; 0], "held");
        assert_eq!(kept(&selection.decide(vec![speaks], now)), [3, 2], "all that was held is kept");
        assert_eq!((counter(&selection.kept_traces()), selection.discarded_traces()), (1, 0));
        let dull = selection.decide(vec![span(trace(2, LOW), 9, None)], now);
        assert_eq!((kept(&dull), dull.by_trace), (vec![], 1));
    }
}

#[test]
fn tokens_that_a_run_repeats_count_once() {
    let now = Instant::now();
    let mut selection = sampled(TailSampling::new().keep_tokens_above(100));
    let mut call = span(trace(1, LOW), 2, Some(1));
    (call.span.kind, call.span.usage) = (Kind::Model, Some(Usage::new(50, 10)));
    let mut run = span(trace(1, LOW), 1, None);
    (run.span.kind, run.span.usage) = (Kind::Agent, Some(Usage::new(50, 10)));
    assert_eq!(selection.decide(vec![call, run], now).by_trace, 2);
}

#[test]
fn a_part_whose_root_is_elsewhere_ends_with_its_local_root_or_when_it_is_idle() {
    let now = Instant::now();
    let mut selection = sampled(TailSampling::new().decision_wait(Duration::from_secs(60)));
    let mut local_root = span(trace(1, LOW), 1, Some(99));
    local_root.span.parent_is_remote = true;
    assert_eq!(selection.decide(vec![local_root], now).by_trace, 1);
    assert_eq!(selection.decide(vec![span(trace(2, LOW), 2, Some(98))], now).held, 1);
    assert_eq!(selection.tick(now + Duration::from_secs(59)).by_trace, 0);
    let selected = selection.tick(now + Duration::from_secs(60));
    assert_eq!((selected.by_trace, selected.held), (1, -1));
}

#[test]
fn without_room_to_wait_a_trace_is_kept_and_not_lost() {
    let start = Instant::now();
    let mut selection = sampled(TailSampling::new().max_held_spans(2));
    for (number, later) in [(1, 0), (2, 1)] {
        selection.decide(vec![span(trace(number, LOW), number, Some(99))], start + Duration::from_secs(later));
    }
    let selected = selection.decide(vec![span(trace(3, LOW), 3, Some(99))], start + Duration::from_secs(2));
    assert_eq!((kept(&selected), selected.held), (vec![1], 0));
    assert_eq!(selection.kept_traces().early, 1);
    assert_eq!(kept(&selection.decide(vec![span(trace(1, LOW), 4, Some(99))], start)), [4]);
    let end = selection.end();
    assert_eq!((end.by_trace, end.held), (2, -2));
}

#[test]
fn open_spans_are_shown_once_their_trace_is_kept() {
    let now = Instant::now();
    let mut selection = sampled(TailSampling::new().keep_user("ada").keep_share(0.5));
    let open = span(trace(1, LOW), 1, None).record;
    assert!(!selection.shows(&open) && !selection.keeps_open(&open));
    assert!(selection.keeps_open(&span(trace(2, 0.9), 1, None).record), "by the share, when nothing more can come");
    let mut chosen = span(trace(1, LOW), 2, Some(1));
    chosen.span.identity.set(IdentityField::UserId, "ada");
    selection.decide(vec![chosen], now);
    assert!(selection.shows(&open) && selection.keeps_open(&open));
}

#[test]
fn a_kind_is_left_out_where_no_kept_span_stands_below() {
    let settings = Settings { without_kinds: vec![Kind::Span], ..Settings::default() };
    let mut selection = Selection::new(&settings).unwrap();
    let of = |kind, id, parent| {
        let mut span = span(trace(1, LOW), id, parent);
        span.span.kind = kind;
        span
    };
    let selected = selection.decide(
        vec![
            of(Kind::Span, 5, Some(4)),
            of(Kind::Span, 4, Some(3)),
            of(Kind::Tool, 6, Some(3)),
            of(Kind::Span, 3, Some(2)),
            of(Kind::Span, 2, Some(1)),
            of(Kind::Agent, 1, None),
            of(Kind::Span, 7, None),
        ],
        Instant::now(),
    );
    assert_eq!((kept(&selected), selected.by_kind), (vec![6, 3, 2, 1], 3));
    assert_eq!(selected.kept_back, [5, 4, 7]);
}

proptest! {
    /// However traces come: each span is in one place, traces are kept whole or not at all, and the sums hold.
    #[test]
    fn traces_are_kept_whole_or_not_at_all(
        spans in prop::collection::vec((0_u8..5, any::<bool>(), any::<bool>()), 1..60),
        share in 0.0..1.0_f64,
        batch in 1_usize..8,
        room in 1_usize..100,
    ) {
        let now = Instant::now();
        let mut selection = sampled(TailSampling::new().keep_errors().keep_share(share).max_held_spans(room));
        let all: Vec<InterpretedSpan> = spans.iter().zip(1_u8..).map(|((of, fails, is_root), id)| {
            let mut span = span(trace(*of, f64::from(*of) / 5.0), id, (!is_root).then_some(200));
            if *fails {
                span.span.status.code = StatusCode::Error;
            }
            span
        }).collect();
        let (mut kept_spans, mut by_trace, mut held) = (Vec::new(), 0, 0);
        for batch in all.chunks(batch) {
            let selected = selection.decide(batch.to_vec(), now);
            (by_trace, held) = (by_trace + selected.by_trace, held + selected.held);
            kept_spans.extend(selected.keep);
            prop_assert!(held >= 0 && held <= i64::try_from(room).unwrap());
        }
        let end = selection.end();
        prop_assert_eq!(held + end.held, 0);
        kept_spans.extend(end.keep);
        by_trace += end.by_trace;
        prop_assert_eq!(kept_spans.len() + usize::try_from(by_trace).unwrap(), all.len());
        for trace in all.iter().map(|span| span.span.trace_id) {
            let of = |spans: &[InterpretedSpan]| spans.iter().filter(|span| span.span.trace_id == trace).count();
            prop_assert!(of(&kept_spans) == 0 || of(&kept_spans) == of(&all));
        }
    }
}
