//! Computed costs: in spans, traces, sessions and statistics; priced anew; and what writing spans once more leaves of that.

use tracing_agents::model::{CostSource, Event, Kind, SpanRecord, Value};
use tracing_agents::{Price, PriceTable, SpanFilter, StatsQuery, TraceFilter};

use crate::sketch::{DAY, Dice, SECOND, Sketch, at, callsite, span, span_id, trace_id};
use crate::tables::{assert_same, dump};
use crate::walk;
use crate::world::{World, Writer};

crate::cases!(
    a_call_that_reports_no_cost_has_a_computed_one,
    tokens_that_another_span_tells_have_a_price,
    a_runs_own_cost_counts_where_its_calls_have_none,
    the_fragments_of_a_torn_run_are_priced_anew_with_it,
    reported_costs_are_never_replaced,
    pricing_anew_is_as_having_known_the_prices,
    pricing_twice_is_pricing_once,
    only_traces_that_pass_the_filter_are_priced_anew,
    many_calls_are_priced_in_pieces,
    spans_that_are_written_again_keep_what_was_priced_anew,
    a_span_that_goes_on_has_its_writers_prices,
    pricing_anew_while_others_write,
    pricing_anew_while_others_delete,
    terms_count_when_priced_anew,
    without_prices_nothing_is_priced_anew,
);

/// Prices of the model `own`: so many dollars for a million input tokens, and twice as many for output.
fn prices(usd: u32) -> PriceTable {
    let usd = f64::from(usd);
    PriceTable::new(format!("table of {usd}"), [Price::new("own").input(usd).output(2.0 * usd)]).unwrap()
}

fn writer(world: &World, prices: PriceTable) -> Writer {
    Writer(world.builder().prices(prices).open().unwrap())
}

/// A call of that model, inside of no other: 1,000 nano-dollars for each dollar of [`prices`].
fn call(trace: u64, number: u64) -> Sketch {
    let mut call = span(trace, number).model("own").tokens(1, 0);
    call.0.parent_span_id = None;
    call
}

fn cost_of(world: &World, trace: u64) -> Option<i64> {
    world.repository().trace(trace_id(trace)).unwrap().trace.cost_nano_usd
}

fn a_call_that_reports_no_cost_has_a_computed_one(world: &World) {
    writer(world, prices(3)).write([
        span(0, 0).kind(Kind::Agent).agent("A").session("s").tokens(1_100, 110),
        span(0, 1).model("own").tokens(1_000, 100),
        span(0, 2).model("own").tokens(100, 10),
        span(0, 3).model("nobody's").tokens(100, 10),
        span(1, 0).model("own").tokens(10, 0).session("s"),
    ]);
    let repository = world.repository();
    let tree = repository.trace(trace_id(0)).unwrap();
    let cost = tree.spans[1].cost.as_ref().unwrap();
    assert_eq!((cost.nano_usd, cost.source), (3_600_000, CostSource::Computed));
    assert_eq!(cost.price_version.as_deref(), Some("table of 3"));
    assert_eq!((&tree.spans[0].cost, &tree.spans[3].cost), (&None, &None));
    assert_eq!(tree.trace.cost_nano_usd, Some(3_960_000));
    assert_eq!(repository.session("s").unwrap().cost_nano_usd, Some(3_990_000));
    let row = &repository.stats(&StatsQuery::spans(SpanFilter::new())).unwrap()[0];
    assert_eq!((row.cost_nano_usd, row.unpriced_count), (Some(3_990_000), 1));
    assert_eq!((tree.trace.unpriced_count, repository.session("s").unwrap().unpriced_count), (1, 1));
    let row = &repository.stats(&StatsQuery::traces(TraceFilter::new())).unwrap()[0];
    assert_eq!((row.cost_nano_usd, row.unpriced_count), (Some(3_990_000), 1));
}

/// A call whose tokens the span around it tells, when the stream has ended.
fn streamed(trace: u64) -> [Sketch; 2] {
    let mut call = span(trace, 1).model("own");
    call.0.callsite = Some(callsite("complete_stream", "swiftide_integrations::openai::chat_completion"));
    let mut step = span(trace, 0).named("step").session("s");
    step.0.callsite = Some(callsite("step", "swiftide_agents::agent"));
    let usage = "ChatCompletionResponse { usage: Some(Usage { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }) }";
    step.0.events = vec![Event {
        name: "Streaming completed".to_owned(),
        time_ns: step.0.start_ns + SECOND,
        attributes: [("last_response".into(), Value::Debug(usage.to_owned()))].into_iter().collect(),
        dropped_attributes: 0,
        callsite: Some(callsite("event", "swiftide_agents::agent")),
    }];
    [step, call]
}

