//! What is kept at each level, in the shapes that producers send.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::settings::Hidden;
use super::*;
use crate::model::{Attributes, Callsite, Event, SpanId, SpanRecord, TraceId, Value};
use crate::semconv::{Profiles, field};

fn record(pairs: &[(&'static str, Value)]) -> SpanRecord {
    let mut record = SpanRecord::new(TraceId::from_bytes([1; 16]), SpanId::from_bytes([2; 8]), "span", 1);
    record.attributes = pairs.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
    record
}

fn event(name: &str, pairs: &[(&'static str, Value)]) -> Event {
    let attributes: Attributes = pairs.iter().map(|(key, value)| ((*key).into(), value.clone())).collect();
    Event { name: name.to_owned(), time_ns: 1, attributes, dropped_attributes: 0, callsite: None }
}

fn at(target: &str, name: &str) -> Option<Arc<Callsite>> {
    Some(Arc::new(Callsite {
        name: name.to_owned(),
        target: target.to_owned(),
        level: "INFO".to_owned(),
        file: None,
        line: None,
        fields: Vec::new(),
    }))
}

/// The record under a policy, which must change nothing the second time.
fn kept(policy: CapturePolicy, hidden: Hidden, mut record: SpanRecord) -> SpanRecord {
    let Some(capturing) = Capturing::new(policy, hidden, Profiles::default()) else { return record };
    capturing.record(&mut record);
    let once = record.clone();
    capturing.record(&mut record);
    assert_eq!(record, once, "what was withheld once stays as it is");
    record
}

fn under(policy: CapturePolicy, record: SpanRecord) -> SpanRecord {
    kept(policy, Hidden::default(), record)
}

fn text<'r>(record: &'r SpanRecord, key: &str) -> Option<&'r str> {
    record.attributes.get(key).and_then(Value::as_str)
}

fn read(record: &SpanRecord, key: &str) -> Json {
    serde_json::from_str(text(record, key).unwrap_or_else(|| panic!("no {key} in {:?}", record.attributes))).unwrap()
}

fn conversation() -> Json {
    json!([
        { "role": "system", "parts": [{ "type": "text", "content": "be brief" }] },
        { "role": "user", "parts": [{ "type": "text", "content": "how is ann?" }] },
        { "role": "assistant", "parts": [
            { "type": "tool_call", "id": "c1", "name": "look_up", "arguments": { "who": "ann", "pin": 4711 } },
            { "type": "text", "content": "let me see" },
        ]},
        { "role": "tool", "parts": [{ "type": "tool_call_response", "id": "c1", "response": "she is ill" }] },
    ])
}

#[test]
fn by_default_all_is_kept() {
    let before = record(&[(field::INPUT_MESSAGES, conversation().to_string().into())]);
    assert_eq!(under(CapturePolicy::default(), before.clone()), before);
}

#[test]
fn metadata_of_messages_is_their_structure() {
    let before = record(&[
        (field::INPUT_MESSAGES, conversation().to_string().into()),
        (field::INPUT_TOKENS, Value::I64(12)),
        ("my.own", "stays".into()),
    ]);
    let after = under(CapturePolicy::metadata(), before);
    let expected = json!([
        { "role": "system", "parts": [{ "type": "text", "content": "[withheld 8 bytes]" }] },
        { "role": "user", "parts": [{ "type": "text", "content": "[withheld 11 bytes]" }] },
        { "role": "assistant", "parts": [
            { "type": "tool_call", "id": "c1", "name": "look_up", "arguments": "[withheld 24 bytes]" },
            { "type": "text", "content": "[withheld 10 bytes]" },
        ]},
        { "role": "tool", "parts": [{ "type": "tool_call_response", "id": "c1", "response": "[withheld 10 bytes]" }] },
    ]);
    assert_eq!(read(&after, field::INPUT_MESSAGES), expected);
    assert_eq!(text(&after, field::WITHHELD), Some("system,prompts,completions,tool_arguments,tool_results"));
    assert_eq!(
        (text(&after, "my.own"), after.attributes.get(field::INPUT_TOKENS)),
        (Some("stays"), Some(&Value::I64(12)))
    );
}

#[test]
fn each_class_has_a_level_of_its_own() {
    for (class, gone, stays) in [
        (ContentClass::System, &["be brief"][..], &["how is ann?", "look_up", "4711", "let me see", "she is ill"][..]),
        (ContentClass::Prompts, &["how is ann?"], &["be brief", "4711", "she is ill"]),
        (ContentClass::Completions, &["let me see"], &["be brief", "look_up", "4711"]),
        (ContentClass::ToolArguments, &["4711", "who"], &["let me see", "she is ill"]),
        (ContentClass::ToolResults, &["she is ill"], &["4711", "let me see"]),
    ] {
        for level in [CaptureLevel::Off, CaptureLevel::Metadata] {
            let before = record(&[(field::INPUT_MESSAGES, conversation().to_string().into())]);
            let after = under(CapturePolicy::full().with(class, level), before);
            let messages = text(&after, field::INPUT_MESSAGES).unwrap();
            assert!(gone.iter().all(|text| !messages.contains(text)), "{class} {level}: {messages}");
            assert!(stays.iter().all(|text| messages.contains(text)), "{class} {level}: {messages}");
            assert_eq!(text(&after, field::WITHHELD), Some(class.as_str()));
        }
    }
}

/// Each convention's ways to tell what went in and out, `SECRET` where content is.
fn shapes() -> Vec<(&'static str, SpanRecord)> {
    let said = |text: &str| Value::from(text);
    let messages = || {
        said(
            r#"[{"role":"user","content":"SECRET"},{"role":"assistant","tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{\"a\":\"SECRET\"}"}}]}]"#,
        )
    };
    let gemini = || {
        said(
            r#"{"contents":[{"role":"user","parts":[{"text":"SECRET"},{"functionCall":{"name":"f","args":{"a":"SECRET"}}}]}],"systemInstruction":{"parts":[{"text":"SECRET"}]}}"#,
        )
    };
    let mut shapes = vec![
        ("plain", record(&[(field::INPUT, said("SECRET")), (field::OUTPUT, said("{\"a\":\"SECRET\"}"))])),
        (
            "messages",
            record(&[(field::INPUT_MESSAGES, messages()), (field::OUTPUT_MESSAGES, said("SECRET, not JSON"))]),
        ),
        ("instructions", record(&[(field::SYSTEM_INSTRUCTIONS, said(r#"[{"type":"text","content":"SECRET"}]"#))])),
        (
            "a tool's",
            record(&[(field::TOOL_ARGUMENTS, said("{\"a\":\"SECRET\"}")), (field::TOOL_RESULT, said("SECRET"))]),
        ),
        ("structured", record(&[(field::TOOL_ARGUMENTS, Value::Map(vec![("SECRET".into(), said("SECRET"))]))])),
        ("captured arguments", record(&[(field::KIND, said("tool")), ("city", Value::Debug("\"SECRET\"".into()))])),
        (
            "OpenInference",
            record(&[
                ("openinference.span.kind", said("LLM")),
                ("llm.input_messages.0.message.role", said("user")),
                ("llm.input_messages.0.message.content", said("SECRET")),
                ("llm.input_messages.1.message.contents.0.message_content.text", said("SECRET")),
                ("llm.output_messages.0.message.tool_calls.0.tool_call.function.arguments", said("{\"a\":\"SECRET\"}")),
                ("llm.prompts.0.prompt.text", said("SECRET")),
                ("input.value", messages()),
            ]),
        ),
        (
            "documents",
            record(&[
                ("openinference.span.kind", said("RETRIEVER")),
                ("retrieval.documents.0.document.content", said("SECRET")),
                ("retrieval.documents.0.document.metadata", said("{\"a\":\"SECRET\"}")),
                ("output.value", said("SECRET")),
                ("embedding.embeddings.0.embedding.text", said("SECRET")),
            ]),
        ),
        (
            "Traceloop",
            record(&[
                ("gen_ai.prompt.0.role", said("user")),
                ("gen_ai.prompt.0.content", said("SECRET")),
                ("gen_ai.completion.0.content", said("SECRET")),
                ("traceloop.entity.input", said("{\"a\":\"SECRET\"}")),
            ]),
        ),
        (
            "Langfuse",
            record(&[("langfuse.observation.input", messages()), ("langfuse.observation.output", said("SECRET"))]),
        ),
        (
            "Vercel",
            record(&[
                ("ai.prompt", said(r#"{"system":"SECRET","messages":[{"role":"user","content":"SECRET"}]}"#)),
                ("ai.response.text", said("SECRET")),
                ("ai.response.toolCalls", said(r#"[{"toolCallId":"1","toolName":"f","args":"{\"a\":\"SECRET\"}"}]"#)),
            ]),
        ),
        ("Gemini", record(&[("gcp.vertex.agent.llm_request", gemini())])),
    ];
    let mut told = record(&[]);
    told.events = vec![
        event("gen_ai.user.message", &[("content", said("SECRET")), ("gen_ai.system", said("openai"))]),
        event(
            "gen_ai.choice",
            &[("message", said("{\"role\":\"assistant\",\"content\":\"SECRET\"}")), ("index", Value::I64(0))],
        ),
        event("x", &[("event.name", said("gen_ai.system.message")), ("body", said("{\"content\":\"SECRET\"}"))]),
        event("done", &[("return", Value::Debug("Ok(\"SECRET\")".into()))]),
    ];
    shapes.push(("events", told));
    let mut chain = record(&[]);
    chain.callsite = at("langchain_rust::chain", "chain.call");
    chain.events = vec![Event {
        callsite: at("langchain_rust::chain", "event"),
        ..event("Prompt: Prompt { messages: [Message { content: \"SECRET\", message_type: HumanMessage }] }", &[])
    }];
    shapes.push(("a framework's message", chain));
    let mut swiftide = record(&[]);
    swiftide.callsite = at("swiftide_integrations::openai", "complete");
    swiftide.events = vec![Event {
        callsite: at("swiftide_integrations::openai", "event"),
        ..event("[ChatCompletion] Full response from OpenAI", &[(
            "response",
            Value::Debug("Response { id: \"r1\", model: \"m\", choices: [Choice { message: Message { role: assistant, content: Some(\"SECRET\") } }], usage: Usage { prompt_tokens: 7, completion_tokens: 3 } }".into()),
        )])
    }];
    shapes.push(("a framework's fields", swiftide));
    shapes
}

#[test]
fn nothing_that_is_content_is_left_in_any_convention() {
    for (name, before) in shapes() {
        assert!(format!("{before:?}").contains("SECRET"));
        for policy in [CapturePolicy::metadata(), CapturePolicy::off()] {
            let after = under(policy, before.clone());
            assert!(!format!("{after:?}").contains("SECRET"), "{name}: {after:#?}");
            assert!(text(&after, field::WITHHELD).is_some(), "{name}");
        }
    }
}

#[test]
fn json_stays_json() {
    for (name, before) in shapes() {
        let after = under(CapturePolicy::metadata(), before.clone());
        for (key, value) in after.attributes.iter() {
            let was = text(&before, key).filter(|text| serde_json::from_str::<Json>(text).is_ok());
            let is = value.as_str().filter(|text| serde_json::from_str::<Json>(text).is_ok());
            assert!(was.is_none() || is.is_some(), "{name} {key}: {value:?}");
        }
    }
}

#[test]
fn what_else_a_framework_tells_in_the_same_text_stays() {
    let (_, before) = shapes().pop().unwrap();
    let after = under(CapturePolicy::metadata(), before);
    let span = crate::semconv::interpret(after).span;
    let usage = span.usage.unwrap();
    assert_eq!((usage.input, usage.output), (Some(7), Some(3)));
    assert_eq!(span.response_model.as_deref(), Some("m"));
}

#[test]
fn a_value_is_of_the_class_that_its_span_gives_it() {
    for (kind, class) in
        [("tool", "tool_results"), ("retriever", "documents"), ("agent", "completions"), ("model", "completions")]
    {
        let before = record(&[(field::KIND, kind.into()), (field::OUTPUT, "said".into())]);
        let after = under(CapturePolicy::off(), before);
        assert_eq!((text(&after, field::WITHHELD), text(&after, field::OUTPUT)), (Some(class), None), "{kind}");
    }
}

#[test]
fn media_become_references_and_messages_keep_their_texts() {
    let image = "iVBORw0KGgo".to_owned() + &"AbC9".repeat(500);
    let before = record(&[(
        field::INPUT_MESSAGES,
        json!([{ "role": "user", "content": [
            { "type": "text", "text": "what is it?" },
            { "type": "image_url", "image_url": { "url": format!("data:image/png;base64,{image}") } },
            { "type": "blob", "mime_type": "image/png", "content": image },
        ]}])
        .to_string()
        .into(),
    )]);
    for policy in [
        CapturePolicy::full().with(ContentClass::Media, CaptureLevel::Metadata),
        CapturePolicy::full().max_media_bytes(100),
    ] {
        let after = under(policy, before.clone());
        let messages = text(&after, field::INPUT_MESSAGES).unwrap();
        assert!(messages.contains("what is it?") && !messages.contains("AbC9"), "{messages}");
        assert_eq!(messages.matches("media:image/png;length=1508;sha256=").count(), 2, "{messages}");
        assert_eq!(text(&after, field::WITHHELD), Some("media"));
    }
    assert_eq!(under(CapturePolicy::full().max_media_bytes(10_000), before.clone()), before);
    let after = under(CapturePolicy::full().with(ContentClass::Media, CaptureLevel::Off), before);
    assert!(!text(&after, field::INPUT_MESSAGES).unwrap().contains("sha256"));
}

#[test]
fn the_environment_hides_places() {
    let before = || {
        record(&[
            ("llm.input_messages.0.message.role", "user".into()),
            ("llm.input_messages.0.message.content", "question".into()),
            ("llm.output_messages.0.message.content", "answer".into()),
            ("input.value", "question".into()),
            ("output.value", "answer".into()),
            ("llm.invocation_parameters", "{\"temperature\":1}".into()),
            ("llm.tools.0.tool.json_schema", "{}".into()),
            ("embedding.embeddings.0.embedding.vector", vec![Value::F64(0.5)].into()),
            ("embedding.embeddings.0.embedding.text", "text".into()),
            ("llm.prompts.0.prompt.text", "prompt".into()),
            ("llm.choices.0.completion.text", "choice".into()),
        ])
    };
    let hidden = Hidden::default();
    for (hidden, gone) in [
        (
            Hidden { inputs: true, ..hidden.clone() },
            &[
                "llm.input_messages.0.message.content",
                "input.value",
                "llm.tools.0.tool.json_schema",
                "llm.prompts.0.prompt.text",
            ][..],
        ),
        (
            Hidden { outputs: true, ..hidden.clone() },
            &["llm.output_messages.0.message.content", "output.value", "llm.choices.0.completion.text"],
        ),
        (Hidden { input_messages: true, ..hidden.clone() }, &["llm.input_messages.0.message.content"]),
        (Hidden { output_messages: true, ..hidden.clone() }, &["llm.output_messages.0.message.content"]),
        (Hidden { invocation_parameters: true, ..hidden.clone() }, &["llm.invocation_parameters"]),
        (Hidden { tools: true, ..hidden.clone() }, &["llm.tools.0.tool.json_schema"]),
        (Hidden { embedding_vectors: true, ..hidden.clone() }, &["embedding.embeddings.0.embedding.vector"]),
        (Hidden { embedding_text: true, ..hidden.clone() }, &["embedding.embeddings.0.embedding.text"]),
        (Hidden { prompts: true, ..hidden.clone() }, &["llm.prompts.0.prompt.text"]),
        (Hidden { choices: true, ..hidden.clone() }, &["llm.choices.0.completion.text"]),
    ] {
        let after = kept(CapturePolicy::full(), hidden.clone(), before());
        for (key, value) in before().attributes.iter() {
            let is_there = after.attributes.get(key) == Some(value);
            assert_eq!(is_there, !gone.contains(&key), "{key} with {hidden:?}");
        }
    }
    let after = kept(CapturePolicy::full(), Hidden { input_text: true, ..hidden.clone() }, before());
    assert_eq!(text(&after, "llm.input_messages.0.message.content"), Some("[withheld 8 bytes]"));
    let after = kept(CapturePolicy::full(), Hidden { all: true, ..hidden }, before());
    assert_eq!(text(&after, "output.value"), None);
}

#[test]
fn content_can_be_kept_on_spans_or_in_events_alone() {
    let mut before = record(&[(field::INPUT, "question".into())]);
    before.events = vec![event("gen_ai.user.message", &[("content", "question".into())])];
    let on_spans = kept(CapturePolicy::full(), Hidden { in_events: true, ..Hidden::default() }, before.clone());
    assert_eq!((text(&on_spans, field::INPUT), on_spans.events[0].attributes.get("content")), (Some("question"), None));
    let in_events = kept(CapturePolicy::full(), Hidden { on_spans: true, ..Hidden::default() }, before);
    assert_eq!(text(&in_events, field::INPUT), None);
    assert_eq!(in_events.events[0].attributes.get("content").and_then(Value::as_str), Some("question"));
}

#[test]
fn a_policy_is_read_from_text() {
    let policy: CapturePolicy = " metadata, prompts = off ,media=full".parse().unwrap();
    let level = |class| policy.level(class);
    assert_eq!(level(ContentClass::Prompts), CaptureLevel::Off);
    assert_eq!(level(ContentClass::Media), CaptureLevel::Full);
    assert_eq!(level(ContentClass::System), CaptureLevel::Metadata);
    assert_eq!("".parse::<CapturePolicy>().unwrap(), CapturePolicy::full());
    for text in ["some", "prompts=some", "emails=off"] {
        let error = text.parse::<CapturePolicy>().unwrap_err().to_string();
        assert!(error.contains("capture"), "{error}");
    }
}
