//! Order and repetition of batches must not matter, and the step-by-step summaries must agree with a recompute.

mod costs;
mod statements;
mod strays;

use diesel::prelude::*;
use proptest::prelude::*;

use super::*;
use crate::model::{
    Cost, CostSource, Identity, IdentityField, InterpretedSpan, Kind, Lift, Phase, Span, SpanId, SpanRecord, SpanState,
    Status, StatusCode, Told, TraceId, Unrecorded, Usage,
};
use crate::semconv::Prices;
use crate::store::Store;
use crate::store::rollup::tests::assert_rolled_up;
use crate::store::rows::{FacetRow, SessionRow};
use crate::store::schema::{sessions, span_contents, spans, trace_facets, traces};

/// What a test says of a span; the rest is filled in.
#[derive(Debug, Clone)]
struct Sketch {
    trace: u16,
    span: u16,
    parent: Option<u16>,
    kind: Kind,
    start: i64,
    end: Option<i64>,
    tokens: Option<u64>,
    cost: Option<i64>,
    error: bool,
    input: Option<&'static str>,
    state: SpanState,
    session: Option<&'static str>,
    conversation: Option<&'static str>,
    user: Option<&'static str>,
    agent: Option<&'static str>,
    /// What it tells of another span, at a time: how a tool failed, what a call took, where a run began or ended, what it was asked, or
    /// that a call was made.
    tells: Option<(Tells, i64)>,
}

