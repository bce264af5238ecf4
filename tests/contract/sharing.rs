//! Large content that many spans repeat: stored once, read as it was, and gone when nobody needs it.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use tracing_agents::model::{Attributes, Event, Kind, SpanRecord};
use tracing_agents::{ErrorKind, Retention};

use crate::api::Repository;
use crate::database::{Database, Dialect};
use crate::sketch::{DAWN, DAY, Dice, Sketch, span, span_id, trace_id};
use crate::tables::{assert_same, dump};
use crate::world::World;

crate::cases!(
    large_contents_come_back_as_they_were,
    what_nobody_needs_goes_with_its_trace,
    a_part_that_is_missing_is_named,
    what_instrumentations_say_is_read_from_large_contents,
);

/// Cases that do not depend on the way of asking.
pub(crate) const ONCE: &[crate::Case] = &[
    crate::Case { name: "a_conversation_costs_about_its_own_length", run: a_conversation_costs_about_its_own_length },
    crate::Case { name: "small_contents_have_no_parts", run: small_contents_have_no_parts },
    crate::Case { name: "writers_of_the_same_content_share_it", run: writers_of_the_same_content_share_it },
    crate::Case { name: "writers_lose_nothing_while_others_delete", run: writers_lose_nothing_while_others_delete },
    crate::Case { name: "a_sweep_that_died_is_followed_by_another", run: a_sweep_that_died_is_followed_by_another },
    crate::Case {
        name: "a_later_version_leaves_what_the_next_sweep_takes",
        run: a_later_version_leaves_what_the_next_sweep_takes,
    },
];

/// Words without meaning, different ones for each number.
pub(crate) fn words(number: u64, length: usize) -> String {
    let mut dice = Dice::new(number + 1);
    let mut text = String::new();
    while text.len() < length {
        let word: String =
            (0..2 + dice.below(7)).map(|_| char::from(b'a' + u8::try_from(dice.below(26)).unwrap())).collect();
        text.push_str(&word);
        text.push_str(if dice.below(30) == 0 { ".\n\"So\" " } else { " " });
    }
    text.truncate(length);
    text
}

/// The messages of a conversation before its turn's answer: a system prompt, and then half a kilobyte to one each.
fn history(session: u64, turn: u64) -> Vec<(&'static str, String)> {
    let said = (0..2 * turn + 1).map(|number| {
        let role = if number % 2 == 0 { "user" } else { "assistant" };
        (role, words(session * 10_000 + number, 500 + usize::try_from(number * 7_919 % 500).unwrap()))
    });
    std::iter::once(("system", words(session + 77, 4_000))).chain(said).collect()
}

/// A turn of a conversation: a run and its call, which both hold all that was said before.
pub(crate) fn turn(session: u64, turn: u64) -> [Sketch; 2] {
    let messages: Vec<_> = history(session, turn)
        .into_iter()
        .map(|(role, text)| serde_json::json!({"role": role, "parts": [{"type": "text", "content": text}]}))
        .collect();
    let messages = serde_json::to_string(&messages).unwrap();
    let name = format!("s{session}");
    let of = |number| span(1_000 * session + turn, number).session(&name);
    [
        of(0)
            .kind(Kind::Agent)
            .agent("A")
            .with("run_id", words(turn, 36))
            .with("gen_ai.input.messages", messages.as_str()),
        of(1)
            .model("gpt-4o-mini")
            .below(0)
            .with("gen_ai.response.id", words(turn, 30))
            .with("gen_ai.input.messages", messages)
            .tokens(9, 9),
    ]
}

pub(crate) fn count(database: &Database, query: &str) -> u64 {
    let text = match database.dialect() {
        Dialect::Postgres => format!("SELECT ({query})::text AS line"),
        Dialect::Sqlite => format!("SELECT CAST(({query}) AS TEXT) AS line"),
        Dialect::Mysql => format!("SELECT CAST(({query}) AS CHAR) AS line"),
    };
    database.sql().lines(&text)[0].parse().unwrap()
}

fn parts(database: &Database) -> u64 {
    count(database, "SELECT count(*) FROM content_parts")
}

/// The names of all parts, with their days.
pub(crate) fn names(database: &Database) -> BTreeSet<String> {
    let query = match database.dialect() {
        Dialect::Sqlite => "SELECT start_day || ' ' || hex(digest) AS line FROM content_parts",
        Dialect::Postgres => "SELECT start_day || ' ' || encode(digest, 'hex') AS line FROM content_parts",
        Dialect::Mysql => "SELECT CONCAT(start_day, ' ', HEX(digest)) AS line FROM content_parts",
    };
    database.sql().lines(query).into_iter().collect()
}

