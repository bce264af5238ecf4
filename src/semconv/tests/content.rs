//! Input, output and messages.

use super::*;
use crate::model::{Message, Part, Role};

fn text(role: Role, text: &str) -> Message {
    Message::text(role, text)
}

fn tool_call(id: &str, name: &str, arguments: serde_json::Value) -> Part {
    Part::ToolCall { id: Some(id.to_owned()), name: name.to_owned(), arguments: Some(arguments) }
}

#[test]
fn plain_input_and_output_follow_their_precedence() {
    let agno = case("f").with("input.value", "Hello!").with("output.value", "Hi").content(Kind::Agent);
    assert_eq!((agno.input.as_deref(), agno.output.as_deref()), (Some("Hello!"), Some("Hi")));
    let rig = case("f").with("gen_ai.prompt", "Add").with("gen_ai.completion", "").with("gen_ai.completion", "4");
    let rig = rig.content(Kind::Agent);
    assert_eq!((rig.input.as_deref(), rig.output.as_deref()), (Some("Add"), Some("4")));
    let vertex = case("f").with("gcp.vertex.agent.llm_request", "{}").with("input", "x").content(Kind::Model);
    assert_eq!(vertex.input.as_deref(), Some("x"));
    assert_eq!(case("f").content(Kind::Agent), Content::default());
}