#[derive(Debug, Clone, Copy)]
enum Tells {
    Failure,
    Usage,
    Began,
    Ended(&'static str),
    Question,
    ToolCall { id: Option<&'static str>, duration: i64, has_failed: bool },
    ModelCall { duration: Option<i64>, tokens: u64 },
    Adrift,
    Unanswered,
}

impl Tells {
    fn told(self, time_ns: i64) -> Told {
        let kind = match self {
            Self::Failure | Self::ToolCall { .. } => Kind::Tool,
            Self::Usage | Self::ModelCall { .. } => Kind::Model,
            Self::Began | Self::Ended(_) | Self::Question | Self::Adrift | Self::Unanswered => Kind::Agent,
        };
        let (mut agent_name, mut phase, mut tool_call_id, mut unrecorded) = (None, None, None, None);
        let (mut error, mut usage, mut lifts) = (None, None, Vec::new());
        match self {
            Self::Failure => error = Some("no".to_owned()),
            Self::Usage => usage = Some(Usage::new(3, 1)),
            Self::Began => phase = Some(Phase::Began),
            Self::Ended(agent) => (agent_name, phase) = (Some(agent.to_owned()), Some(Phase::Ended)),
            Self::Question => lifts.push(Lift::new("input.value", None, "input.value")),
            Self::ToolCall { id, duration, has_failed } => {
                tool_call_id = id.map(str::to_owned);
                error = has_failed.then(String::new);
                lifts.push(Lift::new("gen_ai.tool.call.arguments", None, "input.value"));
                unrecorded = Some(Unrecorded { duration_ns: Some(duration), ..Unrecorded::default() });
            }
            Self::ModelCall { duration, tokens } => {
                usage = Some(Usage::new(tokens, 1));
                let request_model = Some("m".to_owned());
                unrecorded = Some(Unrecorded { duration_ns: duration, request_model, ..Unrecorded::default() });
            }
            Self::Adrift => phase = Some(Phase::Adrift),
            Self::Unanswered => phase = Some(Phase::Unanswered),
        }
        Told { kind, time_ns, tool_name: None, tool_call_id, agent_name, phase, error, usage, lifts, unrecorded }
    }
}

fn trace_id(number: u16) -> TraceId {
    TraceId::from_bytes((u128::from(number) + 1).to_be_bytes())
}

fn span_id(number: u16) -> SpanId {
    SpanId::from_bytes((u64::from(number) + 1).to_be_bytes())
}

impl Sketch {
    fn item(&self) -> InterpretedSpan {
        let trace_id = trace_id(self.trace);
        let own_id = span_id(self.span);
        let mut identity = Identity::default();
        for (field, value) in [
            (IdentityField::SessionId, self.session),
            (IdentityField::ConversationId, self.conversation),
            (IdentityField::UserId, self.user),
            (IdentityField::AgentName, self.agent),
        ] {
            identity.set(field, value.unwrap_or_default());
        }
        if self.kind == Kind::Step {
            identity.set(IdentityField::StepName, format!("span {}", self.span));
        }
        let mut record = SpanRecord::new(trace_id, own_id, format!("span {}", self.span), self.start);
        record.end_ns = self.end;
        record.state = self.state;
        record.parent_span_id = self.parent.map(span_id);
        // Facts follow from what was recorded; here the sketch stands for it, but for what stands in the record itself.
        let told = Self { start: 0, parent: None, ..self.clone() };
        record.attributes.push("sketch", format!("{told:?}"));
        if let Some(input) = self.input {
            record.attributes.push("input.value", input);
        }
        let status =
            Status { code: if self.error { StatusCode::Error } else { StatusCode::Unset }, message: String::new() };
        let span = Span {
            display_name: format!("{} {}", self.kind, self.span),
            kind: self.kind,
            status,
            identity,
            request_model: self.kind.is_model_call().then(|| "m".to_owned()),
            // Some calls have an id, and some of these the same.
            tool_call_id: (self.kind == Kind::Tool && self.span.is_multiple_of(2))
                .then(|| format!("c{}", self.span % 4)),
            usage: self.tokens.map(|tokens| Usage::new(tokens, 1)),
            cost: self.cost.map(|nano_usd| Cost { nano_usd, source: CostSource::Client, price_version: None }),
            ..Span::as_recorded(&record)
        };
        let told = self.tells.map(|(tells, time_ns)| tells.told(time_ns));
        InterpretedSpan::new(record, span).with_told(told.into_iter().collect())
    }
}

/// Spans of a few traces.
fn sketch(traces: u16) -> impl Strategy<Value = Sketch> {
    let kind = prop_oneof![
        Just(Kind::Agent),
        Just(Kind::Team),
        Just(Kind::Model),
        Just(Kind::Model),
        Just(Kind::Tool),
        Just(Kind::Step),
        Just(Kind::Span),
    ];
    let place = (0..traces, 0u16..8, proptest::option::of(0u16..8));
    // Few times, so that versions differ by little; the smallest are on another day.
    let start = prop_oneof![-2i64..8, Just(-2 * 86_400_000_000_000)];
    let state =
        prop_oneof![1 => Just(SpanState::Open), 1 => Just(SpanState::Interrupted), 3 => Just(SpanState::Closed)];
    let times = (start, 0i64..8, state);
    let tokens = prop_oneof![8 => 0u64..4, 1 => Just(u64::MAX)];
    let usage = (proptest::option::of(tokens), proptest::option::of(0i64..4), proptest::bool::weighted(0.2));
    let ids = (
        proptest::option::weighted(0.3, prop_oneof![Just("s1"), Just("s2"), Just("s3")]),
        proptest::option::weighted(0.3, prop_oneof![Just("c1"), Just("s2")]),
        proptest::option::of(prop_oneof![Just("u1"), Just("u2")]),
        proptest::option::of(prop_oneof![Just("A"), Just("B")]),
        proptest::option::of(prop_oneof![Just("why?"), Just("{}")]),
    );
    let tells = prop_oneof![
        Just(Tells::Failure),
        Just(Tells::Usage),
        Just(Tells::Began),
        Just(Tells::Adrift),
        Just(Tells::Unanswered),
        prop_oneof![Just("A"), Just("B")].prop_map(Tells::Ended),
        Just(Tells::Question),
        (proptest::option::of(prop_oneof![Just("c0"), Just("c2"), Just("c4")]), durations(), any::<bool>())
            .prop_map(|(id, duration, has_failed)| Tells::ToolCall { id, duration, has_failed }),
        (proptest::option::of(durations()), 0u64..3)
            .prop_map(|(duration, tokens)| Tells::ModelCall { duration, tokens }),
    ];
    let tells = proptest::option::weighted(0.4, (tells, 0i64..8));
    (place, kind, times, usage, ids, tells).prop_map(
        |(
            (trace, span, parent),
            kind,
            (start, length, state),
            (tokens, cost, error),
            (session, conversation, user, agent, input),
            tells,
        )| Sketch {
            trace,
            span,
            parent,
            kind,
            start,
            end: (state != SpanState::Open).then_some(start + length),
            tokens,
            cost,
            error,
            input,
            state,
            session,
            conversation,
            user,
            agent,
            tells,
        },
    )
}

/// How long told calls took; some began on another day.
fn durations() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0i64..6, 1 => Just(86_400_000_000_000)]
}

