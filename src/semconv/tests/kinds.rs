//! Kind, names, models, tools and identity of whole spans.

use super::*;

#[test]
fn the_kind_is_decided_by_the_strongest_evidence() {
    let none: &[&str] = &[];
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: &[(&str, &str, Pairs, Kind, &str)] = &[
        // operations
        ("f", "app", &[("gen_ai.operation.name", "invoke_agent")], Kind::Agent, "gen_ai.operation.name=invoke_agent"),
        (
            "f",
            "app",
            &[("gen_ai.operation.name", "chat_streaming")],
            Kind::Model,
            "gen_ai.operation.name=chat_streaming",
        ),
        (
            "f",
            "app",
            &[("gen_ai.operation.name", "interactions_streaming")],
            Kind::Model,
            "gen_ai.operation.name=interactions_streaming",
        ),
        ("f", "app", &[("gen_ai.operation.name", "rerank")], Kind::Reranker, "gen_ai.operation.name=rerank"),
        ("f", "app", &[("gen_ai.operation.name", "transcription")], Kind::Media, "gen_ai.operation.name=transcription"),
        ("f", "app", &[("gen_ai.operation.name", "plan")], Kind::Plan, "gen_ai.operation.name=plan"),
        (
            "f",
            "app",
            &[("gen_ai.operation.name", "search_memory")],
            Kind::Memory,
            "gen_ai.operation.name=search_memory",
        ),
        ("f", "app", &[("gen_ai.operation.name", "retrieval")], Kind::Retriever, "gen_ai.operation.name=retrieval"),
        // an agent's name on a model's span is context
        (
            "chat",
            "rig::agent_chat",
            &[("gen_ai.operation.name", "chat"), ("gen_ai.agent.name", "a")],
            Kind::Model,
            "gen_ai.operation.name=chat",
        ),
        // an unknown operation says nothing
        (
            "f",
            "app",
            &[("gen_ai.operation.name", "handoff"), ("gen_ai.tool.name", "t")],
            Kind::Tool,
            "shape: gen_ai.tool.name",
        ),
        (
            "f",
            "app",
            &[("gen_ai.operation.name", "handoff"), ("openinference.span.kind", "CHAIN")],
            Kind::Workflow,
            "openinference.span.kind=CHAIN",
        ),
        // our own word wins over all
        (
            "f",
            "app",
            &[("agent_traces.kind", "team"), ("gen_ai.operation.name", "chat")],
            Kind::Team,
            "agent_traces.kind=team",
        ),
        ("f", "app", &[("agent_traces.kind", "LLM")], Kind::Model, "agent_traces.kind=LLM"),
        (
            "f",
            "app",
            &[("agent_traces.kind", "nonsense"), ("gen_ai.operation.name", "chat")],
            Kind::Model,
            "gen_ai.operation.name=chat",
        ),
        // OpenInference
        ("f", "app", &[("openinference.span.kind", "llm")], Kind::Model, "openinference.span.kind=llm"),
        ("f", "app", &[("openinference.span.kind", "GUARDRAIL")], Kind::Guardrail, "openinference.span.kind=GUARDRAIL"),
        (
            "f",
            "app",
            &[("openinference.span.kind", "CHAIN"), ("gen_ai.operation.name", "invoke_agent")],
            Kind::Agent,
            "gen_ai.operation.name=invoke_agent",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "CHAIN"), ("gen_ai.operation.name", "retrieval")],
            Kind::Retriever,
            "gen_ai.operation.name=retrieval",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "TOOL"), ("gen_ai.operation.name", "chat")],
            Kind::Tool,
            "openinference.span.kind=TOOL",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "TOOL"), ("gen_ai.operation.name", "invoke_agent")],
            Kind::Agent,
            "gen_ai.operation.name=invoke_agent",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "UNKNOWN"), ("traceloop.span.kind", "task")],
            Kind::Step,
            "traceloop.span.kind=task",
        ),
        // teams and steps
        (
            "f",
            "app",
            &[("openinference.span.kind", "AGENT"), ("agno.team.id", "t"), ("agno.team", "T"), ("agent.name", "T")],
            Kind::Team,
            "openinference.span.kind=AGENT + agno.team.id",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "AGENT"), ("agent_traces.team.name", "T")],
            Kind::Team,
            "openinference.span.kind=AGENT + agent_traces.team.name",
        ),
        (
            "f",
            "app",
            &[("gen_ai.operation.name", "invoke_agent"), ("agno.team.id", "t")],
            Kind::Team,
            "gen_ai.operation.name=invoke_agent + agno.team.id",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "AGENT"), ("agno.team.id", "t"), ("agno.agent.id", "member")],
            Kind::Agent,
            "openinference.span.kind=AGENT",
        ),
        (
            "f",
            "app",
            &[
                ("gen_ai.operation.name", "invoke_agent"),
                ("gen_ai.agent.name", "Member"),
                ("agent_traces.team.name", "T"),
            ],
            Kind::Agent,
            "gen_ai.operation.name=invoke_agent",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "CHAIN"), ("agno.workflow.id", "w")],
            Kind::Workflow,
            "openinference.span.kind=CHAIN",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "CHAIN"), ("agno.step.type", "agent")],
            Kind::Step,
            "openinference.span.kind=CHAIN + agno.step.type",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "CHAIN"), ("agno.parallel.step_count", "2")],
            Kind::Step,
            "openinference.span.kind=CHAIN + agno.parallel.step_count",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "CHAIN"), ("graph.node.parent_id", "n")],
            Kind::Step,
            "openinference.span.kind=CHAIN + graph.node.parent_id",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "CHAIN"), ("graph.node.parent_id", "n"), ("agno.workflow.id", "w")],
            Kind::Workflow,
            "openinference.span.kind=CHAIN",
        ),
        (
            "f",
            "app",
            &[("openinference.span.kind", "CHAIN"), ("agent_traces.step.name", "s")],
            Kind::Step,
            "openinference.span.kind=CHAIN + agent_traces.step.name",
        ),
        // the rest of the conventions
        (
            "f",
            "app",
            &[("langfuse.observation.type", "generation")],
            Kind::Model,
            "langfuse.observation.type=generation",
        ),
        ("f", "app", &[("langfuse.type", "GENERATION")], Kind::Model, "langfuse.type=GENERATION"),
        (
            "f",
            "app",
            &[("langfuse.observation.type", "span"), ("mcp.method.name", "tools/call")],
            Kind::Tool,
            "mcp.method.name=tools/call",
        ),
        ("f", "app", &[("mcp.method.name", "resources/read")], Kind::Mcp, "mcp.method.name=resources/read"),
        ("f", "app", &[("llm.request.type", "rerank")], Kind::Reranker, "llm.request.type=rerank"),
        (
            "f",
            "app",
            &[("ai.operationId", "ai.streamText.doStream")],
            Kind::Model,
            "ai.operationId=ai.streamText.doStream",
        ),
        ("f", "app", &[("ai.operationId", "ai.generateText")], Kind::Agent, "ai.operationId=ai.generateText"),
        (
            "f",
            "app",
            &[("operation.name", "ai.toolCall myFunction")],
            Kind::Tool,
            "operation.name=ai.toolCall myFunction",
        ),
        // target and name; never the name alone
        (
            "chat",
            "rig_agent::agent::completion",
            &[("agent_name", "calculator")],
            Kind::Agent,
            "target rig_agent::agent::completion",
        ),
        ("chat", "rig::completions", &[], Kind::Model, "target rig::completions"),
        ("agent.run", "swiftide_agents::agent", &[], Kind::Agent, "target swiftide_agents::agent"),
        ("agent.run", "my_app", &[], Kind::Span, "no evidence"),
        ("chat", "my_app", &[], Kind::Span, "no evidence"),
        ("llm.generate", "langchain_rust::observability", &[], Kind::Model, "target langchain_rust::observability"),
        (
            "genai.embeddings",
            "genai::otel::span",
            &[("gen_ai.request.model", "e")],
            Kind::Embedding,
            "target genai::otel::span",
        ),
        // shape
        ("f", "app", &[("tool.name", "t")], Kind::Tool, "shape: tool.name"),
        ("execute_tool add", "app", &[], Kind::Tool, "shape: name"),
        ("invoke_agent", "app", &[], Kind::Agent, "shape: name"),
        ("execute_toolbox", "app", &[], Kind::Span, "no evidence"),
        ("f", "app", &[("retrieval.documents.0.document.content", "d")], Kind::Retriever, "shape: retrieval.documents"),
        ("f", "app", &[("embedding.model_name", "e")], Kind::Embedding, "shape: embedding.model_name"),
        ("f", "app", &[("gen_ai.request.model", "m")], Kind::Model, "shape: gen_ai.request.model"),
        ("embeddings e", "app", &[("gen_ai.request.model", "e")], Kind::Embedding, "shape: name"),
        ("embeddings", "app", &[("gen_ai.response.model", "e")], Kind::Embedding, "shape: name"),
        ("embeddings_of_docs", "app", &[("gen_ai.request.model", "m")], Kind::Model, "shape: gen_ai.request.model"),
        ("embeddings e", "app", &[], Kind::Span, "no evidence"),
        ("f", "app", &[("model", "m"), ("prompt_tokens", "3")], Kind::Model, "shape: model"),
        ("f", "app", &[("model", "m")], Kind::Span, "no evidence"),
        ("f", "app", &[("http.route", "/ask")], Kind::Span, "no evidence"),
        ("", "", &[], Kind::Span, "no evidence"),
    ];
    for (name, target, pairs, kind, source) in cases {
        let span = case(name).target(target, none).pairs(pairs).span();
        assert_eq!((span.kind, span.kind_source.as_str()), (*kind, *source), "{name} of {target} with {pairs:?}");
    }
}

