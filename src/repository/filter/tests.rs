use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::error::ErrorKind;

fn value() -> impl Strategy<Value = String> {
    prop_oneof!["\\PC{0,12}", "[a-z\"\\\\, :<>=\n\r\t\u{0}\u{2028}]{0,8}", Just(String::new())]
}

fn filter() -> impl Strategy<Value = TraceFilter> {
    let bound = proptest::option::of((0..i64::MAX, any::<bool>()));
    let bounds = (bound.clone(), bound.clone(), bound.clone(), bound);
    let times = (any::<Option<i64>>(), any::<Option<i64>>(), proptest::option::of(0..i64::MAX));
    let values = proptest::collection::vec((0..14_usize, value()), 0..6);
    let excluded = proptest::collection::vec((0..3_usize, value()), 0..3);
    let texts = (proptest::collection::vec(value(), 0..3), excluded);
    let after = proptest::option::of((any::<i64>(), proptest::collection::vec(any::<u8>(), 0..40)));
    let closed = (any::<Option<[u8; 16]>>(), proptest::option::of(0..TraceStatus::ALL.len()), 0..=1_200_u32);
    (bounds, times, values, texts, after, closed).prop_map(|(bounds, times, values, texts, after, closed)| {
        let mut filter = TraceFilter::new();
        let bound = |bound: Option<(i64, bool)>| bound.map(|(value, is_inclusive)| Bound { value, is_inclusive });
        filter.conditions.duration = Range { min: bound(bounds.0), max: bound(bounds.1) };
        filter.conditions.tokens = Range { min: bound(bounds.2), max: bound(bounds.3) };
        (filter.conditions.since_ns, filter.conditions.until_ns) = (times.0, times.1);
        if let Some(last) = times.2 {
            filter = filter.last(Duration::from_nanos(last.unsigned_abs()));
        }
        for (field, value) in values {
            filter = match field {
                0 => filter.run(value),
                1 => filter.session(value),
                2 => filter.conversation(value),
                3 => filter.user(value),
                4 => filter.agent(value),
                5 => filter.team(value),
                6 => filter.workflow(value),
                7 => filter.tool(value),
                8 => filter.model(value),
                9 => filter.provider(value),
                10 => filter.name(value),
                11 => filter.service(value),
                12 => filter.step(value),
                _ => filter.kind(Kind::ALL[value.len() % Kind::ALL.len()]),
            };
        }
        filter = texts.0.into_iter().fold(filter, TraceFilter::text);
        for (field, value) in texts.1 {
            filter = match field {
                0 => filter.not_agent(value),
                1 => filter.not_tool(value),
                _ => filter.not_status(TraceStatus::ALL[value.len() % TraceStatus::ALL.len()]),
            };
        }
        if let Some(id) = closed.0.map(TraceId::from_bytes).filter(|id| !id.is_invalid()) {
            filter = filter.trace(id);
        }
        if let Some(status) = closed.1 {
            filter = filter.status(TraceStatus::ALL[status]);
        }
        filter.limit(closed.2).after(after.map(|(time_ns, id)| Cursor { time_ns, id }))
    })
}

