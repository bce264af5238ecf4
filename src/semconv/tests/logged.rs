//! Content in events that came as log records, with structured values or bodies of text.

use super::*;
use crate::model::{Message, Role};

fn text(role: Role, text: &str) -> Message {
    Message::text(role, text)
}

#[test]
fn events_that_came_as_log_records_are_read_as_the_spans_own() {
    let part = |words: &str| Value::Map(vec![("type".to_owned(), "text".into()), ("content".to_owned(), words.into())]);
    let said = |role: &str, words: &str| {
        let parts = Value::Array(vec![part(words)]);
        Value::Array(vec![Value::Map(vec![("role".to_owned(), role.into()), ("parts".to_owned(), parts)])])
    };
    let details = case("f").event(
        "gen_ai.client.inference.operation.details",
        None,
        &[
            ("gen_ai.input.messages", said("user", "hi")),
            ("gen_ai.output.messages", said("assistant", "ho")),
            ("gen_ai.system_instructions", Value::Array(vec![part("be kind")])),
        ],
    );
    let details = details.content(Kind::Model);
    assert_eq!(details.input_messages, [text(Role::System, "be kind"), text(Role::User, "hi")]);
    assert_eq!((details.input.as_deref(), details.output.as_deref()), (Some("hi"), Some("ho")));

    let message = Value::Map(vec![("role".to_owned(), "assistant".into()), ("content".to_owned(), "ho".into())]);
    let bodies = case("f")
        .event("gen_ai.user.message", None, &[("body", r#"{"content":"hi","role":"user"}"#.into())])
        .event("gen_ai.user.message", None, &[("content", "own".into()), ("body", "other".into())])
        .event("gen_ai.user.message", None, &[("body", "only words".into())])
        .event("gen_ai.choice", None, &[("message", message), ("finish_reason", "stop".into())])
        .content(Kind::Model);
    let expected = ["hi", "own", "only words"].map(|words| text(Role::User, words));
    assert_eq!(bodies.input_messages, expected);
    assert_eq!(bodies.output.as_deref(), Some("ho"));
}