#[test]
fn a_bridged_span_is_known_by_its_target_attribute() {
    let span = case("chat").with("target", "rig_agent::agent::completion").span();
    assert_eq!(span.kind, Kind::Agent);
}

#[test]
fn the_kind_may_be_recorded_late_and_twice() {
    let span = case("f")
        .with("gen_ai.operation.name", "chat")
        .with("gen_ai.operation.name", "execute_tool")
        .with("gen_ai.operation.name", "")
        .span();
    assert_eq!((span.kind, span.operation.as_deref()), (Kind::Tool, Some("execute_tool")));
}

#[test]
fn names_are_for_people() {
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: &[(&str, Pairs, &str)] = &[
        (
            "invoke_agent",
            &[("gen_ai.operation.name", "invoke_agent"), ("gen_ai.agent.name", "calculator")],
            "invoke_agent calculator",
        ),
        (
            "research",
            &[("gen_ai.operation.name", "invoke_agent"), ("gen_ai.agent.name", "Researcher")],
            "invoke_agent Researcher",
        ),
        ("research", &[("gen_ai.operation.name", "invoke_agent"), ("gen_ai.agent.id", "r-1")], "invoke_agent r-1"),
        ("research", &[("gen_ai.operation.name", "invoke_agent")], "research"),
        ("", &[("gen_ai.operation.name", "invoke_agent")], "invoke_agent"),
        ("", &[], "span"),
        ("http_request", &[], "http_request"),
        ("f", &[("gen_ai.operation.name", "create_agent"), ("gen_ai.agent.name", "A")], "create_agent A"),
        (
            "Flaky_Agent.run",
            &[("openinference.span.kind", "AGENT"), ("agent.name", "Flaky Agent")],
            "invoke_agent Flaky Agent",
        ),
        ("OpenAIChat.invoke", &[("openinference.span.kind", "LLM"), ("llm.model_name", "gpt-4o")], "chat gpt-4o"),
        (
            "chat",
            &[("gen_ai.operation.name", "chat"), ("gen_ai.request.model", "m"), ("gen_ai.response.model", "m-1")],
            "chat m-1",
        ),
        ("f", &[("gen_ai.operation.name", "text_completion"), ("gen_ai.request.model", "m")], "text_completion m"),
        ("web_search", &[("gen_ai.operation.name", "execute_tool")], "execute_tool web_search"),
        ("execute_tool", &[("gen_ai.operation.name", "execute_tool")], "execute_tool"),
        ("f", &[("gen_ai.operation.name", "embeddings"), ("gen_ai.request.model", "e")], "embeddings e"),
        ("f", &[("gen_ai.operation.name", "retrieval"), ("gen_ai.data_source.id", "docs")], "retrieval docs"),
        (
            "f",
            &[("gen_ai.operation.name", "invoke_workflow"), ("gen_ai.workflow.name", "Nightly")],
            "invoke_workflow Nightly",
        ),
        ("f", &[("agent_traces.kind", "team"), ("agent_traces.team.name", "Ops")], "invoke_team Ops"),
        ("f", &[("agent_traces.kind", "step"), ("agent_traces.step.name", "draft")], "step draft"),
        ("f", &[("mcp.method.name", "resources/read"), ("mcp.resource.uri", "file:///a")], "resources/read file:///a"),
        (
            "f",
            &[("gen_ai.operation.name", "invoke_agent"), ("gen_ai.agent.name", "two\nlines")],
            "invoke_agent two lines",
        ),
    ];
    for (name, pairs, expected) in cases {
        let span = case(name).pairs(pairs).span();
        assert_eq!((span.name.as_str(), span.display_name.as_str()), (*name, *expected), "{pairs:?}");
    }
}