#[test]
fn a_tools_arguments_come_before_other_input() {
    let tool = case("f")
        .with("gen_ai.tool.call.arguments", r#"{"x":2}"#)
        .with("gen_ai.tool.call.result", 4_i64)
        .with("input.value", "other")
        .with("output.value", "other");
    let content = tool.content(Kind::Tool);
    assert_eq!((content.input.as_deref(), content.output.as_deref()), (Some(r#"{"x":2}"#), Some("4")));
    let empty = case("f").with("gen_ai.tool.call.arguments", "{}").content(Kind::Tool);
    assert_eq!(empty.input.as_deref(), Some("{}"));
}

#[test]
fn a_functions_arguments_and_return_value_stand_in() {
    let tool = case("web_search")
        .with("query", debug("\"rust\""))
        .with("limit", debug("3"))
        .with("digits", debug("\"42\""))
        .with("page", debug("None"))
        .with("exact", true)
        .with("session_id", "s1")
        .with("gen_ai.tool.name", "web_search")
        .with("busy_ns", 5_i64)
        .event("event src/lib.rs:1", Some("INFO"), &[("return", debug("\"found\""))]);
    let content = tool.content(Kind::Tool);
    assert_eq!(content.output.as_deref(), Some("found"));
    let input: serde_json::Value = serde_json::from_str(&content.input.unwrap()).unwrap();
    assert_eq!(input, serde_json::json!({"query": "rust", "limit": 3, "digits": "42", "page": null, "exact": true}));
    let agent = case("f").with("query", "rust").content(Kind::Agent);
    assert_eq!(agent.input, None);
    let told = case("f").with("output.value", "told").event("e", Some("INFO"), &[("return", debug("x"))]);
    assert_eq!(told.content(Kind::Agent).output.as_deref(), Some("told"));
}

#[test]
fn otel_messages_are_read() {
    let input = r#"[{"role":"user","parts":[{"type":"text","content":"Add 2 and 2"}]}]"#;
    let output = r#"[{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},
        {"type":"tool_call","id":"call_1","name":"add","arguments":{"x":2}}],"finish_reason":"tool_call"}]"#;
    let content = case("f")
        .with("gen_ai.system_instructions", r#"[{"type":"text","content":"You add."}]"#)
        .with("gen_ai.input.messages", input)
        .with("gen_ai.output.messages", output)
        .content(Kind::Model);
    assert_eq!(content.input_messages, [text(Role::System, "You add."), text(Role::User, "Add 2 and 2")]);
    assert_eq!(
        content.output_messages,
        [Message {
            role: Role::Assistant,
            parts: vec![
                Part::Reasoning { content: "hm".to_owned() },
                tool_call("call_1", "add", serde_json::json!({"x": 2})),
            ],
            finish_reason: Some("tool_call".to_owned()),
        }]
    );
    assert_eq!((content.input.as_deref(), content.output.as_deref()), (Some("Add 2 and 2"), None));
}

#[test]
fn system_instructions_may_be_plain_text_and_are_not_doubled() {
    let plain = case("f").with("gen_ai.system_instructions", "You add.").content(Kind::Model);
    assert_eq!(plain.input_messages, [text(Role::System, "You add.")]);
    let doubled = case("f")
        .with("gen_ai.system_instructions", "You add.")
        .with("gen_ai.input.messages", r#"[{"role":"system","parts":[{"type":"text","content":"You add."}]}]"#);
    assert_eq!(doubled.content(Kind::Model).input_messages.len(), 1);
}

#[test]
fn drifted_messages_are_read_leniently() {
    let read = |json: &str| case("f").with("gen_ai.input.messages", json).content(Kind::Model).input_messages;
    let response =
        |id: &str, response: &str| Part::ToolCallResponse { id: Some(id.to_owned()), response: response.into() };
    assert_eq!(read(r#"[{"role":"human","content":"hi"}]"#), [text(Role::User, "hi")]);
    assert_eq!(read(r#"[{"role":"developer","content":[{"type":"text","text":"hi"}]}]"#), [text(Role::System, "hi")]);
    assert_eq!(read(r#"{"messages":[{"role":"robot","content":"hi"}]}"#), [text(Role::User, "hi")]);
    assert_eq!(read(r#"["hi"]"#), [text(Role::User, "hi")]);
    assert_eq!(read(r#"[{"role":"tool","tool_call_id":"c","content":"4"}]"#)[0].parts, [response("c", "4")]);
    assert_eq!(
        read(r#"[{"role":"user","parts":[{"type":"tool_call_response","id":"c","result":"4"}]}]"#)[0].parts,
        [response("c", "4")]
    );
    assert_eq!(
        read(r#"[{"role":"assistant","content":null,"tool_calls":[{"id":"c","function":{"name":"add","arguments":"{\"x\":2}"}}]}]"#)[0].parts,
        [tool_call("c", "add", serde_json::json!({"x": 2}))]
    );
    assert_eq!(
        read(r#"[{"role":"assistant","content":[{"type":"tool-call","toolCallId":"c","toolName":"add","args":[1]}]}]"#)
            [0]
        .parts,
        [tool_call("c", "add", serde_json::json!([1]))]
    );
    assert_eq!(
        read(r#"[{"role":"user","content":[{"type":"image_url","image_url":{"url":"u"}}]}]"#)[0].parts,
        [Part::Uri { modality: Some("image".to_owned()), uri: "u".to_owned() }]
    );
    let odd = serde_json::json!({"type": "blob", "data": "AP8="});
    assert_eq!(read(r#"[{"role":"user","parts":[{"type":"blob","data":"AP8="}]}]"#)[0].parts, [Part::Other(odd)]);
    for broken in [
        "[{]",
        "{\"messages\":7}",
        "7",
        "[[[]]]",
        "[null,{},{\"role\":\"user\"}]",
        "[{\"role\":\"user\"…[truncated 9 bytes]",
    ] {
        assert_eq!(read(broken), [], "{broken}");
    }
}

#[test]
fn flattened_messages_are_rebuilt_with_holes() {
    let content = case("f")
        .with("llm.input_messages.4.message.role", "tool")
        .with("llm.input_messages.4.message.content", "42")
        .with("llm.input_messages.4.message.tool_call_id", "c1")
        .with("llm.input_messages.0.message.role", "system")
        .with("llm.input_messages.0.message.content", "Use tools")
        .with("llm.input_messages.2.message.role", "assistant")
        .with("llm.input_messages.2.message.tool_calls.1.tool_call.function.name", "add")
        .with("llm.input_messages.2.message.tool_calls.1.tool_call.function.arguments", r#"{"a":20}"#)
        .with("llm.input_messages.2.message.tool_calls.1.tool_call.id", "c1")
        .with("llm.input_messages.99999999999.message.content", "hostile")
        .with("llm.input_messages.10000.message.content", "hostile")
        .with("llm.input_messages.-1.message.content", "hostile")
        .with("llm.output_messages.0.message.role", "assistant")
        .with("llm.output_messages.0.message.contents.0.message_content.type", "reasoning")
        .with("llm.output_messages.0.message.contents.0.message_content.text", "hm")
        .with("llm.output_messages.0.message.contents.1.message_content.type", "text")
        .with("llm.output_messages.0.message.contents.1.message_content.text", "42")
        .with("llm.output_messages.0.message.content", "42")
        .with("input.value", r#"{"messages":[]}"#)
        .content(Kind::Model);
    let [system, assistant, tool] = content.input_messages.as_slice() else { panic!("{:?}", content.input_messages) };
    assert_eq!(system, &text(Role::System, "Use tools"));
    assert_eq!(assistant.parts, [tool_call("c1", "add", serde_json::json!({"a": 20}))]);
    assert_eq!(tool.parts, [Part::ToolCallResponse { id: Some("c1".to_owned()), response: "42".into() }]);
    assert_eq!(
        content.output_messages[0].parts,
        [Part::Reasoning { content: "hm".to_owned() }, Part::Text { content: "42".to_owned() }]
    );
    assert_eq!((content.input.as_deref(), content.output.as_deref()), (Some(r#"{"messages":[]}"#), Some("42")));
}

#[test]
fn older_and_other_forms_are_read() {
    let traceloop = case("f")
        .with("gen_ai.prompt.0.role", "user")
        .with("gen_ai.prompt.0.content", "hi")
        .with("gen_ai.completion.0.finish_reason", "stop")
        .with("gen_ai.completion.0.content", "ho")
        .content(Kind::Model);
    assert_eq!(traceloop.input_messages, [text(Role::User, "hi")]);
    assert_eq!(traceloop.output_messages[0].finish_reason.as_deref(), Some("stop"));
    let events = case("f")
        .event("gen_ai.system.message", None, &[("content", "be kind".into())])
        .event("gen_ai.user.message", None, &[("content", "hi".into())])
        .event("gen_ai.tool.message", None, &[("id", "c".into()), ("content", "4".into())])
        .event("gen_ai.choice", None, &[("message", r#"{"content":"ho"}"#.into()), ("finish_reason", "stop".into())])
        .content(Kind::Model);
    assert_eq!(events.input_messages.len(), 3);
    assert_eq!(events.input_messages[1], text(Role::User, "hi"));
    assert_eq!(events.output_messages[0].finish_reason.as_deref(), Some("stop"));
    assert_eq!((events.input.as_deref(), events.output.as_deref()), (Some("hi"), Some("ho")));
    let details = case("f").event(
        "gen_ai.client.inference.operation.details",
        None,
        &[("gen_ai.input.messages", r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]}]"#.into())],
    );
    assert_eq!(details.content(Kind::Model).input_messages, [text(Role::User, "hi")]);
    let vercel = case("f")
        .with("ai.prompt.messages", r#"[{"role":"user","content":[{"type":"text","text":"hi"}]}]"#)
        .with("ai.response.text", "ho")
        .with("ai.response.toolCalls", r#"[{"toolCallId":"c","toolName":"add","args":"{\"x\":2}"}]"#)
        .content(Kind::Model);
    assert_eq!(vercel.input_messages, [text(Role::User, "hi")]);
    assert_eq!(vercel.output_messages[0].parts[1], tool_call("c", "add", serde_json::json!({"x": 2})));
    let pydantic = case("f").with(
        "pydantic_ai.all_messages",
        r#"[{"role":"user","parts":[{"type":"text","content":"hi"}]},{"role":"assistant","parts":[{"type":"text","content":"ho"}]}]"#,
    );
    let pydantic = pydantic.content(Kind::Agent);
    assert_eq!((pydantic.input.as_deref(), pydantic.output.as_deref()), (Some("hi"), Some("ho")));
    assert_eq!(pydantic.input_messages, [text(Role::User, "hi")]);
    let structured = Value::Array(vec![Value::Map(vec![
        ("role".to_owned(), "user".into()),
        ("parts".to_owned(), Value::Array(vec![Value::from("hi")])),
    ])]);
    let structured = case("f").with("gen_ai.input.messages", structured).content(Kind::Model);
    assert_eq!(structured.input_messages, [text(Role::User, "hi")]);
}

/// What an instrumentor of `OpenInference` records of a tool without parameters, inside a context that gives metadata.
#[test]
fn a_tool_without_parameters_was_called_with_none() {
    let tool = case("now")
        .pairs(&[("openinference.span.kind", "TOOL"), ("tool.name", "now"), ("tool.parameters", "{}")])
        .pairs(&[("input.value", "{}"), ("metadata", r#"{"env":"test"}"#), ("output.value", "12:00")])
        .content(Kind::Tool);
    assert_eq!((tool.input.as_deref(), tool.output.as_deref()), (Some("{}"), Some("12:00")));
    let untold =
        case("now").pairs(&[("tool.name", "now"), ("metadata", "{}"), ("call_id", "c1"), ("tool_call_id", "c1")]);
    assert_eq!(untold.content(Kind::Tool).input, None);
    let agent = case("f").with("input.value", "{}").with("output.value", "[]").content(Kind::Agent);
    assert_eq!((agent.input, agent.output), (None, None));
    let empty = case("find").with("output.value", "[]").content(Kind::Tool);
    assert_eq!(empty.output.as_deref(), Some("[]"));
    let text = case("f").pairs(&[("tool.parameters", "{}"), ("input.value", "Paris")]).content(Kind::Tool);
    assert_eq!(text.input.as_deref(), Some("Paris"));
}

#[test]
fn documents_are_a_retrievers_output() {
    let documents = serde_json::json!([
        {"id": "d1", "score": 0.91, "content": "Rust is fast.", "metadata": {"page": 3}},
        {"content": "So is C."},
    ]);
    let flattened = |prefix: &'static str| {
        let attributes = [
            (format!("{prefix}.1.document.content"), Value::from("So is C.")),
            (format!("{prefix}.0.document.id"), "d1".into()),
            (format!("{prefix}.0.document.score"), 0.91.into()),
            (format!("{prefix}.0.document.content"), "Rust is fast.".into()),
            (format!("{prefix}.0.document.metadata"), r#"{"page":3}"#.into()),
            (format!("{prefix}.99999999999.document.content"), "hostile".into()),
            (format!("{prefix}.x.document.content"), "broken".into()),
        ];
        attributes.into_iter().fold(case("f"), |case, (key, value)| case.with_key(key, value))
    };
    let read = |text: Option<String>| serde_json::from_str::<serde_json::Value>(&text.unwrap()).unwrap();
    let retriever = flattened("retrieval.documents").with("input.value", "fast?").content(Kind::Retriever);
    assert_eq!(retriever.input.as_deref(), Some("fast?"));
    assert_eq!(read(retriever.output), documents);
    let reranker = flattened("reranker.output_documents").with("reranker.query", "fast?").content(Kind::Reranker);
    assert_eq!(reranker.input.as_deref(), Some("fast?"));
    assert_eq!(read(reranker.output), documents);
    let told = flattened("retrieval.documents").with("output.value", "two").content(Kind::Retriever);
    assert_eq!(told.output.as_deref(), Some("two"));
    let gen_ai = case("retrieval docs")
        .with("gen_ai.retrieval.query.text", "fast?")
        .with("gen_ai.retrieval.documents", r#"[{"id":"d1","score":0.91}]"#)
        .content(Kind::Retriever);
    assert_eq!(
        (gen_ai.input.as_deref(), gen_ai.output.as_deref()),
        (Some("fast?"), Some(r#"[{"id":"d1","score":0.91}]"#))
    );
}

#[test]
fn the_texts_are_an_embeddings_input() {
    let vector = Value::Array(vec![0.1.into(), 0.2.into()]);
    let one = case("CreateEmbeddings")
        .with("embedding.embeddings.0.embedding.text", "hello")
        .with("embedding.embeddings.0.embedding.vector", vector)
        .content(Kind::Embedding);
    assert_eq!((one.input.as_deref(), one.output), (Some("hello"), None));
    let many = case("CreateEmbeddings")
        .with("embedding.embeddings.1.embedding.text", "world")
        .with("embedding.embeddings.0.embedding.text", "hello")
        .content(Kind::Embedding);
    assert_eq!(many.input.as_deref(), Some(r#"["hello","world"]"#));
    let nothing = case("CreateEmbeddings")
        .with("embedding.embeddings.0.embedding.text", Value::Error(String::new()))
        .content(Kind::Embedding);
    assert_eq!(nothing.input, None);
    let told = case("CreateEmbeddings")
        .with("embedding.embeddings.0.embedding.text", "hello")
        .with("input.value", r#"{"input":"hello"}"#)
        .content(Kind::Embedding);
    assert_eq!(told.input.as_deref(), Some(r#"{"input":"hello"}"#));
}

#[test]
fn names_seen_in_rust_code_are_read() {
    let model = case("chat").with("gen_ai.completion.content", "Hi").content(Kind::Model);
    assert_eq!(model.output.as_deref(), Some("Hi"));
    let tool =
        case("add").with("gen_ai.tool.arguments", r#"{"a":1}"#).with("gen_ai.tool.result", "1").content(Kind::Tool);
    assert_eq!((tool.input.as_deref(), tool.output.as_deref()), (Some(r#"{"a":1}"#), Some("1")));
}

/// Every kind in both conventions, with what a list shows of its input and output.
#[test]
fn every_kind_has_its_input_and_output() {
    type Pairs = &'static [(&'static str, &'static str)];
    const ASKED: (&str, &str) = (
        "gen_ai.input.messages",
        r#"[{"role":"system","parts":[]},{"role":"user","parts":[{"type":"text","content":"in"}]}]"#,
    );
    const ANSWERED: (&str, &str) = (
        "gen_ai.output.messages",
        r#"[{"role":"assistant","parts":[{"type":"text","content":"out"}],"finish_reason":"stop"}]"#,
    );
    const IN: (&str, &str) = ("input.value", "in");
    const OUT: (&str, &str) = ("output.value", "out");
    const JSON: (&str, &str) = ("output.mime_type", "application/json");
    let cases: &[(Kind, Pairs)] = &[
        (Kind::Agent, &[("openinference.span.kind", "AGENT"), IN, OUT, JSON]),
        (Kind::Agent, &[("gen_ai.operation.name", "invoke_agent"), ASKED, ANSWERED]),
        (
            Kind::Agent,
            &[("gen_ai.operation.name", "invoke_agent"), ("gen_ai.prompt", "in"), ("gen_ai.completion", "out")],
        ),
        (Kind::Team, &[("openinference.span.kind", "AGENT"), ("agno.team.id", "t"), IN, OUT]),
        (Kind::Team, &[("gen_ai.operation.name", "invoke_agent"), ("agent_traces.team.name", "T"), ASKED, ANSWERED]),
        (Kind::Workflow, &[("openinference.span.kind", "CHAIN"), IN, OUT]),
        (Kind::Workflow, &[("gen_ai.operation.name", "invoke_workflow"), ASKED, ANSWERED]),
        (Kind::Step, &[("openinference.span.kind", "CHAIN"), ("agno.step.type", "team"), IN, OUT]),
        (Kind::Step, &[("agent_traces.kind", "step"), IN, OUT]),
        (Kind::Model, &[("openinference.span.kind", "LLM"), IN, OUT, JSON]),
        (Kind::Model, &[("gen_ai.operation.name", "chat"), ASKED, ANSWERED]),
        (
            Kind::Model,
            &[
                ("openinference.span.kind", "LLM"),
                ("llm.input_messages.0.message.role", "user"),
                ("llm.input_messages.0.message.content", "in"),
                ("llm.output_messages.0.message.role", "assistant"),
                ("llm.output_messages.0.message.content", "out"),
            ],
        ),
        (
            Kind::Model,
            &[
                ("openinference.span.kind", "LLM"),
                ("llm.prompts.0.prompt.text", "in"),
                ("llm.choices.0.completion.text", "out"),
            ],
        ),
        (Kind::Tool, &[("openinference.span.kind", "TOOL"), IN, ("tool.parameters", "other"), OUT]),
        (
            Kind::Tool,
            &[
                ("gen_ai.operation.name", "execute_tool"),
                ("gen_ai.tool.call.arguments", "in"),
                ("gen_ai.tool.call.result", "out"),
            ],
        ),
        (Kind::Retriever, &[("openinference.span.kind", "RETRIEVER"), IN, OUT]),
        (
            Kind::Retriever,
            &[
                ("gen_ai.operation.name", "retrieval"),
                ("gen_ai.retrieval.query.text", "in"),
                ("gen_ai.retrieval.documents", "out"),
            ],
        ),
        (Kind::Embedding, &[("openinference.span.kind", "EMBEDDING"), IN, OUT]),
        (Kind::Guardrail, &[("openinference.span.kind", "GUARDRAIL"), IN, OUT]),
    ];
    for (kind, pairs) in cases {
        assert_eq!(case("f").pairs(pairs).span().kind, *kind, "{pairs:?}");
        let content = case("f").pairs(pairs).content(*kind);
        assert_eq!((content.input.as_deref(), content.output.as_deref()), (Some("in"), Some("out")), "{pairs:?}");
    }
}

/// `OPENINFERENCE_ENABLE_GENAI_SEMCONV`: an instrumentor writes both conventions' messages, OpenTelemetry's without the reasoning.
#[test]
fn of_both_conventions_messages_the_fuller_are_read() {
    let both = || {
        case("OpenAIChat.invoke").pairs(&[("openinference.span.kind", "LLM"), ("gen_ai.operation.name", "chat")]).pairs(
            &[
                ("llm.input_messages.0.message.role", "user"),
                ("llm.input_messages.0.message.content", "6*7?"),
                (
                    "gen_ai.input.messages",
                    r#"[{"role":"user","parts":[{"type":"text","content":"6*7?"}],"name":"otel"}]"#,
                ),
                ("llm.output_messages.0.message.role", "assistant"),
                ("llm.output_messages.0.message.contents.0.message_content.type", "reasoning"),
                ("llm.output_messages.0.message.contents.0.message_content.text", "hm"),
                ("llm.output_messages.0.message.contents.1.message_content.type", "text"),
                ("llm.output_messages.0.message.contents.1.message_content.text", "42"),
                ("llm.output_messages.0.message.content", "42"),
            ],
        )
    };
    let answered = r#"[{"role":"assistant","parts":[{"type":"text","content":"42"}],"finish_reason":"stop"}]"#;
    let content = both().with("gen_ai.output.messages", answered).content(Kind::Model);
    assert_eq!(content.input_messages, [text(Role::User, "6*7?")]);
    let [answer] = content.output_messages.as_slice() else { panic!("{:?}", content.output_messages) };
    assert_eq!(answer.parts, [Part::Reasoning { content: "hm".to_owned() }, Part::Text { content: "42".to_owned() }]);
    // As full as the other, OpenTelemetry's is read: it says why the model stopped.
    let reasoned = r#"[{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},{"type":"text","content":"42"}],"finish_reason":"stop"}]"#;
    let content = both().with("gen_ai.output.messages", reasoned).content(Kind::Model);
    assert_eq!(content.output_messages[0].finish_reason.as_deref(), Some("stop"));
    let stopped = case("f").with("llm.output_messages.0.message.finish_reason", "stop").content(Kind::Model);
    assert_eq!(stopped.output_messages[0].finish_reason.as_deref(), Some("stop"));
}
