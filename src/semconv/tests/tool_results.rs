//! Tool results that say themselves that the tool failed.

use serde_json::json;

use super::*;
use crate::semconv::profile::{EventRule, Profile};

fn tool(key: &'static str, result: impl Into<Value>) -> Case {
    case("execute_tool").with(field::OPERATION, "execute_tool").with(key, result)
}

fn told(case: Case) -> Option<(String, Option<String>)> {
    let span = case.span();
    assert_ne!(span.status.code, StatusCode::Ok);
    span.is_error().then_some((span.status.message, span.error_type))
}

fn failed(message: &str) -> Option<(String, Option<String>)> {
    Some((message.to_owned(), Some("tool_error".to_owned())))
}

/// MCP's result as rmcp has it.
#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
struct CallToolResult {
    content: Vec<Annotated>,
    structured_content: Option<()>,
    is_error: Option<bool>,
    meta: Option<()>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
struct Annotated {
    raw: Raw,
    annotations: Option<()>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
enum Raw {
    Text(RawText),
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
struct RawText {
    text: &'static str,
    meta: Option<()>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read by `Debug`")]
enum ServerResult {
    CallToolResult(CallToolResult),
}

fn call_tool_result(is_error: Option<bool>) -> CallToolResult {
    let content = |text| Annotated { raw: Raw::Text(RawText { text, meta: None }), annotations: None };
    let content = vec![content("the disk \"is\" full"), content("try later")];
    CallToolResult { content, structured_content: None, is_error, meta: None }
}

#[test]
fn each_documented_form_of_a_failed_result_is_a_tool_error() {
    let text = json!([{"type": "text", "text": "no such city"}, {"type": "image", "data": "…"}]);
    let anthropic = json!({"type": "tool_result", "tool_use_id": "t1", "content": "no such city", "is_error": true});
    let goose = json!({"type": "tool_call_error", "id": "call_1", "error": "no such city"});
    for result in [
        json!({"content": text, "isError": true}),
        json!({"content": text, "is_error": true, "_meta": {}}),
        json!({"jsonrpc": "2.0", "id": 1, "result": {"content": text, "isError": true}}),
        json!({"content": [], "structuredContent": {"message": "no such city"}, "isError": true}),
        anthropic.clone(),
        json!([anthropic]),
        json!({"type": "tool_result", "tool_use_id": "t1", "content": text, "is_error": true}),
        goose.clone(),
        json!([{"role": "tool", "parts": [goose]}]),
        json!([{"role": "tool", "parts": [{"type": "error", "message": "no such city"}]}]),
        json!([{"role": "tool", "parts": [
            {"type": "tool_call_response", "id": "call_1", "response": {"content": text, "isError": true}},
        ]}]),
    ] {
        for key in [field::TOOL_RESULT, field::OUTPUT, "gen_ai.tool.result", field::OUTPUT_MESSAGES] {
            assert_eq!(told(tool(key, result.to_string())), failed("no such city"), "{key} {result}");
            assert_eq!(told(tool(key, debug(&format!(" {result:#}")))), failed("no such city"), "{key} {result}");
            assert_eq!(told(tool(key, Value::from(result.clone()))), failed("no such city"), "{key} {result}");
        }
    }
}

#[test]
fn rmcps_result_as_debug_shows_it_is_a_tool_error_when_it_says_so() {
    let message = "the disk \"is\" full\ntry later";
    for text in [
        format!("{:?}", call_tool_result(Some(true))),
        format!("{:#?}", call_tool_result(Some(true))),
        format!("{:?}", Ok::<_, ()>(call_tool_result(Some(true)))),
        format!("{:?}", Some(ServerResult::CallToolResult(call_tool_result(Some(true))))),
    ] {
        assert_eq!(told(tool(field::TOOL_RESULT, text.as_str())), failed(message), "{text}");
        assert_eq!(told(tool(field::TOOL_RESULT, debug(&text))), failed(message), "{text}");
        let returned = case("tool").with(field::KIND, "tool").event("done", Some("INFO"), &[("return", debug(&text))]);
        assert_eq!(told(returned), failed(message), "{text}");
    }
    for is_error in [None, Some(false)] {
        assert_eq!(told(tool(field::TOOL_RESULT, debug(&format!("{:?}", call_tool_result(is_error))))), None);
    }
    let whole = format!("{:?}", call_tool_result(Some(true)));
    let cut = whole.strip_suffix("meta: None }").unwrap();
    assert_eq!(told(tool(field::TOOL_RESULT, debug(cut))), failed(message), "what is open at the end is closed");
    let other = "Report { content: [1], is_error: Some(true) }";
    assert_eq!(told(tool(field::TOOL_RESULT, debug(other))), None, "a struct of the user's own");
}

#[test]
fn a_result_that_a_profile_lifts_is_read_like_one_that_is_recorded() {
    let result = format!("{:?}", call_tool_result(Some(true)));
    let profile = || Profile::new("acme").target("acme").span("acme", "call", Kind::Tool);
    let lifting = [
        profile().alias("answer", field::TOOL_RESULT),
        profile().event(EventRule::new("acme", "answered").lift("answer", field::TOOL_RESULT)),
    ];
    for profile in lifting {
        let profiles = Profiles::with(vec![profile]);
        let mut record = case("call").with("answer", result.as_str()).target("acme", &[]).0;
        record.events.push(Event {
            name: "answered".to_owned(),
            time_ns: 1_500,
            attributes: [("answer".into(), Value::from(result.as_str()))].into_iter().collect(),
            dropped_attributes: 0,
            callsite: Some(callsite("event", "acme", "DEBUG", &[])),
        });
        let span = interpret_with(&profiles, record).span;
        assert_eq!((span.is_error(), span.error_type.as_deref()), (true, Some("tool_error")));
    }
}

#[test]
fn a_flag_in_a_tools_data_is_the_datas() {
    let failure = json!({"content": [{"type": "text", "text": "no"}], "isError": true});
    for result in [
        json!({"content": [{"type": "text", "text": "yes"}], "isError": false}),
        json!({"content": [{"type": "text", "text": "yes"}], "isError": "true"}),
        json!({"content": [{"type": "text", "text": failure.to_string()}], "isError": false}),
        json!({"content": [failure.clone()]}),
        json!({"structuredContent": failure.clone()}),
        json!({"rows": 3, "isError": true}),
        json!({"rows": [failure.clone()]}),
        json!({"result": failure.clone()}),
        json!([failure.clone(), failure.clone()]),
        json!([[], failure.clone()]),
        json!({"type": "error", "message": "line 3 of the log"}),
        json!([{"type": "error", "message": "line 3 of the log"}]),
        json!({"type": "lint", "is_error": true, "content": []}),
        json!({"type": "tool_result", "tool_use_id": "t1", "content": "fine"}),
        json!([
            {"role": "tool", "parts": [{"type": "tool_call_error", "id": "1"}]},
            {"role": "tool", "parts": [{"type": "tool_call_error", "id": "2"}]},
        ]),
        json!([failure]),
    ] {
        assert_eq!(told(tool(field::TOOL_RESULT, result.to_string())), None, "{result}");
        assert_eq!(told(tool(field::TOOL_RESULT, Value::from(result.clone()))), None, "{result}");
    }
    assert_eq!(told(tool(field::TOOL_ARGUMENTS, failure.to_string())), None, "what went in");
    let chat = case("chat").with(field::OPERATION, "chat").with(field::OUTPUT, failure.to_string());
    assert_eq!(told(chat), None, "no tool");
}

#[test]
fn the_conventions_type_of_error_takes_its_text_from_the_result() {
    let typed = |result: &str| {
        let case = case("tools/call add").with("mcp.method.name", "tools/call").with(field::ERROR_TYPE, "tool_error");
        told(case.with(field::TOOL_RESULT, result))
    };
    assert_eq!(typed(r#"{"content":[{"type":"text","text":"no"}],"isError":true}"#), failed("no"));
    assert_eq!(typed("no such city"), failed("no such city"));
    let bare = case("tools/call add").with("mcp.method.name", "tools/call").with(field::ERROR_TYPE, "tool_error");
    assert_eq!(told(bare), failed(""));
    let own = tool(field::TOOL_RESULT, r#"{"content":[],"isError":true}"#).with("error", "429");
    assert_eq!(told(own), failed("429"), "what the span says of it goes before");
    let framework =
        tool(field::TOOL_RESULT, r#"{"content":[],"isError":true}"#).with("gen_ai.tool.error.type", "other");
    assert_eq!(told(framework), Some((String::new(), Some("other".to_owned()))));
}

#[test]
fn a_result_that_says_so_outranks_the_ok_of_a_call_that_returned() {
    let span = tool(field::TOOL_RESULT, r#"{"content":[],"isError":true}"#).with(field::STATUS_CODE, "OK").span();
    assert_eq!((span.status.code, span.error_type.as_deref()), (StatusCode::Error, Some("tool_error")));
    let span = tool(field::TOOL_RESULT, r#"{"content":[]}"#).with(field::STATUS_CODE, "OK").with("error", "429").span();
    assert_eq!((span.status.code, span.error_type), (StatusCode::Ok, None), "nothing else does");
}

#[test]
fn a_result_that_was_cut_or_is_huge_is_harmless() {
    let early = r#"{"isError":true,"content":[{"type":"text","text":"no"}],"_meta":{"a":1,"b":"and so o"#;
    assert_eq!(told(tool(field::TOOL_RESULT, early)), failed("no"), "what stands before the cut is known");
    let whole = format!("{:?} {}", call_tool_result(Some(true)), json!({"content": [{"text": "é"}], "isError": true}));
    for (place, _) in whole.char_indices() {
        for text in [&whole[..place], &whole[place..]] {
            let _ = told(tool(field::TOOL_RESULT, text));
            let _ = told(tool(field::TOOL_RESULT, debug(text)));
        }
    }
    let deep = format!(r#"{}{{"content":[],"isError":true}}{}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(told(tool(field::TOOL_RESULT, deep)), None);
    let huge = json!({"content": [{"type": "text", "text": "x".repeat(5_000_000)}], "isError": true}).to_string();
    assert_eq!(told(tool(field::TOOL_RESULT, huge)), None, "beyond what is read as structure");
    let long = json!({"content": [{"type": "text", "text": "é".repeat(10_000)}], "isError": true}).to_string();
    let (message, _) = told(tool(field::TOOL_RESULT, long)).unwrap();
    assert_eq!(message.chars().count(), 4_001);
}
