//! What models asked for, and what spans and answers there are.

use serde_json::json;

use super::*;
use crate::model::{Role, SpanRecord, Trace};

/// What a model answers, and what its next request carries.
type Said = (Vec<Message>, Vec<Message>);

const fn id(number: u64) -> SpanId {
    SpanId::from_bytes(number.to_be_bytes())
}

fn span(number: u64, parent: u64, kind: Kind) -> Span {
    let start_ns = i64::try_from(number).unwrap();
    let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), id(number), "s", start_ns);
    record.parent_span_id = (parent > 0).then(|| id(parent));
    Span { kind, ..Span::as_recorded(&record) }
}

fn tool(number: u64, parent: u64, name: &str, call: Option<&str>) -> Span {
    let (tool_name, tool_call_id) = ((!name.is_empty()).then(|| name.to_owned()), call.map(str::to_owned));
    Span { tool_name, tool_call_id, ..span(number, parent, Kind::Tool) }
}

fn part_call((id, name): (Option<&str>, &str)) -> Part {
    Part::ToolCall { id: id.map(str::to_owned), name: name.to_owned(), arguments: Some(json!({"x": 2})) }
}

/// A model's answer that asks for tools, without a request.
fn asks(calls: &[(Option<&str>, &str)]) -> Said {
    let parts = calls.iter().copied().map(part_call).collect();
    (Vec::new(), vec![Message { role: Role::Assistant, parts, finish_reason: None }])
}

/// A request that carries the answers to tools' calls.
fn carries(ids: &[Option<&str>], (_, output): Said) -> Said {
    let part = |id: &Option<&str>| Part::ToolCallResponse { id: id.map(str::to_owned), response: json!("4") };
    (vec![Message { role: Role::Tool, parts: ids.iter().map(part).collect(), finish_reason: None }], output)
}

/// `name`, or `name answered`, of each call without a span.
fn left(spans: Vec<Span>, said: &[(u64, Said)]) -> Vec<String> {
    let tree = TraceTree::new(Trace::of_test(TraceId::from_bytes([1; 16]), id(1)), spans);
    let mut requests = Requests::new(&tree);
    for (number, (input, output)) in said {
        let place = tree.spans.iter().position(|span| span.span_id == id(*number)).unwrap();
        requests.read(place, input, output.clone());
    }
    let show = |call: RequestedToolCall| {
        assert_eq!(call.arguments, Some(json!({"x": 2})));
        format!("{}{}", call.tool_name, if call.is_answered { " answered" } else { "" })
    };
    requests.without_span().into_iter().map(show).collect()
}

#[test]
fn what_is_answered_without_a_span_is_told_from_what_was_never_executed() {
    let calls = [(Some("1"), "add"), (Some("2"), "unknown"), (Some("3"), "delete_all")];
    let spans =
        vec![span(1, 0, Kind::Agent), span(2, 1, Kind::Model), tool(3, 1, "add", Some("1")), span(4, 1, Kind::Model)];
    let said = [(2, asks(&calls)), (4, carries(&[Some("1"), Some("2")], asks(&[])))];
    assert_eq!(left(spans, &said), ["unknown answered", "delete_all"]);
}

#[test]
fn ids_that_repeat_belong_to_the_calls_of_their_run() {
    let spans = vec![
        span(1, 0, Kind::Agent),
        span(2, 1, Kind::Model),
        tool(3, 1, "researcher", Some("call_1")),
        span(4, 3, Kind::Agent),
        span(5, 4, Kind::Model),
        tool(6, 4, "add", Some("call_1")),
        span(7, 1, Kind::Model),
    ];
    let said = |second: &str| {
        let again = carries(&[Some("call_1")], asks(&[(Some("call_1"), second)]));
        [
            (2, asks(&[(Some("call_1"), "researcher")])),
            (5, asks(&[(Some("call_1"), "add"), (Some("call_1"), "unknown")])),
            (7, again),
        ]
    };
    assert_eq!(left(spans.clone(), &said("researcher")), ["unknown", "researcher"]);
    let mut spans = spans;
    spans.push(tool(8, 1, "researcher", Some("call_1")));
    assert_eq!(left(spans, &said("researcher")), ["unknown"]);
}

#[test]
fn an_id_that_comes_again_is_answered_by_one_more_answer() {
    let spans = || vec![span(1, 0, Kind::Model), span(2, 0, Kind::Model), span(3, 0, Kind::Model)];
    for call in [Some("call_1"), None] {
        let said = |last: &[Option<&str>]| {
            let first = asks(&[(call, "add")]);
            [(1, first.clone()), (2, carries(&[call], first)), (3, carries(last, asks(&[])))]
        };
        assert_eq!(left(spans(), &said(&[call])), ["add answered", "add"]);
        assert_eq!(left(spans(), &said(&[call, call])), ["add answered", "add answered"]);
    }
    let both = [(1, asks(&[(None, "add"), (None, "save")])), (2, carries(&[None], asks(&[])))];
    assert_eq!(left(spans(), &both), ["add answered", "save"]);
}