/// Asserts that these turns are stored as they were recorded.
pub(crate) fn expect_turns(repository: &Repository, turns: impl IntoIterator<Item = (u64, u64)>) {
    for (session, number) in turns {
        let found = repository.records(trace_id(1_000 * session + number)).unwrap();
        let expected = turn(session, number).map(SpanRecord::from);
        let attributes =
            |records: &[SpanRecord]| records.iter().map(|record| record.attributes.clone()).collect::<Vec<_>>();
        assert!(attributes(&found) == attributes(&expected), "turn {number} of {session}");
    }
}

fn large_contents_come_back_as_they_were(world: &World) {
    let event = |text: String| {
        let mut attributes = Attributes::new();
        attributes.push("body", text);
        Event { name: "said".to_owned(), time_ns: DAWN, attributes, dropped_attributes: 0, callsite: None }
    };
    let mut records: Vec<SpanRecord> = vec![
        span(0, 0)
            .with("text", words(0, 300_000))
            .with("bytes", (0..=255).cycle().take(30_000).collect::<Vec<u8>>())
            .into(),
        span(0, 1).with("odd", "\u{0}\u{1f600}\\\"}],".repeat(9_000)).with("same", "x".repeat(1_000_000)).into(),
        span(0, 2).with("json", serde_json::to_string(&history(0, 20)).unwrap()).below(0).into(),
        span(0, 3).starting(DAWN + 3 * DAY).with("text", words(0, 300_000)).into(),
        span(0, 4).with("small", 1_u64).into(),
    ];
    (0..40_u64).for_each(|key| records[4].events.push(event(words(key, 200))));
    (0..3_000_u64).for_each(|key| records[2].attributes.push(format!("key {key}"), key));
    records[1].verbatim =
        Some(records[1].attributes.iter().flat_map(|(key, _)| key.bytes().cycle().take(5_000)).collect());
    let repository = world.with(records.clone());
    let found = repository.records(trace_id(0)).unwrap();
    assert_eq!(found.len(), records.len());
    for expected in &records {
        let found = found.iter().find(|found| found.span_id == expected.span_id).unwrap();
        assert!(found.attributes == expected.attributes && found.events == expected.events, "{:?}", expected.span_id);
        assert!(found.verbatim.is_none() || found.verbatim == expected.verbatim, "{:?}", expected.span_id);
        let detail = repository.span(expected.trace_id, expected.span_id).unwrap();
        assert!(detail.content.attributes == expected.attributes && detail.content.events == expected.events);
    }
    let forms = world.database.sql().lines("SELECT encoding AS line FROM span_contents ORDER BY start_day, span_id");
    assert_eq!(forms, ["zstd-parts"; 5]);
    // A day has its own.
    assert_eq!(count(&world.database, "SELECT count(*) FROM content_days"), 2);
}

fn what_instrumentations_say_is_read_from_large_contents(world: &World) {
    let repository = world.with(turn(0, 30));
    let (system, said) = (&history(0, 30)[0].1, &history(0, 30)[61].1);
    let detail = repository.span(trace_id(30), span_id(1)).unwrap();
    assert_eq!(detail.content.input_messages.len(), 62);
    assert!(detail.content.input.unwrap().contains(&said[..400].lines().next().unwrap().to_owned()));
    assert_eq!(detail.content.input_messages[0].joined_text(), *system);
    let trace = repository.trace(trace_id(30)).unwrap().trace;
    assert!(trace.input_preview.is_some());
    // Made anew from what is stored, it says the same.
    let before = dump(&world.database);
    tracing_agents::store::Store::open(world.database.url()).unwrap().recompute_trace(trace_id(30)).unwrap();
    assert_same(&dump(&world.database), &before, "recomputed");
}

fn what_nobody_needs_goes_with_its_trace(world: &World) {
    world.writer().write((10..14).flat_map(|number| turn(1, number)));
    let alone = names(&world.database);
    let writer = world.writer();
    writer.write((10..18).flat_map(|number| [turn(1, number), turn(2, number)].concat()));
    let repository = world.repository();
    let gone = |sessions: [u64; 2]| {
        (10..18_u64).flat_map(move |turn| sessions.map(|session| trace_id(1_000 * session + turn)))
    };
    let others: Vec<_> = gone([2, 2]).chain((14..18).map(|turn| trace_id(1_000 + turn))).collect();
    repository.delete_traces(&others).unwrap();
    // What a turn of the other conversation shared with these, nothing, and what the later turns did, all that came before, is told apart.
    assert_eq!(names(&world.database), alone);
    expect_turns(&repository, (10..14).map(|turn| (1, turn)));
    assert_eq!(repository.prune(Retention::new().keep(1)).unwrap().traces, 3);
    expect_turns(&repository, [(1, 13)]);
    let left = names(&world.database);
    assert!(left.is_subset(&alone) && left.len() < alone.len());
    assert_eq!(repository.prune(Retention::new().keep(0)).unwrap().traces, 1);
    assert_eq!((parts(&world.database), count(&world.database, "SELECT count(*) FROM content_days")), (0, 0));
    // It can all come again.
    writer.write((10..14).flat_map(|number| turn(1, number)));
    assert_eq!(names(&world.database), alone);
    expect_turns(&repository, (10..14).map(|turn| (1, turn)));
}

