//! Any text: the same on every database, faithful or visibly changed, and no two names made one.

use tracing_agents::model::{IdentityField, Kind, MAX_DEPTH, Value};
use tracing_agents::{Group, SessionFilter, SpanFilter, StatsQuery, TraceFilter, field};

use crate::sketch::{Sketch, span, span_id, trace_id};
use crate::walk;
use crate::world::World;

crate::cases!(
    lookalike_agents_stay_apart,
    lookalike_sessions_stay_apart,
    lookalike_users_stay_apart,
    lookalike_tools_and_models_stay_apart,
    names_of_every_kind_of_character_come_back,
    nul_is_shown_and_still_found,
    attributes_hold_any_text,
    keys_hold_any_text,
    lone_surrogates_in_json_text,
    json_two_thousand_levels_deep,
    values_nested_too_deep_are_cut_visibly,
    ten_megabytes,
    ten_megabytes_in_every_place,
    text_that_looks_like_sql,
    wildcards_in_a_search_are_letters,
    searches_ignore_case_in_every_alphabet,
    long_messages_are_cut_visibly,
    long_names_are_cut_visibly_and_kept_whole,
    services_and_libraries_of_any_name,
    empty_texts_are_no_names,
);

/// Names that some database, collation or driver takes for one another.
const LOOKALIKES: &[&str] = &[
    "zoe",
    "Zoe",
    "ZOE",
    "zoe ",
    " zoe",
    "zoe  ",
    "zoë",
    "zoe\u{308}",
    "ｚｏｅ",
    "zo\u{435}",
    "zoe\u{200b}",
    "zoe\u{ad}",
    "zoe\t",
    "zoe\n",
    "zoe\r\n",
    "zoe\u{7f}",
    "zoe\u{feff}",
    "zo\u{2060}e",
    "strasse",
    "straße",
    "STRASSE",
    "STRAẞE",
    "fi",
    "ﬁ",
    "i",
    "I",
    "ı",
    "İ",
    "i\u{307}",
    "a\u{30a}",
    "å",
    "Å",
    "\u{212b}",
    "o",
    "ø",
    "l",
    "ł",
    "ae",
    "æ",
    "か",
    "カ",
    "ｶ",
    "🦀",
    "🦞",
    "👩",
    "👩\u{200d}👩\u{200d}👧",
    "1",
    "１",
    "¹",
    "01",
    "1.0",
    "\u{202e}eoz",
    "\u{10ffff}",
    "\u{ffff}",
    "\u{fffd}",
    "%",
    "_",
    "\\",
    "\\\\",
    "'",
    "''",
    "\"",
    "`",
    "?",
    "$1",
    ":a",
    "NULL",
    "null",
    "None",
    "zoe\u{2400}",
    "true",
    "0x1",
    "1e3",
];

/// A trace for each name, each told by `of`.
fn one_each(of: impl Fn(Sketch, &str) -> Sketch) -> Vec<Sketch> {
    LOOKALIKES.iter().zip(0..).map(|(name, trace)| of(span(trace, 0), name)).collect()
}

/// The keys of the groups, sorted, each with one trace.
#[track_caller]
fn expect_groups(world: &World, group: Group) {
    let repository = world.repository();
    let mut expected: Vec<&str> = LOOKALIKES.to_vec();
    expected.sort_unstable();
    for query in [StatsQuery::spans(SpanFilter::new()), StatsQuery::traces(TraceFilter::new())] {
        let rows = repository.stats(&query.group_by(group)).unwrap();
        let mut keys: Vec<&str> = rows.iter().map(|row| row.key.as_deref().unwrap()).collect();
        keys.sort_unstable();
        assert_eq!(keys, expected, "{group}");
        assert!(rows.iter().all(|row| row.count == 1), "{group}");
    }
}

