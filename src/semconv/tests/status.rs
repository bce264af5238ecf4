//! Status and error type.

use super::*;

fn outcome(case: Case) -> (StatusCode, String, Option<String>) {
    let span = case.span();
    (span.status.code, span.status.message, span.error_type)
}

fn unset() -> (StatusCode, String, Option<String>) {
    (StatusCode::Unset, String::new(), None)
}

fn error(message: &str, error_type: Option<&str>) -> (StatusCode, String, Option<String>) {
    (StatusCode::Error, message.to_owned(), error_type.map(str::to_owned))
}

#[test]
fn nothing_said_is_unset() {
    assert_eq!(outcome(case("f")), unset());
    assert_eq!(outcome(case("f").with("error", false)), unset());
    assert_eq!(outcome(case("f").with("error", debug("None"))), unset());
    assert_eq!(outcome(case("f").with("error.type", "")), unset());
    assert_eq!(outcome(case("f").with("gen_ai.tool.call.outcome", "success")), unset());
    assert_eq!(outcome(case("f").with("gen_ai.tool.call.outcome", "skipped")), unset());
    assert_eq!(outcome(case("f").with("status_message", "all well")), unset());
    assert_eq!(outcome(case("f").event("retrying", Some("WARN"), &[("error", "bad".into())])), unset());
    assert_eq!(outcome(case("f").event("note", None, &[("error", "bad".into())])), unset());
}

#[test]
fn an_error_is_found_wherever_it_is_told() {
    for (case, expected) in [
        (case("f").status(StatusCode::Error, "boom"), error("boom", None)),
        (case("f").with("otel.status_code", "ERROR").with("otel.status_description", "boom"), error("boom", None)),
        (case("f").with("otel.status_code", debug("Error")), error("", None)),
        (case("f").with("error.type", 429_i64), error("", Some("429"))),
        (case("f").with("error", Value::Error("boom".to_owned())), error("boom", None)),
        (case("f").with("error", true), error("", None)),
        (
            case("f").with("exception.type", "ValueError").with("exception.message", "bad"),
            error("bad", Some("ValueError")),
        ),
        (case("f").event("event src/lib.rs:1", Some("ERROR"), &[("error", debug("boom"))]), error("boom", None)),
        (case("f").event("it broke", Some("ERROR"), &[]), error("it broke", None)),
        (case("f").event("event src/lib.rs:1", Some("ERROR"), &[]), error("", None)),
        (
            case("f").with("gen_ai.tool.call.outcome", "error").with("gen_ai.tool.error.type", "other"),
            error("", Some("other")),
        ),
        (case("f").with("gen_ai.tool.call.outcome", "denied"), error("", None)),
        (
            case("f").with("gen_ai.tool.call.outcome", "error").with("gen_ai.tool.call.result", "no such city"),
            error("no such city", None),
        ),
        (
            case("f").with("langfuse.observation.level", "ERROR").with("langfuse.observation.status_message", "boom"),
            error("boom", None),
        ),
        (case("f").status(StatusCode::Error, "panicked").with("error.type", "panic"), error("panicked", Some("panic"))),
    ] {
        assert_eq!(outcome(case), expected);
    }
}

#[test]
fn the_last_error_event_gives_the_text() {
    let found = case("f")
        .event("first try failed", Some("ERROR"), &[])
        .event("exception", None, &[("exception.type", "ValueError".into()), ("exception.message", "bad".into())])
        .event("event src/lib.rs:1", Some("ERROR"), &[("error", debug("gave up"))])
        .event("done", Some("INFO"), &[]);
    assert_eq!(outcome(found), error("gave up", Some("ValueError")));
}

#[test]
fn an_explicit_ok_wins_over_events_but_not_over_a_panic() {
    let ok = (StatusCode::Ok, String::new(), None);
    let logged = |case: Case| case.event("it broke", Some("ERROR"), &[]);
    assert_eq!(outcome(logged(case("f").status(StatusCode::Ok, ""))), ok);
    assert_eq!(outcome(logged(case("f").with("otel.status_code", "OK"))), ok);
    assert_eq!(outcome(case("f").with("otel.status_code", "ok").status(StatusCode::Error, "x")), ok);
    let panicked = case("f").with("otel.status_code", "OK").with("error.type", "panic").status(StatusCode::Error, "p");
    assert_eq!(outcome(panicked), error("p", Some("panic")));
}

#[test]
fn long_messages_are_cut() {
    let span = case("f").with("error", "é".repeat(10_000)).span();
    assert_eq!(span.status.message.chars().count(), 4_001);
}