fn a_part_that_is_missing_is_named(world: &World) {
    let repository = world.with(turn(0, 8).into_iter().chain([span(500, 0)]));
    world.database.sql().execute("DELETE FROM content_parts WHERE NOT is_list");
    let error = repository.span(trace_id(8), span_id(1)).unwrap_err();
    let text = error.to_string();
    assert!(error.kind() == ErrorKind::Decode && text.contains("is missing or damaged"), "{text}");
    assert!(text.contains(&span_id(1).to_string()) && text.contains(&trace_id(8).to_string()), "{text}");
    assert_eq!(repository.records(trace_id(8)).unwrap_err().kind(), ErrorKind::Decode);
    // Nothing else suffers: lists, other traces, what comes later, and deleting it.
    assert_eq!(repository.trace(trace_id(8)).unwrap().spans.len(), 2);
    assert_eq!(repository.records(trace_id(500)).unwrap().len(), 1);
    world.writer().write([span(8, 7).below(1).kind(Kind::Agent).agent("B")]);
    repository.delete_traces(&[trace_id(8)]).unwrap();
    assert_eq!(parts(&world.database), 0);
    // Other bytes are no part either.
    world.writer().write(turn(0, 9));
    world.database.sql().execute("UPDATE content_parts SET bytes = digest WHERE NOT is_list");
    assert_eq!(repository.records(trace_id(9)).unwrap_err().kind(), ErrorKind::Decode);
}

fn a_conversation_costs_about_its_own_length(world: &World) {
    const TURNS: u64 = 100;
    let writer = world.writer();
    for turns in (0..TURNS).collect::<Vec<_>>().chunks(10) {
        writer.write(turns.iter().flat_map(|number| turn(0, *number)));
    }
    let said: usize = history(0, TURNS - 1).iter().map(|(_, text)| text.len()).sum();
    let recorded: usize =
        (0..TURNS).map(|number| 2 * history(0, number).iter().map(|(_, text)| text.len()).sum::<usize>()).sum();
    let lengths = "SELECT sum(length(attributes) + length(events)) FROM span_contents";
    let rows = count(&world.database, lengths);
    let shared = count(&world.database, "SELECT sum(length(bytes) + length(digest)) FROM content_parts");
    let stored = rows + shared;
    println!(
        "    {said} bytes said, {recorded} recorded ({} times), {rows} in rows and {shared} in {} parts: {:.2} times",
        recorded / said,
        parts(&world.database),
        stored as f64 / said as f64
    );
    assert!(stored < 3 * u64::try_from(said).unwrap(), "{stored} bytes for {said}");
    expect_turns(&world.repository(), [(0, 0), (0, 1), (0, 50), (0, TURNS - 1)]);
}

fn small_contents_have_no_parts(world: &World) {
    world.writer().write((0..50).map(|number| span(number, 0).with("text", words(number, 1_500))));
    assert_eq!(world.database.sql().lines("SELECT DISTINCT encoding AS line FROM span_contents"), ["zstd"]);
    // Nor has what is still running: it changes soon.
    let running = || span(60, 0).with("text", words(60, 50_000)).running();
    world.writer().write([running()]);
    assert_eq!((parts(&world.database), count(&world.database, "SELECT count(*) FROM content_days")), (0, 0));
    world.writer().write([span(60, 0).with("text", words(60, 50_000))]);
    assert!(parts(&world.database) > 0);
}

fn writers_of_the_same_content_share_it(world: &World) {
    let writers: Vec<_> = (0..4).map(|_| world.writer()).collect();
    let again = |copy: u64, number: u64| {
        turn(3, number).map(|sketch| {
            let mut record = SpanRecord::from(sketch);
            record.trace_id = trace_id(100_000 * copy + 3_000 + number);
            record
        })
    };
    std::thread::scope(|scope| {
        for (copy, writer) in (0..).zip(&writers) {
            scope.spawn(move || (0..12).for_each(|number| writer.write(again(copy, number))));
        }
    });
    let together = names(&world.database);
    expect_turns(&world.repository(), (0..12).map(|number| (3, number)));
    let repository = world.repository();
    repository.prune(Retention::new().keep(0)).unwrap();
    world.writer().write((0..12).flat_map(|number| turn(3, number)));
    assert_eq!(names(&world.database), together);
}