#[test]
fn otel_name_replaces_the_name_even_late_and_even_of_a_nameless_span() {
    let span = case("").target("adk_agent::llm_agent", &[]).with("otel.name", debug("execute_tool add")).span();
    assert_eq!((span.name.as_str(), span.kind), ("execute_tool add", Kind::Tool));
    assert_eq!(span.tool_name.as_deref(), Some("add"));
    let span = case("step").with("otel.name", "step-0").with("otel.name", "").span();
    assert_eq!(span.name, "step-0");
}

#[test]
fn an_agent_without_a_name_is_not_called_by_its_ancestors() {
    let span = case("inner")
        .with("gen_ai.operation.name", "invoke_agent")
        .inherited(IdentityField::AgentName, "Outer")
        .inherited(IdentityField::SessionId, "s1")
        .span();
    assert_eq!(span.display_name, "inner");
    assert_eq!(span.identity.get(IdentityField::AgentName), Some("Outer"));
    assert_eq!(span.identity.session(), Some("s1"));
}

#[test]
fn an_inner_agent_takes_the_session_but_not_the_outer_agents_id() {
    let span = case("f")
        .with("gen_ai.operation.name", "invoke_agent")
        .with("gen_ai.agent.name", debug("Some(\"Inner\")"))
        .with("user.id", 7_i64)
        .inherited(IdentityField::AgentId, "outer-1")
        .inherited(IdentityField::ConversationId, "c1")
        .span();
    assert_eq!(span.identity.get(IdentityField::AgentName), Some("Inner"));
    assert_eq!(span.identity.get(IdentityField::AgentId), None);
    assert_eq!(span.identity.get(IdentityField::UserId), Some("7"));
    assert_eq!((span.identity.get(IdentityField::SessionId), span.identity.session()), (None, Some("c1")));
}