/// All rows but the times of writing, in key order.
#[derive(Debug, PartialEq)]
struct Dump {
    spans: Vec<SpanRow>,
    contents: Vec<ContentRow>,
    traces: Vec<TraceRow>,
    facets: Vec<FacetRow>,
    sessions: Vec<SessionRow>,
}

fn dump(store: &Store) -> Dump {
    store
        .read(|connection| {
            let dump: QueryResult<Dump> = dispatch!(connection, c => {
                Ok(Dump {
                    spans: spans::table.order((spans::trace_id, spans::span_id)).select(SpanRow::as_select()).load(c)?,
                    contents: span_contents::table
                        .order((span_contents::trace_id, span_contents::span_id))
                        .select(ContentRow::as_select())
                        .load(c)?,
                    traces: traces::table.order(traces::trace_id).select(TraceRow::as_select()).load(c)?,
                    facets: trace_facets::table
                        .order((trace_facets::trace_id, trace_facets::field, trace_facets::value))
                        .select(FacetRow::as_select())
                        .load(c)?,
                    sessions: sessions::table.order(sessions::session_id).select(SessionRow::as_select()).load(c)?,
                })
            });
            Ok(dump?)
        })
        .unwrap()
}

fn write(store: &Store, batch: &[Sketch]) {
    let items: Vec<InterpretedSpan> = batch.iter().map(Sketch::item).collect();
    let prepared = prepare(&items, 0, true).unwrap();
    store.write(|connection| write_batch(connection, prepared, NewRows::Add, &Prices::default())).unwrap();
}

fn recompute_all(store: &Store) {
    for trace in dump(store).traces {
        assert!(store.recompute_trace(TraceId::from_slice(&trace.trace_id).unwrap()).unwrap());
    }
}

fn model(span: u16, parent: Option<u16>, tokens: Option<u64>) -> Sketch {
    Sketch {
        trace: 0,
        span,
        parent,
        kind: Kind::Model,
        start: i64::from(span),
        end: Some(50),
        tokens,
        cost: None,
        error: false,
        input: None,
        state: SpanState::Closed,
        session: None,
        conversation: None,
        user: None,
        agent: None,
        tells: None,
    }
}