proptest! {
    #[test]
    fn text_reads_back_as_the_same_filter(filter in filter()) {
        let text = filter.to_string();
        prop_assert_eq!(text.parse::<TraceFilter>().map_err(|error| error.to_string()), Ok(filter), "{}", text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC{0,60}") {
        if let Err(error) = text.parse::<TraceFilter>() {
            prop_assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
}

fn parsed(text: &str) -> TraceFilter {
    text.parse().unwrap()
}

#[test]
fn the_languages_words() {
    let filter = parsed(
        r#"agent:Researcher,"My \"own\", Agent" STATUS:Error duration>2s duration<=1m tokens>=1.5k tool:web_search
           since:2026-11-22 until:2026-11-22T10:00:00Z last:24h kind:MODEL "refund" now limit:50"#,
    );
    let midnight = 1_795_305_600_000_000_000;
    let expected = TraceFilter::new()
        .agent("Researcher")
        .agent("My \"own\", Agent")
        .status(TraceStatus::Error)
        .max_duration(Duration::from_secs(60))
        .min_tokens(1_500)
        .tool("web_search")
        .kind(Kind::Model)
        .since_ns(midnight)
        .until_ns(midnight + 36_000_000_000_000)
        .last(Duration::from_secs(86_400))
        .text("refund")
        .text("now")
        .limit(50);
    assert_eq!(filter.conditions.duration.lowest(), Some(2_000_000_001));
    let mut without = filter;
    without.conditions.duration.min = None;
    assert_eq!(without, expected);
}

#[test]
fn values_may_hold_colons() {
    assert_eq!(parsed("tool:mcp::search"), TraceFilter::new().tool("mcp::search"));
    assert_eq!(parsed("3:4 a.b:c"), TraceFilter::new().text("3:4").text("a.b:c"));
    assert_eq!(parsed(r"tool:C:\dir"), TraceFilter::new().tool(r"C:\dir"));
    assert_eq!(parsed(r#"agent:"""#), TraceFilter::new().agent(""));
    assert_eq!(parsed("  "), TraceFilter::new());
}

#[test]
fn a_minus_leaves_out() {
    let expected = TraceFilter::new().agent("A").not_agent("B").not_agent("C").not_status(TraceStatus::Ok);
    assert_eq!(parsed("agent:A -agent:B,C -status:ok"), expected);
    assert_eq!(expected.to_string(), "agent:A -agent:B,C -status:ok");
    assert_eq!(parsed("\"-refund\" - -1:2"), TraceFilter::new().text("-refund").text("-").text("-1:2"));
}

#[test]
fn errors_point_at_the_wrong_word() {
    for (text, underlined, message) in [
        ("agent:R statsu:error", "statsu", "unknown field `statsu`; known: agent, conversation"),
        ("http://x", "http", "quote it"),
        ("status:fine", "fine", "known: ok, error, running, interrupted"),
        ("kind:robot", "robot", "known: agent, team"),
        ("duration>2", "2", "units: ns us ms"),
        ("duration:2s", "duration", "takes bounds"),
        ("tokens>many", "many", "no count"),
        ("agent>x", "agent", "takes values"),
        ("agent:A AND user:u", "AND", "leave out AND (to search for this text, quote it)"),
        ("agent:A OR agent:B", "OR", "FIELD:A,B"),
        ("NOT agent:A", "NOT", "-FIELD:VALUE"),
        ("agent!=A", "agent!=A", "-FIELD:VALUE"),
        ("agent:A -refund", "-refund", "text cannot be excluded"),
        (r#"-"two words""#, r#"-"two"#, "text cannot be excluded"),
        ("since>2026-11-22", "since", "takes a value"),
        ("since:yesterday", "yesterday", "no time"),
        ("since:2026-11-22 since:2026-11-23", "since", "given twice"),
        ("duration>1s duration>=2s", "duration", "given twice"),
        ("limit:0", "0", "limit from 1 to 1000"),
        ("limit:1001", "1001", "limit from 1 to 1000"),
        ("limit:5,6", "6", "one value"),
        ("trace:xyz", "xyz", "32 hexadecimal digits"),
        ("after:%%", "%%", "no cursor"),
        ("agent: x", "agent:", "without a space"),
        ("agent:a, b", "agent:a,", "without a space"),
        (r#"agent:"a"#, r#""a"#, "closing quote is missing"),
        (r#"agent:"a"b"#, r#""a"b"#, "space must follow"),
        (r#""a\q""#, r"\q", "no such escape"),
        ("-statsu:error", "statsu", "unknown field `statsu`"),
        ("-duration>2s", "duration", "cannot be excluded"),
        ("-trace:00000000000000000000000000000001", "trace", "cannot be excluded"),
    ] {
        let error = text.parse::<TraceFilter>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let shown = error.to_string();
        assert!(shown.contains(message), "{shown}");
        let lines: Vec<&str> = shown.lines().collect();
        let [.., line, carets] = lines.as_slice() else { panic!("{shown}") };
        let from = carets.find('^').unwrap();
        assert_eq!(line.chars().skip(from).take(carets.len() - from).collect::<String>(), underlined, "{shown}");
    }
}

#[test]
fn long_texts_are_shown_around_the_wrong_word() {
    let text = format!("{} oops:1 {}", "é\u{1b} ".repeat(500), "y".repeat(500));
    let shown = text.parse::<TraceFilter>().unwrap_err().to_string();
    assert!(shown.contains("oops:1") && !shown.contains('\u{1b}'), "{shown}");
    assert!(shown.lines().last().unwrap().trim() == "^^^^", "{shown}");
    assert!(shown.lines().all(|line| line.chars().count() < 400), "{shown}");
}

#[test]
fn each_list_has_its_own_words() {
    assert!("parent:00f067aa0ba902b7 call:c1 state:open status:unset".parse::<SpanFilter>().is_ok());
    assert!("status:running".parse::<SpanFilter>().is_err());
    assert!("some text".parse::<SpanFilter>().unwrap_err().to_string().contains("no text to search in"));
    assert!("user:u1 last:7d".parse::<SessionFilter>().is_ok());
    assert!("status:error".parse::<SessionFilter>().unwrap_err().to_string().contains("unknown field `status`"));
    assert!("duration>1s".parse::<SessionFilter>().is_err());
}

#[test]
fn limits_stay_in_bounds() {
    assert_eq!(TraceFilter::new().limit(0).conditions().limit(), 1);
    assert_eq!(TraceFilter::new().limit(u32::MAX).conditions().limit(), 1_000);
    assert_eq!(TraceFilter::new().conditions().limit(), 20);
}

#[test]
fn too_many_values_are_refused() {
    let filter = (0..1_001).fold(TraceFilter::new(), |filter, n| filter.agent(n.to_string()));
    assert_eq!(filter.conditions().check().unwrap_err().kind(), ErrorKind::InvalidInput);
}