#[test]
fn without_ids_a_span_belongs_to_the_last_answer_that_asked_for_its_tool() {
    let spans = |tools: &[Span]| {
        let models = [span(1, 0, Kind::Agent), span(2, 1, Kind::Model), span(5, 1, Kind::Model)];
        models.into_iter().chain(tools.iter().cloned()).collect::<Vec<_>>()
    };
    let said = [(2, asks(&[(None, "add"), (None, "add")])), (5, asks(&[(None, "add"), (None, "save")]))];
    assert_eq!(left(spans(&[]), &said), ["add", "add", "add", "save"]);
    let twice = [tool(3, 1, "add", None), tool(4, 1, "add", Some("own"))];
    assert_eq!(left(spans(&twice), &said), ["add", "save"]);
    let late = [tool(6, 1, "add", None), tool(7, 1, "save", None)];
    assert_eq!(left(spans(&late), &said), ["add", "add"]);
    let early = [tool(1, 1, "add", None)];
    assert_eq!(left(spans(&early), &said).len(), 4, "a span from before the question");
    assert_eq!(left(spans(&[tool(6, 1, "", None)]), &said).len(), 3, "a span that names no tool");
}

#[test]
fn ids_of_two_numberings_do_not_make_a_call_unexecuted() {
    let spans = |tool_id| vec![span(1, 0, Kind::Agent), span(2, 1, Kind::Model), tool(3, 1, "add", Some(tool_id))];
    let said = [(2, asks(&[(Some("fc_1"), "add"), (Some("fc_2"), "add")]))];
    assert_eq!(left(spans("call_1"), &said), ["add"]);
    assert_eq!(left(spans("fc_2"), &said), ["add"]);
}

#[test]
fn a_span_without_an_id_belongs_to_its_tools_call_also_where_ids_repeat() {
    let tools = [tool(3, 1, "broken", Some("call_1")), tool(5, 1, "stop", None)];
    let models = [span(1, 0, Kind::Agent), span(2, 1, Kind::Model), span(4, 1, Kind::Model)];
    let said = [(2, asks(&[(Some("call_1"), "broken")])), (4, asks(&[(Some("call_1"), "stop")]))];
    assert_eq!(left(models.into_iter().chain(tools).collect(), &said), [""; 0]);
}

#[test]
fn a_call_that_several_spans_tell_of_is_asked_for_once() {
    let spans = vec![span(1, 0, Kind::Model), span(2, 1, Kind::Model), tool(3, 2, "c", None), span(4, 3, Kind::Model)];
    for call in [Some("1"), None] {
        let question = asks(&[(call, "a"), (call, "a")]);
        let said = [(1, question.clone()), (2, carries(&[call, call], question)), (4, asks(&[(Some("9"), "b")]))];
        assert_eq!(left(spans.clone(), &said), ["a", "a", "b"]);
    }
}

#[test]
fn what_the_provider_executes_and_spans_of_other_kinds_count() {
    let provided = {
        let (input, mut output) = asks(&[(Some("1"), "web_search")]);
        let answered = Part::ToolCallResponse { id: Some("1".to_owned()), response: json!("found") };
        output[0].parts.push(answered);
        (input, output)
    };
    assert_eq!(left(vec![span(1, 0, Kind::Model)], &[(1, provided)]), ["web_search answered"]);
    let retriever = Span { tool_call_id: Some("1".to_owned()), ..span(2, 0, Kind::Retriever) };
    let said = [(1, asks(&[(Some("1"), "find")]))];
    assert_eq!(left(vec![span(1, 0, Kind::Model), retriever], &said), [""; 0]);
}

#[test]
fn a_run_that_goes_on_after_a_decision_answers_what_the_one_before_asked() {
    let agent = |name: &str, span: Span| {
        let mut identity = span.identity.clone();
        identity.set(IdentityField::AgentName, name);
        Span { identity, ..span }
    };
    let spans = |second: &str| {
        vec![
            span(1, 0, Kind::Agent),
            agent("a", span(2, 1, Kind::Model)),
            span(3, 0, Kind::Agent),
            agent(second, span(4, 3, Kind::Model)),
        ]
    };
    let said = [(2, asks(&[(Some("1"), "pay")])), (4, carries(&[Some("1")], asks(&[])))];
    assert_eq!(left(spans("a"), &said), ["pay answered"]);
    assert_eq!(left(spans("b"), &said), ["pay"]);
}

#[test]
fn many_calls_are_matched_in_reasonable_time() {
    let count = 10_000;
    let spans = (0..count).flat_map(|n| [span(2 * n + 1, 0, Kind::Model), tool(2 * n + 2, 0, "add", None)]);
    let said: Vec<_> = (0..count).map(|n| (2 * n + 1, asks(&[(None, "add")]))).collect();
    let tree = TraceTree::new(Trace::of_test(TraceId::from_bytes([1; 16]), id(1)), spans.collect());
    let mut requests = Requests::new(&tree);
    for (place, (_, (input, output))) in said.into_iter().enumerate() {
        requests.read(2 * place, &input, output);
    }
    assert!(requests.without_span().is_empty());
}