fn tokens_that_another_span_tells_have_a_price(world: &World) {
    let writer = writer(world, prices(3));
    let [step, call] = streamed(0);
    writer.write([step, call.clone()]);
    for span in streamed(1).into_iter().rev() {
        writer.write([span]);
    }
    assert_eq!((cost_of(world, 0), cost_of(world, 1)), (Some(360_000), Some(360_000)));
    assert_eq!(world.repository().session("s").unwrap().cost_nano_usd, Some(720_000));

    // Priced anew, it stays so, whoever writes it or something else of its trace once more.
    world.repository().reprice(&TraceFilter::new(), &prices(5)).unwrap();
    writer.write([call, span(0, 2).below(1).tool("t")]);
    assert_eq!(cost_of(world, 0), Some(600_000));
    assert_eq!(world.repository().session("s").unwrap().cost_nano_usd, Some(1_200_000));
}

fn a_runs_own_cost_counts_where_its_calls_have_none(world: &World) {
    let run = |trace: u64| span(trace, 0).kind(Kind::Agent).agent("A").tokens(1_000, 0).costing(0.5);
    let nobodys = |trace: u64, number: u64| span(trace, number).model("nobody's").tokens(500, 0);
    let writer = writer(world, prices(3));
    writer.write([run(0), nobodys(0, 1), nobodys(0, 2)]);
    let trace = || world.repository().trace(trace_id(0)).unwrap().trace;
    assert_eq!(
        (trace().usage.input, trace().cost_nano_usd, trace().unpriced_count),
        (Some(1_000), Some(500_000_000), 2)
    );
    // As soon as one has a price, the run's is what it says of them.
    let theirs = PriceTable::new("theirs", [Price::new("nobody's").input(1.0)]).unwrap();
    world.repository().reprice(&TraceFilter::new(), &theirs).unwrap();
    assert_eq!((trace().usage.input, trace().cost_nano_usd, trace().unpriced_count), (Some(1_000), Some(1_000_000), 0));
}

fn the_fragments_of_a_torn_run_are_priced_anew_with_it(world: &World) {
    let torn = |trace: u64, name: &str, target: &str, seconds: i64| {
        let mut root = span(trace, 0).named(name).starting(at(0)).lasting(seconds * SECOND);
        root.0.span_id = span_id(trace * 100);
        root.0.callsite = Some(callsite(name, target));
        root.agent("a")
    };
    let run = torn(0, "invoke_agent", "rig::agent::prompt_request", 20).kind(Kind::Agent).session("s");
    let call = |trace: u64| torn(trace, "chat", "rig::agent_chat", 5).model("own").tokens(100, 10);
    writer(world, prices(3)).write([run, call(1), call(2)]);
    assert_eq!(cost_of(world, 0), Some(720_000));
    let done = world.repository().reprice(&TraceFilter::new(), &prices(5)).unwrap();
    assert_eq!((done.priced, done.changed), (2, 2));
    assert_eq!(cost_of(world, 0), Some(1_200_000));
    assert_eq!(world.repository().session("s").unwrap().cost_nano_usd, Some(1_200_000));
}

fn reported_costs_are_never_replaced(world: &World) {
    writer(world, prices(3)).write([call(0, 0).costing(0.5), call(0, 1).costing(0.0), call(0, 2)]);
    assert_eq!(cost_of(world, 0), Some(500_003_000));
    let repository = world.repository();
    let done = repository.reprice(&TraceFilter::new(), &prices(5)).unwrap();
    assert_eq!((done.priced, done.changed, done.unpriced), (1, 1, 0));
    let costs: Vec<_> =
        repository.trace(trace_id(0)).unwrap().spans.into_iter().map(|span| span.cost.unwrap().nano_usd).collect();
    assert_eq!(costs, [500_000_000, 0, 5_000]);
    assert_eq!(cost_of(world, 0), Some(500_005_000));
}