fn total(store: &Store) -> Option<i64> {
    dump(store).traces[0].input_tokens
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Any split into batches, any order, any repetition: the same tables, and a recompute changes nothing.
    #[test]
    fn order_and_repetition_do_not_matter(
        sketches in proptest::collection::vec(sketch(2), 1..24),
        order in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..4), 0..24),
    ) {
        let straight = Store::open("sqlite::memory:").unwrap();
        write(&straight, &sketches);
        let expected = dump(&straight);

        let shuffled = Store::open("sqlite::memory:").unwrap();
        for (place, length) in &order {
            let from = place.index(sketches.len());
            let batch: Vec<Sketch> = sketches[from..].iter().take(*length).cloned().collect();
            write(&shuffled, &batch);
        }
        for one in sketches.iter().rev() {
            write(&shuffled, std::slice::from_ref(one));
        }
        prop_assert_eq!(&dump(&shuffled), &expected);
        assert_rolled_up(&shuffled);

        recompute_all(&shuffled);
        prop_assert_eq!(&dump(&shuffled), &expected);
        assert_rolled_up(&shuffled);
    }

    /// After each batch, a recompute changes nothing; also when traces are deleted in between.
    #[test]
    fn each_step_agrees_with_a_recompute(
        batches in proptest::collection::vec((proptest::collection::vec(sketch(4), 1..12), any::<u8>()), 1..10),
    ) {
        let store = Store::open("sqlite::memory:").unwrap();
        for (batch, deleted) in batches {
            write(&store, &batch);
            let stepwise = dump(&store);
            recompute_all(&store);
            prop_assert_eq!(&dump(&store), &stepwise);
            if deleted < 20 {
                store.delete_traces(&[trace_id(u16::from(deleted % 4))]).unwrap();
            }
            if deleted % 2 == 0 {
                assert_rolled_up(&store);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(80))]

    /// The same for batches that reach into many traces and sessions at once.
    #[test]
    fn traces_side_by_side_in_a_batch_do_not_touch_each_other(
        sketches in proptest::collection::vec(sketch(7), 1..80),
        shuffles in proptest::collection::vec((any::<prop::sample::Index>(), 1usize..40), 1..12),
    ) {
        let straight = Store::open("sqlite::memory:").unwrap();
        write(&straight, &sketches);
        let expected = dump(&straight);

        // Trace by trace: what each would be alone.
        let apart = Store::open("sqlite::memory:").unwrap();
        for trace in 0..7 {
            write(&apart, &sketches.iter().filter(|sketch| sketch.trace == trace).cloned().collect::<Vec<_>>());
        }
        prop_assert_eq!(&dump(&apart), &expected);

        let shuffled = Store::open("sqlite::memory:").unwrap();
        let mut rest: Vec<Sketch> = sketches.clone();
        for (place, length) in &shuffles {
            // From anywhere, across the end, and half of it again with the next.
            let from = place.index(rest.len());
            rest.rotate_left(from);
            let length = (*length).min(rest.len());
            write(&shuffled, &rest[..length]);
            rest.drain(..length / 2);
        }
        rest.reverse();
        write(&shuffled, &rest);
        prop_assert_eq!(&dump(&shuffled), &expected);
        assert_rolled_up(&shuffled);

        recompute_all(&shuffled);
        prop_assert_eq!(&dump(&shuffled), &expected);
        assert_rolled_up(&shuffled);
    }
}

#[test]
fn a_replayed_batch_changes_nothing() {
    let store = Store::open("sqlite::memory:").unwrap();
    let batch = [model(0, None, Some(5)), model(1, Some(0), None)];
    write(&store, &batch);
    let first = dump(&store);
    write(&store, &batch);
    assert_eq!(dump(&store), first);
}

#[test]
fn an_agents_own_sum_is_not_added_to_its_model_calls() {
    let store = Store::open("sqlite::memory:").unwrap();
    let agent = Sketch { kind: Kind::Agent, ..model(0, None, Some(34)) };
    write(&store, &[model(1, Some(0), Some(17)), model(2, Some(0), Some(17))]);
    write(&store, &[agent]);
    assert_eq!(total(&store), Some(34));
}

#[test]
fn an_agents_own_sum_counts_when_no_model_call_reports() {
    let store = Store::open("sqlite::memory:").unwrap();
    write(&store, &[Sketch { kind: Kind::Agent, ..model(0, None, Some(34)) }, model(1, Some(0), None)]);
    assert_eq!(total(&store), Some(34));
}