#[test]
fn models_are_told_apart() {
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: &[(Pairs, Option<&str>, Option<&str>)] = &[
        (&[("gen_ai.request.model", "a"), ("gen_ai.response.model", "b")], Some("a"), Some("b")),
        (&[("llm.model_name", "a")], Some("a"), None),
        (&[("llm.model_name", "b"), ("llm.request.model_name", "a")], Some("a"), Some("b")),
        (
            &[("llm.model_name", "c"), ("gen_ai.request.model", "a"), ("gen_ai.response.model", "b")],
            Some("a"),
            Some("b"),
        ),
        (&[("llm.invocation_parameters", r#"{"model":"a"}"#), ("llm.model_name", "b")], Some("a"), Some("b")),
        (&[("embedding.model_name", "e")], Some("e"), None),
        (&[("model", "a"), ("gen_ai.operation.name", "chat")], Some("a"), None),
        (&[("model", "a"), ("gen_ai.operation.name", "invoke_agent")], None, None),
    ];
    for (pairs, request, response) in cases {
        let span = case("f").pairs(pairs).span();
        assert_eq!((span.request_model.as_deref(), span.response_model.as_deref()), (*request, *response), "{pairs:?}");
    }
}

#[test]
fn tools_are_named_on_tool_spans_only() {
    let tool = case("execute_tool")
        .target("rig_agent::agent::telemetry", &[])
        .with("gen_ai.operation.name", "execute_tool")
        .with("gen_ai.tool.name", "add")
        .with("gen_ai.tool.call.id", debug("call_1"))
        .span();
    assert_eq!((tool.tool_name.as_deref(), tool.tool_call_id.as_deref()), (Some("add"), Some("call_1")));
    let model = case("chat").with("gen_ai.operation.name", "chat").with("gen_ai.tool.name", "add").span();
    assert_eq!(model.tool_name, None);
    let swiftide = case("tool").target("swiftide_agents::agent", &[]);
    assert_eq!(swiftide.span().tool_name, None);
    let swiftide = case("tool").target("swiftide_agents::agent", &[]).with("otel.name", "tool.add").span();
    assert_eq!(swiftide.tool_name.as_deref(), Some("add"));
    let mcp = case("tools/call add").with("mcp.method.name", "tools/call").span();
    assert_eq!((mcp.kind, mcp.tool_name.as_deref()), (Kind::Tool, Some("add")));
    let langchain = case("tool.call").target("langchain_rust::agent::executor", &[]);
    assert_eq!(langchain.span().tool_name, None);
    let langchain = case("tool.call").target("langchain_rust::agent::executor", &[]).with("tool", debug("add")).span();
    assert_eq!(langchain.tool_name.as_deref(), Some("add"));
}

#[test]
fn the_otel_kind_may_be_a_field() {
    use crate::model::OtelKind;
    assert_eq!(case("f").span().otel_kind, OtelKind::Internal);
    assert_eq!(case("f").with("otel.kind", "client").span().otel_kind, OtelKind::Client);
    assert_eq!(case("f").with("otel.kind", debug("SPAN_KIND_SERVER")).span().otel_kind, OtelKind::Server);
    assert_eq!(case("f").with("otel.kind", "sideways").span().otel_kind, OtelKind::Internal);
}