/// Traces of which some calls report their cost, some do not, and some repeat what others inside them report.
fn mixture() -> Vec<Sketch> {
    let mut dice = Dice::new(11);
    let mut spans = Vec::new();
    for trace in 0..30 {
        spans.push(span(trace, 0).kind(Kind::Agent).agent("A").session(&format!("s{}", trace % 4)).tokens(50, 5));
        for number in 1..8 {
            let span = span(trace, number).below(dice.below(number));
            let tokens = dice.below(40);
            spans.push(match dice.below(5) {
                0 => span.tool("t"),
                1 => span.model("own").tokens(tokens, 1).costing(0.25),
                2 => span.model("another").tokens(tokens, 1),
                _ => span.model("own").tokens(tokens, 1),
            });
        }
    }
    spans
}

fn pricing_anew_is_as_having_known_the_prices(world: &World) {
    let none = prices(0);
    world.writer().write(mixture());
    let unpriced = dump(&world.database);
    let repository = world.repository();
    let done = repository.reprice(&TraceFilter::new(), &prices(3)).unwrap();
    assert!(done.priced > 50 && done.changed == done.priced && done.unpriced > 10, "{done:?}");
    let anew = dump(&world.database);

    let again = repository.reprice(&TraceFilter::new(), &none).unwrap();
    assert_eq!((again.priced, again.changed), (done.priced, done.changed));
    let ids: Vec<_> = walk::traces(&repository, &TraceFilter::new()).into_iter().map(trace_id).collect();
    let first_cost = repository.trace(ids[0]).unwrap().trace.cost_nano_usd;
    assert!(first_cost.is_some_and(|cost| cost % 250_000_000 == 0), "a price of 0 is a price: {first_cost:?}");

    let other = PriceTable::new("of others", [Price::new("no such model").input(1.0)]).unwrap();
    repository.reprice(&TraceFilter::new(), &other).unwrap();
    assert_same(&dump(&world.database), &unpriced, "without a price");

    repository.delete_traces(&ids).unwrap();
    writer(world, prices(3)).write(mixture());
    assert_same(&anew, &dump(&world.database), "priced anew and from the start");
}

fn pricing_twice_is_pricing_once(world: &World) {
    world.writer().write(mixture());
    let repository = world.repository();
    let first = repository.reprice(&TraceFilter::new(), &prices(3)).unwrap();
    let once = dump(&world.database);
    let second = repository.reprice(&TraceFilter::new(), &prices(3)).unwrap();
    assert_eq!((second.priced, second.changed, second.unpriced), (first.priced, 0, first.unpriced));
    assert_same(&dump(&world.database), &once, "priced twice");
}

fn only_traces_that_pass_the_filter_are_priced_anew(world: &World) {
    world.writer().write((0..6).map(|trace| call(trace, 0).starting(at(0) + i64::try_from(trace).unwrap() * DAY)));
    let repository = world.repository();
    let filter: TraceFilter = "model:own since:2026-03-15 until:2026-03-18 limit:1".parse().unwrap();
    let done = repository.reprice(&filter, &prices(1)).unwrap();
    assert_eq!((done.priced, done.changed), (3, 3));
    let costs: Vec<_> = (0..6).map(|trace| cost_of(world, trace)).collect();
    let priced = Some(1_000);
    assert_eq!(costs, [None, priced, priced, priced, None, None]);
}

fn many_calls_are_priced_in_pieces(world: &World) {
    let large = (0..1_100).map(|number| call(0, number).session("s"));
    world.writer().write(large.chain((1..230).flat_map(|trace| [call(trace, 0).session("s"), call(trace, 1)])));
    let repository = world.repository();
    let done = repository.reprice(&TraceFilter::new(), &prices(1)).unwrap();
    assert_eq!((done.priced, done.changed, done.unpriced), (1_558, 1_558, 0));
    assert_eq!(cost_of(world, 0), Some(1_100_000));
    assert_eq!(repository.session("s").unwrap().cost_nano_usd, Some(1_558_000));
}

fn spans_that_are_written_again_keep_what_was_priced_anew(world: &World) {
    let spans: Vec<SpanRecord> = mixture().into_iter().map(SpanRecord::from).collect();
    writer(world, prices(3)).write(spans.clone());
    world.repository().reprice(&TraceFilter::new(), &prices(5)).unwrap();
    let anew = dump(&world.database);
    // By other processes, which know the old prices or none: of half of the spans their version is the one that stays.
    for prices in [prices(3), prices(3), PriceTable::default()] {
        writer(world, prices).write(spans.iter().rev().cloned());
        assert_same(&dump(&world.database), &anew, "after a replay");
    }
}