#[test]
fn tokens_and_costs_count_apart() {
    let run = |tokens, cost| Sketch { kind: Kind::Agent, cost, ..model(0, None, tokens) };
    let of = |span, kind, tokens, cost| Sketch { kind, cost, ..model(span, Some(0), tokens) };
    // What a run reports, over what reports only the other: both count.
    let cases = [
        (run(Some(34), None), of(1, Kind::Tool, None, Some(5)), (Some(34), Some(5))),
        (run(None, Some(9)), of(1, Kind::Model, Some(17), None), (Some(17), Some(9))),
        (run(Some(34), Some(9)), of(1, Kind::Model, Some(17), None), (Some(17), Some(9))),
        (run(Some(34), Some(9)), of(1, Kind::Model, Some(17), Some(4)), (Some(17), Some(4))),
        // One model call within another.
        (model(0, None, Some(17)), of(1, Kind::Model, None, Some(4)), (Some(17), Some(4))),
    ];
    for (above, below, expected) in cases {
        for batch in [[&above, &below], [&below, &above]] {
            let store = Store::open("sqlite::memory:").unwrap();
            batch.into_iter().for_each(|sketch| write(&store, std::slice::from_ref(sketch)));
            let trace = &dump(&store).traces[0];
            assert_eq!((trace.input_tokens, trace.cost_nano_usd), expected, "{above:?} over {below:?}");
        }
    }
}

#[test]
fn calls_without_a_cost_are_counted() {
    let store = Store::open("sqlite::memory:").unwrap();
    let of = |trace, span, cost| Sketch { trace, cost, session: Some("s1"), ..model(span, None, Some(1)) };
    write(&store, &[of(0, 0, None), of(0, 1, Some(2)), of(1, 0, None)]);
    let counts = |store: &Store| {
        let dump = dump(store);
        let traces: Vec<i64> = dump.traces.iter().map(|trace| trace.unpriced_count).collect();
        (traces, dump.sessions[0].unpriced_count)
    };
    assert_eq!(counts(&store), (vec![1, 1], 2));
    // The same call, told by a span inside of it.
    write(&store, &[Sketch { parent: Some(0), ..of(0, 2, Some(3)) }]);
    assert_eq!(counts(&store), (vec![0, 1], 1));
}

#[test]
fn a_step_stands_on_all_that_is_below_it() {
    let store = Store::open("sqlite::memory:").unwrap();
    let step = |span, parent| Sketch { kind: Kind::Step, parent, ..model(span, None, None) };
    write(&store, &[model(2, Some(1), Some(1)), step(0, None), model(4, Some(3), Some(1))]);
    write(&store, &[step(3, Some(0)), step(1, Some(0)), model(5, Some(0), Some(1))]);
    let dump = dump(&store);
    let steps: Vec<Option<&str>> = dump.spans.iter().map(|row| row.step_name.as_deref()).collect();
    let expected = ["span 0", "span 1", "span 1", "span 3", "span 3", "span 0"].map(Some);
    assert_eq!(steps, expected);
    let facets: Vec<(&str, i64)> = dump
        .facets
        .iter()
        .filter(|facet| facet.field == "step")
        .map(|facet| (facet.value.as_str(), facet.span_count))
        .collect();
    assert_eq!(facets, [("span 0", 2), ("span 1", 2), ("span 3", 2)]);
}

#[test]
fn nested_spans_of_one_model_call_count_once_whatever_comes_first() {
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
        let store = Store::open("sqlite::memory:").unwrap();
        let nest = [model(0, None, Some(17)), model(1, Some(0), None), model(2, Some(1), Some(17))];
        for place in order {
            write(&store, std::slice::from_ref(&nest[place]));
        }
        assert_eq!(total(&store), Some(17));
    }
}

#[test]
fn a_model_call_behind_a_tool_is_another_call() {
    let store = Store::open("sqlite::memory:").unwrap();
    let tool = Sketch { kind: Kind::Tool, ..model(1, Some(0), None) };
    write(&store, &[model(0, None, Some(10)), tool, model(2, Some(1), Some(7))]);
    assert_eq!(total(&store), Some(17));
}