fn lookalike_agents_stay_apart(world: &World) {
    let repository = world.with(one_each(|span, name| span.of(IdentityField::AgentName, name)));
    for (name, trace) in LOOKALIKES.iter().zip(0..) {
        assert_eq!(walk::traces(&repository, &TraceFilter::new().agent(*name)), [trace], "{name:?}");
        assert_eq!(walk::spans(&repository, &SpanFilter::new().agent(*name)), [(trace, 0)], "{name:?}");
        // As text, through the language of filters.
        let filter: TraceFilter = TraceFilter::new().agent(*name).to_string().parse().unwrap();
        assert_eq!(walk::traces(&repository, &filter), [trace], "{filter}");
        assert_eq!(repository.count_traces(&TraceFilter::new().not_agent(*name)).unwrap(), LOOKALIKES.len() as u64 - 1);
    }
    expect_groups(world, Group::Agent);
}

fn lookalike_sessions_stay_apart(world: &World) {
    let repository = world.with(one_each(|span, name| span.of(IdentityField::SessionId, name)));
    for (name, trace) in LOOKALIKES.iter().zip(0..) {
        assert_eq!(walk::traces(&repository, &TraceFilter::new().session(*name)), [trace], "{name:?}");
        let session = repository.session(name).unwrap();
        assert_eq!((session.session_id.as_str(), session.trace_count), (*name, 1));
        assert_eq!(walk::sessions(&repository, &SessionFilter::new().session(*name)), [*name]);
        assert_eq!(walk::spans(&repository, &SpanFilter::new().session(*name)), [(trace, 0)]);
    }
    let mut all = walk::sessions(&repository, &SessionFilter::new().limit(7));
    all.reverse();
    assert_eq!(all, LOOKALIKES);
    let without = SessionFilter::new().not_session("zoe").limit(1_000);
    assert_eq!(walk::sessions(&repository, &without).len(), LOOKALIKES.len() - 1);
    expect_groups(world, Group::Session);
    let ids: Vec<_> =
        LOOKALIKES.iter().zip(0..).filter(|(name, _)| **name != "zoe").map(|(_, trace)| trace_id(trace)).collect();
    repository.delete_traces(&ids).unwrap();
    assert_eq!(walk::sessions(&repository, &SessionFilter::new()), ["zoe"]);
}

fn lookalike_users_stay_apart(world: &World) {
    let repository = world.with(one_each(|span, name| span.of(IdentityField::UserId, name).session("s")));
    for (name, trace) in LOOKALIKES.iter().zip(0..) {
        assert_eq!(walk::traces(&repository, &TraceFilter::new().user(*name)), [trace], "{name:?}");
    }
    expect_groups(world, Group::User);
    assert_eq!(repository.session("s").unwrap().user_id.as_deref(), Some(LOOKALIKES[0]));
}

fn lookalike_tools_and_models_stay_apart(world: &World) {
    // What an attribute says is read without white space at its ends, and some words stand for no value.
    let names: Vec<&str> =
        LOOKALIKES.iter().copied().filter(|name| name.trim() == *name && !["null", "\""].contains(name)).collect();
    let spans = names.iter().zip(0..).flat_map(|(name, trace)| [span(trace, 0).tool(name), span(trace, 1).model(name)]);
    let repository = world.with(spans);
    for (name, trace) in names.iter().zip(0..) {
        assert_eq!(walk::spans(&repository, &SpanFilter::new().tool(*name)), [(trace, 0)], "{name:?}");
        assert_eq!(walk::spans(&repository, &SpanFilter::new().model(*name)), [(trace, 1)], "{name:?}");
        assert_eq!(walk::traces(&repository, &TraceFilter::new().tool(*name).model(*name)), [trace], "{name:?}");
    }
    for group in [Group::Tool, Group::Model] {
        let rows = repository.stats(&StatsQuery::spans(SpanFilter::new()).group_by(group)).unwrap();
        assert_eq!(rows.len(), names.len() + 1, "{group}");
    }
}