fn a_span_that_goes_on_has_its_writers_prices(world: &World) {
    let writer = writer(world, prices(3));
    writer.write([call(0, 0).running()]);
    world.repository().reprice(&TraceFilter::new(), &prices(5)).unwrap();
    assert_eq!(cost_of(world, 0), Some(5_000));
    writer.write([span(0, 0).model("own").tokens(10, 0)]);
    assert_eq!(cost_of(world, 0), Some(30_000));
}

fn pricing_anew_while_others_write(world: &World) {
    let of = |number: u64| (0..40).map(move |trace| call(trace, number).session(&format!("s{}", trace % 3)));
    let writers = [writer(world, prices(5)), writer(world, prices(5))];
    writers[0].write(of(0));
    std::thread::scope(|scope| {
        for (first, writer) in (1_u64..).zip(&writers) {
            scope.spawn(move || (first..13).step_by(2).for_each(|number| writer.write(of(number))));
        }
        for _ in 0..3 {
            world.repository().reprice(&TraceFilter::new(), &prices(5)).unwrap();
            world.repository().reprice(&TraceFilter::new(), &prices(7)).unwrap();
        }
    });
    let repository = world.repository();
    repository.reprice(&TraceFilter::new(), &prices(7)).unwrap();
    let together = dump(&world.database);
    let costs: i64 = (0..3).map(|n| repository.session(&format!("s{n}")).unwrap().cost_nano_usd.unwrap()).sum();
    assert_eq!(costs, 40 * 13 * 7_000);
    let ids: Vec<_> = (0..40).map(trace_id).collect();
    repository.delete_traces(&ids).unwrap();
    writer(world, prices(7)).write((0..13).flat_map(of));
    assert_same(&together, &dump(&world.database), "priced anew meanwhile, and alone");
}

fn pricing_anew_while_others_delete(world: &World) {
    world.writer().write((0..120).map(|trace| call(trace, 0).session("s")));
    let doomed: Vec<_> = (0..120).step_by(2).map(trace_id).collect();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for ids in doomed.chunks(6) {
                world.repository().delete_traces(ids).unwrap();
            }
        });
        for usd in 1..6 {
            world.repository().reprice(&TraceFilter::new(), &prices(usd)).unwrap();
        }
    });
    let repository = world.repository();
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), 60);
    let session = repository.session("s").unwrap();
    assert_eq!((session.trace_count, session.cost_nano_usd), (60, Some(60 * 5_000)));
}

fn terms_count_when_priced_anew(world: &World) {
    if cfg!(not(feature = "pricing")) {
        return;
    }
    let tier = |number: u64, tier: &str| {
        let call = span(0, number).model("gpt-5").with("gen_ai.provider.name", "openai").tokens(1_000, 100);
        // In the days of which the tiers' prices are known.
        call.with("openai.response.service_tier", tier).starting(at(0) + 300 * DAY).lasting(SECOND)
    };
    world.writer().write([tier(0, "default"), tier(1, "flex"), span(0, 2).model("gpt-5").tokens(1, 1).costing(1.0)]);
    let costs = |world: &World| {
        [0, 1].map(|number| world.repository().span(trace_id(0), span_id(number)).unwrap().span.cost.unwrap())
    };
    let written = costs(world);
    assert_eq!(written[0].nano_usd, 2 * written[1].nano_usd);
    assert!(written[0].price_version.as_deref().is_some_and(|version| version.starts_with("genai-prices ")));
    let repository = world.repository();
    let flat = PriceTable::new("flat", [Price::new("gpt-5").request(1.0)]).unwrap();
    repository.reprice(&TraceFilter::new(), &flat).unwrap();
    assert_eq!(costs(world).map(|cost| cost.nano_usd), [1_000_000_000; 2]);
    let done = repository.reprice(&TraceFilter::new(), &PriceTable::default()).unwrap();
    assert_eq!((done.priced, done.changed), (2, 2));
    assert_eq!(costs(world), written);
}

fn without_prices_nothing_is_priced_anew(world: &World) {
    writer(world, prices(3)).write([call(0, 0)]);
    let repository = world.repository();
    let outcome = repository.reprice(&TraceFilter::new(), &PriceTable::default());
    if cfg!(feature = "pricing") {
        assert_eq!(outcome.unwrap().unpriced, 1);
    } else {
        assert_eq!(outcome.unwrap_err().kind(), tracing_agents::ErrorKind::InvalidInput);
        assert_eq!(cost_of(world, 0), Some(3_000));
    }
}