#[test]
fn a_session_whose_summary_is_missing_gets_one_of_all_its_traces() {
    let store = Store::open("sqlite::memory:").unwrap();
    let of = |trace, span| Sketch { trace, session: Some("s1"), ..model(span, None, Some(1)) };
    write(&store, &[of(0, 0), of(1, 0)]);
    store
        .write(|connection| Ok(dispatch!(connection, c => diesel::delete(sessions::table).execute(c)).map(drop)?))
        .unwrap();
    write(&store, &[of(1, 1)]);
    let session = &dump(&store).sessions[0];
    assert_eq!((session.trace_count, session.span_count, session.input_tokens), (2, 3, Some(3)));
}

#[test]
fn absent_tokens_stay_absent() {
    let store = Store::open("sqlite::memory:").unwrap();
    write(&store, &[model(0, None, None)]);
    assert_eq!(total(&store), None);
    write(&store, &[model(1, None, Some(0))]);
    assert_eq!(total(&store), Some(0));
}

#[test]
fn a_closed_version_replaces_an_open_one_and_never_the_other_way() {
    let store = Store::open("sqlite::memory:").unwrap();
    let open = Sketch { end: None, state: SpanState::Open, ..model(0, None, None) };
    let closed = model(0, None, Some(3));
    write(&store, std::slice::from_ref(&open));
    assert_eq!(dump(&store).traces[0].status, "running");
    write(&store, &[closed]);
    write(&store, &[open]);
    let after = dump(&store);
    assert_eq!((after.traces[0].status.as_str(), after.traces[0].open_count, after.spans.len()), ("ok", 0, 1));
}

#[test]
fn a_late_root_names_the_trace_and_moves_its_start() {
    let store = Store::open("sqlite::memory:").unwrap();
    let agent = Sketch { kind: Kind::Agent, start: -5, agent: Some("A"), ..model(0, None, None) };
    write(&store, &[Sketch { session: Some("s1"), ..model(1, Some(0), Some(4)) }]);
    write(&store, &[agent]);
    let after = dump(&store);
    assert_eq!((after.traces[0].name.as_str(), after.traces[0].start_ns), ("agent 0", -5));
    assert!(after.facets.iter().all(|facet| facet.start_ns == -5));
    assert_eq!(after.sessions[0].start_ns, -5);
}

#[test]
fn parents_in_a_circle_are_stored() {
    let store = Store::open("sqlite::memory:").unwrap();
    for sketch in [model(0, Some(2), Some(1)), model(1, Some(0), Some(2)), model(2, Some(1), Some(3))] {
        write(&store, &[sketch]);
    }
    let before = dump(&store);
    recompute_all(&store);
    assert_eq!(dump(&store), before);
    assert_eq!(before.spans.len(), 3);
}

#[test]
fn ids_flow_down_to_spans_that_came_first() {
    let store = Store::open("sqlite::memory:").unwrap();
    let agent = Sketch { kind: Kind::Agent, agent: Some("A"), session: Some("s1"), ..model(0, None, None) };
    let inner = Sketch { kind: Kind::Agent, agent: Some("B"), conversation: Some("c1"), ..model(1, Some(0), None) };
    write(&store, &[model(2, Some(1), None)]);
    write(&store, &[agent]);
    write(&store, &[inner]);
    let ids: Vec<_> = dump(&store)
        .spans
        .into_iter()
        .map(|row| (row.agent_name.unwrap(), row.session_id.unwrap(), row.conversation_id))
        .collect();
    let c1 = Some("c1".to_owned());
    let of = |agent: &str, conversation: &Option<String>| (agent.to_owned(), "s1".to_owned(), conversation.clone());
    assert_eq!(ids, [of("A", &None), of("B", &c1), of("B", &c1)]);
}

