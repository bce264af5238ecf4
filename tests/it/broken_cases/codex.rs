//! codex as it emits: a turn with its spans, most of them at `TRACE`, and the events that tell prompts, tools and answers.

use tracing::{Level, Span, info_span, trace_span};

/// An event as codex writes it.
macro_rules! tell {
    ($target:expr, $($fields:tt)*) => { tracing::event!(target: $target, Level::INFO, $($fields)*) };
}

/// What codex counts, and where: the same call's tokens stand in three places.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) on_turn: bool,
    pub(super) on_last_piece: bool,
    pub(super) by_event: bool,
}

impl Counts {
    pub(super) const ALL: Self = Self { on_turn: true, on_last_piece: true, by_event: true };
}

/// A turn that asks the model, calls two tools of which one fails, and asks again: 34 tokens in, 18 out.
pub(super) fn turn(counts: Counts) {
    let session = info_span!(target: "codex_core::session", "session_loop", thread_id = "thread-1");
    session.in_scope(|| {
        let dispatch = info_span!(
            target: "codex_core::session::handlers",
            "submission_dispatch",
            otel.name = "op.dispatch.user_input",
            submission.id = "sub-1"
        );
        dispatch.in_scope(|| {
            prompt("Is it raining?");
            let turn = opened();
            turn.in_scope(|| trace_span!(target: "codex_core::session::turn", "run_turn").in_scope(|| work(counts)));
            if counts.on_turn {
                turn.record("codex.turn.token_usage.input_tokens", 34);
                turn.record("codex.turn.token_usage.output_tokens", 18);
                turn.record("codex.turn.token_usage.total_tokens", 52);
            }
        });
    });
}

/// The span of a turn.
pub(super) fn opened() -> Span {
    use tracing::field::Empty;
    info_span!(
        target: "codex_core::tasks",
        "turn",
        otel.name = "session_task.turn",
        thread.id = "thread-1",
        turn.id = "turn-1",
        model = "gpt-5",
        codex.turn.token_usage.input_tokens = Empty,
        codex.turn.token_usage.output_tokens = Empty,
        codex.turn.token_usage.total_tokens = Empty,
    )
}

fn work(counts: Counts) {
    ask(counts, "function_call", || {
        tool_result("weather", "call_1", r#"{"city":"Bergen"}"#, true, "rain");
        tool_result("umbrella", "call_2", "{}", false, "none left");
    });
    ask(counts, "message_from_assistant", || {});
}

/// One request to the model: 17 tokens in, 9 out. The tools that the answer asks for run inside it.
fn ask(counts: Counts, piece: &str, tools: impl FnOnce()) {
    let request = trace_span!(
        target: "codex_core::session::turn",
        "run_sampling_request",
        turn_id = "turn-1",
        model = "gpt-5",
        cwd = "/home"
    );
    request.in_scope(|| {
        let stream = trace_span!(target: "codex_core::session::turn", "receiving_stream");
        let piece_of = |name: &str| {
            trace_span!(
                target: "codex_core::session::turn",
                parent: &stream,
                "handle_responses",
                otel.name = name,
                gen_ai.usage.input_tokens = tracing::field::Empty,
                gen_ai.usage.output_tokens = tracing::field::Empty,
            )
        };
        drop(piece_of(piece));
        let last = piece_of("completed");
        if counts.by_event {
            last.in_scope(completed);
        }
        if counts.on_last_piece {
            last.record("gen_ai.usage.input_tokens", 17);
            last.record("gen_ai.usage.output_tokens", 9);
        }
        drop((last, stream));
        pause();
        tools();
    });
}

/// Longer than any tool here takes.
fn pause() {
    std::thread::sleep(std::time::Duration::from_millis(10));
}

pub(super) fn prompt(text: &str) {
    tell!("codex_otel.log_only", event.name = "codex.user_prompt", prompt_length = %text.len(), prompt = %text);
    tell!("codex_otel.trace_safe", event.name = "codex.user_prompt", prompt_length = %text.len());
}

/// The end of an answer, told twice, with counts as text.
pub(super) fn completed() {
    macro_rules! tell_end {
        ($target:literal) => {
            tell!(
                $target,
                event.name = "codex.sse_event",
                event.kind = %"response.completed",
                input_token_count = %17,
                output_token_count = %9,
                cached_token_count = 5,
                tool_token_count = %26,
                model = %"gpt-5",
            )
        };
    }
    tell!(
        "codex_otel.log_only",
        event.name = "codex.sse_event",
        event.kind = %"response.output_text.delta",
        duration_ms = %1,
        model = %"gpt-5",
    );
    tell_end!("codex_otel.log_only");
    tell_end!("codex_otel.trace_safe");
}

/// The end of a tool's call of 3 ms, told twice: with content, and with its lengths.
pub(super) fn tool_result(tool: &str, call: &str, arguments: &str, is_ok: bool, output: &str) {
    with_content(tool, call, arguments, is_ok, output);
    with_lengths(tool, call, is_ok, output);
}

pub(super) fn with_content(tool: &str, call: &str, arguments: &str, is_ok: bool, output: &str) {
    tell!(
        "codex_otel.log_only",
        event.name = "codex.tool_result",
        tool_name = %tool,
        call_id = %call,
        arguments = %arguments,
        duration_ms = %3,
        success = %is_ok,
        output = %output,
        model = %"gpt-5",
    );
}

pub(super) fn with_lengths(tool: &str, call: &str, is_ok: bool, output: &str) {
    tell!(
        "codex_otel.trace_safe",
        event.name = "codex.tool_result",
        tool_name = %tool,
        call_id = %call,
        duration_ms = %3,
        success = %is_ok,
        output_length = output.len(),
        model = %"gpt-5",
    );
}

/// A tool that could not be called: it has no call id.
pub(super) fn tool_failed(tool: &str, error: &str) {
    tell!(
        "codex_otel.log_only",
        event.name = "codex.tool_result",
        tool_name = %tool,
        duration_ms = %0,
        success = %false,
        output = %error,
    );
    tell!(
        "codex_otel.trace_safe",
        event.name = "codex.tool_result",
        tool_name = %tool,
        duration_ms = %0,
        success = %false,
        error.message = %error,
    );
}