fn writers_lose_nothing_while_others_delete(world: &World) {
    let is_over = AtomicBool::new(false);
    drop(world.writer());
    // Each conversation is written by two writers at once, turn by turn, while its turns before the last two are deleted.
    std::thread::scope(|scope| {
        let writers: Vec<_> = (1..=2_u64)
            .map(|session| {
                scope.spawn(move || {
                    let (writer, repository) = (world.writer(), world.repository());
                    for number in 0..25 {
                        writer.write(turn(session, number));
                        // The same content, in another trace of the same day.
                        let copy = turn(3 - session, number).map(|sketch| {
                            let mut record = SpanRecord::from(sketch);
                            record.trace_id = trace_id(40_000 + 1_000 * session + number);
                            record
                        });
                        writer.write(copy);
                        if let Some(old) = u64::checked_sub(number, 2) {
                            let ids = [trace_id(1_000 * session + old), trace_id(40_000 + 1_000 * session + old)];
                            repository.delete_traces(&ids).unwrap();
                        }
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            let repository = world.repository();
            while !is_over.load(Ordering::Relaxed) {
                repository.prune(Retention::new().keep(100)).unwrap();
            }
        });
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        is_over.store(true, Ordering::Relaxed);
    });
    let repository = world.repository();
    expect_turns(&repository, [(1, 23), (1, 24), (2, 23), (2, 24)]);
    // Nothing is left that nobody needs, however sweeps and writers met: the same as what the last turns alone need.
    repository.prune(Retention::new().keep(8)).unwrap();
    let left = names(&world.database);
    repository.prune(Retention::new().keep(0)).unwrap();
    assert_eq!(parts(&world.database), 0);
    world.writer().write([turn(1, 23), turn(1, 24), turn(2, 23), turn(2, 24)].concat());
    assert_eq!(names(&world.database), left);
}

fn a_sweep_that_died_is_followed_by_another(world: &World) {
    let writer = world.writer();
    writer.write((0..6).flat_map(|number| turn(1, number)));
    // It had begun, and deleted what is in lists before the lists.
    world.database.sql().execute("UPDATE content_days SET sweep = sweep + 1, is_swept = TRUE");
    let repository = world.repository();
    let ids: Vec<_> = (0..6).map(|number| trace_id(1_000 + number)).collect();
    let lists = "DELETE FROM spans; DELETE FROM span_contents; DELETE FROM traces; DELETE FROM trace_facets; DELETE FROM sessions;
                 DELETE FROM content_parts WHERE NOT is_list";
    lists.split(';').for_each(|statement| world.database.sql().execute(statement));
    // Who writes meanwhile does not rely on what is in a list that is there.
    writer.write((0..6).flat_map(|number| turn(1, number)));
    expect_turns(&repository, (0..6).map(|number| (1, number)));
    let marked = "SELECT count(*) FROM content_parts WHERE kept_by = 0 AND NOT is_list";
    assert_eq!(count(&world.database, marked), 0);
    repository.delete_traces(&ids[..5]).unwrap();
    assert_eq!(count(&world.database, "SELECT count(*) FROM content_days WHERE is_swept"), 0);
    expect_turns(&repository, [(1, 5)]);
    repository.delete_traces(&ids).unwrap();
    assert_eq!(parts(&world.database), 0);
}

fn a_later_version_leaves_what_the_next_sweep_takes(world: &World) {
    let version = |number: u64| {
        span(5, 0).with("text", words(number, 30_000)).lasting(DAY / 1_000 * i64::try_from(number).unwrap())
    };
    let writer = world.writer();
    writer.write([version(2)]);
    let alone = names(&world.database);
    repeat(&alone, &world.database, || writer.write([version(1)]));
    writer.write([version(3)]);
    assert!(names(&world.database).is_superset(&alone));
    let repository = world.repository();
    assert_eq!(repository.records(trace_id(5)).unwrap()[0].attributes, SpanRecord::from(version(3)).attributes);
    repository.delete_traces(&[trace_id(5)]).unwrap();
    assert_eq!(parts(&world.database), 0);
}

/// Asserts that something leaves the parts as they are.
fn repeat(expected: &BTreeSet<String>, database: &Database, write: impl FnOnce()) {
    write();
    assert_eq!(names(database), *expected);
}