fn names_of_every_kind_of_character_come_back(world: &World) {
    // Each plane's edges, and all that is written with two, three and four bytes, 200 characters a name.
    let characters: Vec<char> = (1..=0x10_ffff_u32).step_by(701).filter_map(char::from_u32).collect();
    let names: Vec<String> = characters.chunks(200).map(|chunk| chunk.iter().collect()).collect();
    let spans: Vec<_> = names
        .iter()
        .zip(0..)
        .map(|(name, trace)| {
            span(trace, 0).named(name).of(IdentityField::SessionId, name).of(IdentityField::TeamName, name)
        })
        .collect();
    let repository = world.with(spans);
    for (name, trace) in names.iter().zip(0..) {
        let tree = repository.trace(trace_id(trace)).unwrap();
        assert_eq!(tree.spans[0].name, *name);
        assert_eq!(tree.spans[0].identity.get(IdentityField::TeamName), Some(name.as_str()));
        assert_eq!(tree.trace.identity.session(), Some(name.as_str()));
        assert_eq!(walk::traces(&repository, &TraceFilter::new().name(name).session(name).team(name)), [trace]);
    }
}

fn nul_is_shown_and_still_found(world: &World) {
    let repository = world.with([
        span(0, 0)
            .named("a\0b")
            .of(IdentityField::SessionId, "s\0")
            .of(IdentityField::AgentName, "\0")
            .with(field::ERROR_TYPE, "x\0y")
            .failing("no\0pe"),
        span(1, 0).named("ab").of(IdentityField::SessionId, "s"),
    ]);
    let detail = repository.span(trace_id(0), span_id(0)).unwrap();
    assert_eq!((detail.span.name.as_str(), detail.span.status.message.as_str()), ("a␀b", "no␀pe"));
    assert_eq!(detail.span.error_type.as_deref(), Some("x␀y"));
    assert_eq!(detail.span.identity.session(), Some("s␀"));
    assert_eq!(detail.content.attributes.get(field::ERROR_TYPE).unwrap().as_str(), Some("x\0y"));
    for filter in [TraceFilter::new().session("s\0"), TraceFilter::new().name("a\0b"), TraceFilter::new().agent("\0")] {
        assert_eq!(walk::traces(&repository, &filter), [0], "{filter}");
    }
    assert_eq!(repository.session("s\0").unwrap().session_id, "s␀");
    assert_eq!(repository.session("s").unwrap().trace_count, 1);
}

/// Texts that databases, drivers and JSON refuse or change.
fn odd_texts() -> Vec<String> {
    let mut texts: Vec<String> = LOOKALIKES.iter().map(|text| (*text).to_owned()).collect();
    texts.extend(
        [
            "",
            "\0",
            "a\0b\0",
            "\u{1}\u{1f}\u{80}\u{9f}",
            r"\u0000",
            r"\x00",
            r#"{"broken": "\ud800"}"#,
            r#"["\udc00\ud83e"]"#,
            "{",
            "[[[[",
            "1e400",
            "-1e400",
            "9007199254740993",
            "18446744073709551615",
            "0.1",
            "NaN",
            "Infinity",
            "\r\n\t",
            " ",
            "\u{2028}\u{2029}",
            "<script>alert(1)</script>",
            "\u{1b}[31mred",
            "%s%n%d",
            "{}",
            "{0}",
            "${jndi:ldap://x}",
            "../../etc/passwd",
            "\\N",
            "\\.",
            "X'00'",
            "\\x00",
            "E'\\000'",
        ]
        .map(str::to_owned),
    );
    texts
}

fn attributes_hold_any_text(world: &World) {
    let texts = odd_texts();
    let written =
        texts.iter().fold(span(0, 0), |span, text| span.with("text", text).with("debug", Value::Debug(text.clone())));
    let expected = written.0.attributes.clone();
    let found = world.with([written]).span(trace_id(0), span_id(0)).unwrap().content;
    assert_eq!(found.attributes, expected);
}

