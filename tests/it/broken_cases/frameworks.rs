//! Spans as frameworks declare them: the targets, names, fields and order of recording that their releases have.

/// rig 0.44.
pub(super) mod rig {
    use tracing::field::Empty;
    use tracing::{Span, info_span};

    /// What `Agent::prompt` opens where no span is around it.
    pub(crate) fn run(agent: &str) -> Span {
        info_span!(
            target: "rig_agent::agent::telemetry",
            parent: None,
            "invoke_agent",
            gen_ai.operation.name = "invoke_agent",
            gen_ai.agent.name = agent,
            gen_ai.prompt = Empty,
            gen_ai.completion = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
        )
    }

    /// A call of the model, before its provider records anything.
    pub(crate) fn chat(agent: &str) -> Span {
        info_span!(
            target: "rig::agent_chat",
            "chat",
            rig.completion_parent = true,
            gen_ai.operation.name = "chat",
            gen_ai.agent.name = agent,
            gen_ai.provider.name = Empty,
            gen_ai.request.model = Empty,
            gen_ai.request.stream = Empty,
            gen_ai.response.id = Empty,
            gen_ai.response.model = Empty,
            gen_ai.usage.input_tokens = Empty,
            gen_ai.usage.output_tokens = Empty,
            gen_ai.input.messages = Empty,
            gen_ai.output.messages = Empty,
        )
    }

    /// What the provider records as it sends the request.
    pub(crate) fn ask(chat: &Span, question: &str) {
        chat.record("gen_ai.operation.name", "chat");
        chat.record("gen_ai.provider.name", "openai");
        chat.record("gen_ai.request.model", "gpt-4o");
        chat.record("gen_ai.input.messages", message("user", question));
    }

    /// What it records of the answer: 17 tokens in, 9 out.
    pub(crate) fn answer(chat: &Span, text: &str) {
        chat.record("gen_ai.response.id", "chatcmpl-1");
        chat.record("gen_ai.response.model", "gpt-4o-2024-08-06");
        count(chat, 17, 9);
        chat.record("gen_ai.output.messages", message("assistant", text));
    }

    pub(crate) fn count(span: &Span, input: u64, output: u64) {
        span.record("gen_ai.usage.input_tokens", input);
        span.record("gen_ai.usage.output_tokens", output);
    }

    fn message(role: &str, text: &str) -> String {
        format!(r#"[{{"role":"{role}","parts":[{{"type":"text","content":"{text}"}}]}}]"#)
    }

    /// A call of a tool.
    pub(crate) fn tool(name: &str) -> Span {
        let span = info_span!(
            target: "rig_agent::agent::telemetry",
            "execute_tool",
            gen_ai.operation.name = "execute_tool",
            "gen_ai.tool.type" = "function",
            gen_ai.tool.name = Empty,
            gen_ai.tool.call.id = Empty,
            gen_ai.tool.call.result = Empty,
        );
        span.record("gen_ai.tool.name", name);
        span.record("gen_ai.tool.call.id", tracing::field::display("call_1"));
        span
    }

    /// The two turns of a run: the model asks for the tool `add`, gets its result, and answers.
    pub(crate) fn turns(agent: &str) {
        for (question, text) in [("Add 2 and 2", ""), ("Add 2 and 2", "It is 4.")] {
            let chat = chat(agent);
            ask(&chat, question);
            answer(&chat, text);
            drop(chat);
            if text.is_empty() {
                tool("add").record("gen_ai.tool.call.result", "4");
            }
        }
    }
}

/// adk-rust 2.3.
pub(super) mod adk {
    use tracing::{Span, debug, info_span};

    /// The run of an agent, as its runner sees it.
    pub(crate) fn execute(agent: &str) -> Span {
        info_span!(
            target: "adk_runner::runner",
            "agent.execute",
            gcp.vertex.agent.session_id = "s1",
            adk.user_id = "alice",
            agent.name = agent,
        )
    }

    /// A call of a tool: the callsite has no name, the arguments are an event.
    pub(crate) fn tool(name: &str, arguments: &str) -> Span {
        let span = info_span!(
            target: "adk_agent::llm_agent",
            "",
            otel.name = %format_args!("execute_tool {name}"),
            tool.name = %name,
        );
        span.in_scope(|| {
            debug!(target: "adk_agent::llm_agent", { tool.name = %name, tool.args = %arguments }, "tool_call");
        });
        span
    }
}
