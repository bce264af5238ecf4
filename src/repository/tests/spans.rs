use super::sample::{SECOND, World, span, span_id, trace_id};
use crate::error::ErrorKind;
use crate::model::{Cursor, IdentityField, Kind, SpanId, TraceId, Usage};
use crate::repository::{SpanFilter, TraceRepository};

fn all(repository: &TraceRepository, filter: &SpanFilter) -> Vec<(TraceId, SpanId)> {
    let mut found = Vec::new();
    let mut filter = filter.clone();
    loop {
        let page = repository.spans(&filter).unwrap();
        found.extend(page.items.iter().map(|span| (span.trace_id, span.span_id)));
        let Some(next) = page.next else { return found };
        filter = filter.after(next);
    }
}

fn keys(keys: impl IntoIterator<Item = (u64, u64)>) -> Vec<(TraceId, SpanId)> {
    keys.into_iter().map(|(trace, span)| (trace_id(trace), span_id(span))).collect()
}

#[test]
fn each_field_holds_on_the_span_itself() {
    let mut model = span(0, 1).agent("A");
    model.kind = Kind::Model;
    model.request_model = Some("m".into());
    model.usage = Some(Usage::new(900, 100));
    let mut tool = span(0, 2).tool("search").failing();
    tool.tool_call_id = Some("c1".into());
    // An agent without a name: the model's call belongs to its run.
    let mut run = span(0, 0).being(IdentityField::UserId, "u");
    run.kind = Kind::Agent;
    let spans = [run, model, tool, span(1, 0).running()];
    let repository = World::with(spans).repository;
    let (trace, root) = (trace_id(0), span_id(0));
    for (filter, expected) in [
        ("agent:A", vec![(0, 1)]),
        ("agent:A model:m", vec![(0, 1)]),
        ("agent:A tool:search", vec![]),
        // What a span has from its ancestors is its own too.
        ("user:u", vec![(0, 2), (0, 1), (0, 0)]),
        ("user:u tool:search,other", vec![(0, 2)]),
        ("kind:tool status:error", vec![(0, 2)]),
        ("call:c1", vec![(0, 2)]),
        ("state:open", vec![(1, 0)]),
        ("state:closed", vec![(0, 2), (0, 1), (0, 0)]),
        ("tokens>=1k", vec![(0, 1)]),
        ("duration>=1s until:1970-01-01T00:00:00.000000001Z", vec![(0, 0)]),
        ("duration>1s", vec![]),
        (r#"name:"span 0""#, vec![(1, 0), (0, 0)]),
        // What has no agent at all is not A either.
        ("-agent:A", vec![(1, 0), (0, 2), (0, 0)]),
        ("user:u -kind:tool -status:ok", vec![(0, 1), (0, 0)]),
        (r#"-name:"span 0" -model:x"#, vec![(0, 2), (0, 1)]),
        ("-status:error -user:u", vec![(1, 0)]),
        (&format!("trace:{trace}"), vec![(0, 2), (0, 1), (0, 0)]),
        (&format!("trace:{trace} parent:{root}"), vec![(0, 2), (0, 1)]),
        (&format!("trace:{trace} agent:A since:1970-01-01T00:00:00.000000001Z"), vec![(0, 1)]),
        (&format!("parent:{root} kind:model"), vec![(0, 1)]),
        ("since:1970-01-01T00:00:01Z", vec![(1, 0)]),
    ] {
        for limit in [1, 2, 20] {
            let filter = filter.parse::<SpanFilter>().unwrap().limit(limit);
            assert_eq!(all(&repository, &filter), keys(expected.clone()), "{filter}");
        }
    }
}

#[test]
fn pages_by_time_lose_and_repeat_nothing() {
    // More spans at one nanosecond than the window of a plain page is wide, and more in all than one call looks at.
    let spans = (0..1_150).flat_map(|trace| {
        (0..10).map(move |number| {
            let start = if trace < 120 { SECOND } else { 2 * SECOND + i64::try_from(trace / 3).unwrap() };
            let span = span(trace, number).starting(start).agent("everyone");
            if trace == 7 && number > 6 { span.tool("rare") } else { span }
        })
    });
    let repository = World::with(spans).repository;
    let mut expected: Vec<(i64, u64, u64)> = (0..1_150)
        .flat_map(|trace: u64| (0..10).map(move |number| (trace, number)))
        .map(|(trace, number)| {
            let start = if trace < 120 { SECOND } else { 2 * SECOND + i64::try_from(trace / 3).unwrap() };
            (start, trace, number)
        })
        .collect();
    expected.sort_unstable_by(|a, b| b.cmp(a));
    let expected = keys(expected.into_iter().map(|(_, trace, number)| (trace, number)));
    assert_eq!(all(&repository, &SpanFilter::new().limit(1_000)), expected);
    assert_eq!(all(&repository, &SpanFilter::new().limit(999).agent("everyone")), expected);
    // Found through its trace, in one call.
    let rare = repository.spans(&SpanFilter::new().tool("rare")).unwrap();
    assert_eq!((rare.items.len(), rare.next), (3, None));
    // Led by the field that occurs in few traces, wherever it stands.
    let led = SpanFilter::new().agent("everyone").kind(Kind::Tool).until_ns(3 * SECOND);
    assert_eq!(all(&repository, &led), keys([(7, 9), (7, 8), (7, 7)]));
    // Found by time, in more calls than one.
    let slow = SpanFilter::new().agent("everyone").kind(Kind::Span).name("span 9").until_ns(3 * SECOND).limit(900);
    let nines: Vec<_> =
        expected.iter().copied().filter(|(trace, span)| *span == span_id(9) && *trace != trace_id(7)).collect();
    assert_eq!(all(&repository, &slow), nines);
    let by_parent = SpanFilter::new().parent(span_id(5));
    let first = repository.spans(&by_parent).unwrap();
    assert!(first.items.is_empty() && first.next.is_some());
    assert_eq!(all(&repository, &by_parent), []);
}

#[test]
fn cursors_of_other_lists_are_refused() {
    let repository = World::with([span(0, 0)]).repository;
    for id in [vec![], vec![1; 16], vec![1; 23], vec![1; 25]] {
        let filter = SpanFilter::new().after(Cursor { time_ns: 5, id });
        assert_eq!(repository.spans(&filter).unwrap_err().kind(), ErrorKind::InvalidInput);
    }
}

#[test]
fn a_span_comes_with_its_content() {
    let repository = World::with([span(0, 0)]).repository;
    let detail = repository.span(trace_id(0), span_id(0)).unwrap();
    assert_eq!(detail.span.name, "span 0");
    assert_eq!(detail.content.flags, 1);
    let error = repository.span(trace_id(0), span_id(1)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(error.to_string().contains(&span_id(1).to_string()));
}