fn keys_hold_any_text(world: &World) {
    let mut keys = odd_texts();
    keys.extend(["k".repeat(300), "🦀".repeat(5_000), format!("{}\0", "k".repeat(70_000))]);
    let written = keys.iter().fold(span(0, 0), |span, key| span.with(key, vec![(key.clone(), Value::Bool(true))]));
    let expected = written.0.attributes.clone();
    let found = world.with([written]).span(trace_id(0), span_id(0)).unwrap().content;
    assert_eq!(found.attributes, expected);
}

fn lone_surrogates_in_json_text(world: &World) {
    let json = r#"[{"role":"user","parts":[{"type":"text","content":"half \ud83e of a crab"}]}]"#;
    let repository = world.with([span(0, 0)
        .kind(Kind::Model)
        .with(field::INPUT_MESSAGES, json)
        .with(field::OUTPUT, r#"{"a":"\udc00"}"#)]);
    let content = repository.span(trace_id(0), span_id(0)).unwrap().content;
    assert_eq!(content.attributes.get(field::INPUT_MESSAGES).unwrap().as_str(), Some(json));
    assert_eq!(content.output.as_deref(), Some(r#"{"a":"\udc00"}"#));
    // What is read from it has the replacement character instead.
    assert_eq!(content.input.as_deref(), Some("half \u{fffd} of a crab"));
    assert_eq!(content.input_messages.len(), 1);
}

fn json_two_thousand_levels_deep(world: &World) {
    let deep = format!("{}1{}", "[".repeat(2_000), "]".repeat(2_000));
    let objects = format!("{}1{}", r#"{"a":"#.repeat(2_000), "}".repeat(2_000));
    let repository = world.with([span(0, 0)
        .model("m")
        .with(field::INPUT, &deep)
        .with(field::OUTPUT_MESSAGES, &objects)
        .with("deep", &objects)]);
    let content = repository.span(trace_id(0), span_id(0)).unwrap().content;
    assert_eq!(content.input.as_deref(), Some(deep.as_str()));
    assert_eq!(content.attributes.get("deep").unwrap().as_str(), Some(objects.as_str()));
    assert_eq!(repository.trace(trace_id(0)).unwrap().spans.len(), 1);
}

fn values_nested_too_deep_are_cut_visibly(world: &World) {
    let nested = |levels: usize| (0..levels).fold(Value::I64(7), |value, _| Value::Array(vec![value]));
    let repository =
        world.with([span(0, 0).with("fits", nested(MAX_DEPTH)).with("deep", nested(2_000)).with("next", 1)]);
    let attributes = repository.span(trace_id(0), span_id(0)).unwrap().content.attributes;
    assert_eq!(attributes.get("fits"), Some(&nested(MAX_DEPTH)));
    let mut cut = attributes.get("deep").unwrap();
    while let Value::Array(items) = cut {
        cut = &items[0];
    }
    assert!(cut.as_str().unwrap().contains("nested too deep"), "{cut:?}");
    assert_eq!(attributes.get("next"), Some(&Value::I64(1)));
}

/// Ten megabytes, of which no four bytes are alike for long.
fn long_text() -> String {
    (0..10 * 1_024 * 1_024 / 8).map(|n: u32| format!("{:08x}", n.wrapping_mul(2_654_435_761))).collect()
}

fn ten_megabytes(world: &World) {
    let text = long_text();
    assert!(text.len() > 10_000_000);
    let repository = world.with([span(0, 0).with("text", &text), span(0, 1)]);
    let content = repository.span(trace_id(0), span_id(0)).unwrap().content;
    assert!(content.attributes.get("text").unwrap().as_str() == Some(text.as_str()));
    assert_eq!(repository.trace(trace_id(0)).unwrap().spans.len(), 2);
}

fn ten_megabytes_in_every_place(world: &World) {
    let text = long_text();
    let name = &text[..1_000_000];
    let mut written = span(0, 0).named(name).kind(Kind::Agent).agent(name).session(name).failing(name);
    written = written.with(field::INPUT, &text).with(field::OUTPUT, &text);
    name.clone_into(&mut written.0.trace_state);
    let repository = world.with([written, span(1, 0)]);
    let trace = repository.trace(trace_id(0)).unwrap();
    assert!(trace.spans[0].name.chars().count() <= 255 && trace.trace.name.chars().count() <= 255);
    assert_eq!(walk::traces(&repository, &TraceFilter::new().session(name)), [0]);
    // A server takes no such row: the longest values are cut, the same on every database, and say so.
    let detail = repository.span(trace_id(0), span_id(0)).unwrap();
    assert!(detail.span.truncated_bytes > 5_000_000, "{} bytes cut", detail.span.truncated_bytes);
    assert!(detail.content.trace_state == name);
    for found in [detail.content.input.unwrap(), detail.content.output.unwrap()] {
        let (kept, cut) = found.rsplit_once('…').unwrap();
        assert!(kept.len() > 1_000_000 && text.starts_with(kept), "{} bytes kept", kept.len());
        assert!(cut.ends_with("bytes]") && cut.len() < 30, "{cut}");
    }
}

fn text_that_looks_like_sql(world: &World) {
    let texts = [
        "' OR '1'='1",
        "'; DROP TABLE spans; --",
        "\\'; DROP TABLE traces; #",
        "a\" OR \"\"=\"",
        "$1",
        "?",
        ":id",
        "1; SELECT pg_sleep(9)",
        "/*",
        "%' --",
        "\\",
    ];
    let spans: Vec<_> = texts
        .iter()
        .zip(0..)
        .map(|(text, trace)| span(trace, 0).named(text).session(text).agent(text).with(text, *text))
        .collect();
    let repository = world.with(spans);
    for (text, trace) in texts.iter().zip(0..) {
        assert_eq!(
            walk::traces(&repository, &TraceFilter::new().session(*text).agent(*text).name(*text)),
            [trace],
            "{text}"
        );
        assert_eq!(repository.session(text).unwrap().session_id, *text);
        assert!(walk::traces(&repository, &TraceFilter::new().text(*text)).contains(&trace), "{text}");
    }
    assert_eq!(repository.count_traces(&TraceFilter::new()).unwrap(), texts.len() as u64);
    assert_eq!(repository.delete_traces(&[trace_id(0)]).unwrap(), 1);
}

fn wildcards_in_a_search_are_letters(world: &World) {
    let names = ["100% done", "100 done", "a_b", "axb", "a\\b", "a*b", "[ab]", "a.b", "a\\%b"];
    let repository = world.with(names.iter().zip(0..).map(|(name, trace)| span(trace, 0).named(name)));
    for (text, expected) in [
        ("%", vec![8, 0]),
        ("_", vec![2]),
        ("a_b", vec![2]),
        ("a%b", vec![]),
        ("\\", vec![8, 4]),
        ("\\%", vec![8]),
        ("*", vec![5]),
        ("[ab]", vec![6]),
        (".", vec![7]),
        ("0 d", vec![1]),
    ] {
        assert_eq!(walk::traces(&repository, &TraceFilter::new().text(text)), expected, "{text}");
    }
}

fn searches_ignore_case_in_every_alphabet(world: &World) {
    let names = ["Straße nach Zürich", "ΑΘΗΝΑ", "Москва", "ЁЛКА", "Ａｇｅｎｔ", "İstanbul", "crème BRÛLÉE"];
    let repository = world.with(names.iter().zip(0..).map(|(name, trace)| span(trace, 0).named(name)));
    for (text, expected) in [
        ("ZÜRICH", vec![0]),
        ("zurich", vec![]),
        ("αθηνα", vec![1]),
        ("МОСКВА", vec![2]),
        ("ёлка", vec![3]),
        ("елка", vec![]),
        ("ａＧＥＮＴ", vec![4]),
        ("CRÈME brûlée", vec![6]),
        ("creme", vec![]),
    ] {
        assert_eq!(walk::traces(&repository, &TraceFilter::new().text(text)), expected, "{text}");
    }
}

fn long_messages_are_cut_visibly(world: &World) {
    let message = "🦀".repeat(10_000);
    let mut written = span(0, 0);
    written.0.status.message.clone_from(&message);
    written.0.status.code = tracing_agents::model::StatusCode::Error;
    let repository = world.with([written]);
    let found = repository.span(trace_id(0), span_id(0)).unwrap().span.status.message;
    assert!(found.ends_with('…') && found.chars().count() <= 4_097, "{} characters", found.chars().count());
    assert!(message.starts_with(found.trim_end_matches('…')));
}

fn long_names_are_cut_visibly_and_kept_whole(world: &World) {
    let (first, second) = ("n".repeat(300), format!("{}m", "n".repeat(299)));
    let repository = world.with([span(0, 0).named(&first), span(1, 0).named(&second).with(field::TOOL_NAME, &first)]);
    let names: Vec<String> =
        (0..2).map(|trace| repository.trace(trace_id(trace)).unwrap().spans[0].name.clone()).collect();
    assert_ne!(names[0], names[1]);
    assert!(
        names.iter().all(|name| name.starts_with("nnn") && name.contains('…') && name.chars().count() <= 255),
        "{names:?}"
    );
    assert_eq!(walk::traces(&repository, &TraceFilter::new().name(&first)), [0]);
    assert_eq!(walk::traces(&repository, &TraceFilter::new().name(&second)), [1]);
    let content = repository.span(trace_id(1), span_id(0)).unwrap().content;
    assert_eq!(content.attributes.get(field::TOOL_NAME).unwrap().as_str(), Some(first.as_str()));
}

fn services_and_libraries_of_any_name(world: &World) {
    let names = ["zoë 🦀", "Zoë 🦀", "a\0b", &"s".repeat(400), "service ", "service"];
    let spans: Vec<_> = names
        .iter()
        .zip(0..)
        .map(|(name, trace)| {
            let mut span = span(trace, 0).service(name);
            let scope = tracing_agents::model::Scope {
                name: (*name).to_owned(),
                version: (*name).to_owned(),
                schema_url: (*name).to_owned(),
                ..Default::default()
            };
            span.0.scope = scope.into();
            span
        })
        .collect();
    let repository = world.with(spans);
    for (name, trace) in names.iter().zip(0..) {
        assert_eq!(walk::traces(&repository, &TraceFilter::new().service(*name)), [trace], "{name:?}");
        let content = repository.span(trace_id(trace), span_id(0)).unwrap().content;
        assert_eq!(content.resource.attributes.get("service.name").unwrap().as_str(), Some(*name));
        let scope = &content.scope;
        assert_eq!([&scope.name, &scope.version, &scope.schema_url], [name; 3]);
    }
}

fn empty_texts_are_no_names(world: &World) {
    let repository =
        world.with([span(0, 0).named("").agent("").session("").user("  ").kind(Kind::Agent), span(1, 0).tool("")]);
    let tree = repository.trace(trace_id(0)).unwrap();
    assert_eq!((tree.spans[0].name.as_str(), tree.spans[0].identity.is_empty()), ("", true));
    assert_eq!(tree.spans[0].display_name, "invoke_agent");
    assert_eq!(repository.sessions(&SessionFilter::new()).unwrap().items, []);
    assert_eq!(walk::traces(&repository, &TraceFilter::new().agent("")), Vec::<u64>::new());
    assert_eq!(walk::traces(&repository, &TraceFilter::new().not_agent("")), [1, 0]);
}