#[test]
fn a_circle_of_parents_that_a_new_version_opens_counts_as_a_tree() {
    let store = Store::open("sqlite::memory:").unwrap();
    let open =
        Sketch { kind: Kind::Agent, state: SpanState::Open, end: None, session: Some("s1"), ..model(0, Some(1), None) };
    write(&store, &[open.clone(), model(1, Some(0), Some(7))]);
    write(&store, &[Sketch { state: SpanState::Closed, end: Some(9), parent: None, ..open }]);
    let after = dump(&store);
    assert_eq!((after.spans[0].usage_below, after.spans[1].session_id.as_deref()), (1, Some("s1")));
    recompute_all(&store);
    assert_eq!(dump(&store), after);
}

/// A change of a session that makes the summary anew each time would make a trace of many runs quadratic.
#[test]
fn only_what_the_summary_stands_on_makes_it_anew() {
    let first = Sketch { session: Some("s1"), ..model(0, None, None) };
    let call = Sketch { conversation: Some("c1"), ..model(1, Some(2), None) };
    let run = Sketch { kind: Kind::Agent, session: Some("s1"), start: 2, ..model(2, None, None) };
    for (stored, is_made_anew) in [(vec![first, call.clone()], false), (vec![call], true)] {
        let items: Vec<InterpretedSpan> = stored.iter().map(Sketch::item).collect();
        let mut rows: Vec<SpanRow> =
            prepare(&items, 0, true).unwrap().into_iter().map(|prepared| prepared.row).collect();
        lineage::resolve_all(&mut rows);
        let (before, _) = summary::summarize(&rows).unwrap();
        let mut graph = graph::Graph::default();
        rows.into_iter().for_each(|row| graph.add_stored(row));
        let run = [run.item()];
        let row = prepare(&run, 0, true).unwrap().remove(0).row;
        let changed = BTreeSet::from([row.span_id.clone()]);
        assert!(graph.apply(row));
        graph.resolve_ids(&changed);
        assert_eq!(summary::Change::of(Some(&before), &graph).unwrap().needs_recompute, is_made_anew);
    }
}

/// Two writers of one file, side by side: the same as one that writes all at once.
#[test]
fn two_writers_of_one_file_agree() {
    let folder = tempfile::tempdir().unwrap();
    let open = || Store::open(&format!("sqlite://{}/traces.db", folder.path().display())).unwrap();
    let stores = [open(), open()];
    // Spans 0 to 6 of 200 traces, children first.
    let batches: Vec<Vec<Sketch>> = (0..7)
        .rev()
        .map(|span| {
            let of = |trace| Sketch { trace, session: Some("s1"), ..model(span, span.checked_sub(1), Some(1)) };
            (0..200).map(of).collect()
        })
        .collect();
    std::thread::scope(|scope| {
        for (writer, store) in stores.iter().enumerate() {
            let batches = &batches;
            scope.spawn(move || batches.iter().skip(writer).step_by(2).for_each(|batch| write(store, batch)));
        }
    });
    let together = dump(&stores[0]);
    let alone = Store::open("sqlite::memory:").unwrap();
    write(&alone, &batches.concat());
    assert_eq!(together, dump(&alone));
    recompute_all(&stores[1]);
    assert_eq!(dump(&stores[1]), together);
}

#[test]
fn batches_of_more_spans_than_one_statement_asks_for_agree_too() {
    let root = Sketch { kind: Kind::Agent, session: Some("s1"), ..model(0, None, Some(5)) };
    let children: Vec<Sketch> = (1..=1_200).map(|span| model(span, Some(0), Some(1))).collect();
    let store = Store::open("sqlite::memory:").unwrap();
    write(&store, &children[..600]);
    write(&store, &children);
    write(&store, std::slice::from_ref(&root));
    let late_root = dump(&store);
    assert_eq!((total(&store), late_root.sessions[0].span_count), (Some(1_200), 1_201));
    assert!(late_root.spans.iter().all(|span| span.session_id.as_deref() == Some("s1")));
    recompute_all(&store);
    assert_eq!(dump(&store), late_root);
}
