//! Spans of Agno's instrumentor that no recording holds, as its source writes them, with and without OpenTelemetry's names beside.

use super::*;
use crate::model::Phase;

const SCOPE: &str = "openinference.instrumentation.agno";

type Pairs = &'static [(&'static str, &'static str)];

/// Kind, agent, team or workflow, model, provider, tool, session.
type Facts = (Kind, [Option<&'static str>; 5]);

fn facts(name: &str, pairs: Pairs) -> (Kind, [Option<String>; 5]) {
    let span = case(name).scope(SCOPE).pairs(pairs).span();
    let whose =
        [IdentityField::AgentName, IdentityField::AgentId, IdentityField::TeamName, IdentityField::WorkflowName];
    let whose = whose.into_iter().find_map(|field| span.identity.get(field)).map(str::to_owned);
    let session = span.identity.session().map(str::to_owned);
    (span.kind, [whose, span.model().map(str::to_owned), span.provider.clone(), span.tool_name.clone(), session])
}

#[test]
fn every_span_is_what_agno_meant() {
    let cases: &[(&str, Pairs, Facts)] = &[
        // a run that goes on after a person confirmed has no input
        (
            "My_Agent.acontinue_run",
            &[
                ("openinference.span.kind", "AGENT"),
                ("input.value", ""),
                ("graph.node.name", "My Agent"),
                ("agent.name", "My Agent"),
                ("agno.agent.id", "my-agent"),
                ("session.id", "s1"),
            ],
            (Kind::Agent, [Some("My Agent"), None, None, None, Some("s1")]),
        ),
        // nobody named it
        (
            "Agent.run",
            &[("openinference.span.kind", "AGENT"), ("agno.agent.id", "4f1c")],
            (Kind::Agent, [Some("4f1c"), None, None, None, None]),
        ),
        // both conventions' names
        (
            "My_Agent.run",
            &[
                ("openinference.span.kind", "AGENT"),
                ("agent.name", "My Agent"),
                ("agno.agent.id", "my-agent"),
                ("session.id", "s1"),
                ("gen_ai.operation.name", "invoke_agent"),
                ("gen_ai.agent.name", "My Agent"),
                ("gen_ai.conversation.id", "s1"),
            ],
            (Kind::Agent, [Some("My Agent"), None, None, None, Some("s1")]),
        ),
        (
            "Ops_Team.run",
            &[
                ("openinference.span.kind", "AGENT"),
                ("agent.name", "Ops Team"),
                ("agno.team.id", "ops"),
                ("agno.team", "Ops Team"),
                ("gen_ai.operation.name", "invoke_agent"),
                ("gen_ai.agent.name", "Ops Team"),
            ],
            (Kind::Team, [Some("Ops Team"), None, None, None, None]),
        ),
        (
            "Gemini.ainvoke_stream",
            &[
                ("openinference.span.kind", "LLM"),
                ("llm.model_name", "gemini-2.5-pro"),
                ("llm.provider", "Google"),
                ("llm.system", "vertexai"),
                ("gen_ai.operation.name", "chat"),
                ("gen_ai.provider.name", "gcp.vertex_ai"),
                ("gen_ai.request.model", "gemini-2.5-pro"),
            ],
            (Kind::Model, [None, Some("gemini-2.5-pro"), Some("gcp.vertex_ai"), None, None]),
        ),
        (
            "delete_everything",
            &[
                ("openinference.span.kind", "TOOL"),
                ("tool.name", "delete_everything"),
                ("gen_ai.operation.name", "execute_tool"),
                ("gen_ai.tool.name", "delete_everything"),
                ("gen_ai.tool.type", "function"),
            ],
            (Kind::Tool, [None, None, None, Some("delete_everything"), None]),
        ),
        // a workflow in the background, one within a step, and one that failed before it had an id
        (
            "Report_Flow._aexecute",
            &[
                ("openinference.span.kind", "CHAIN"),
                ("graph.node.id", "49b0ade55786f998"),
                ("graph.node.name", "Report Flow"),
                ("agno.workflow.steps_count", "2"),
                ("session.id", "s1"),
            ],
            (Kind::Workflow, [Some("Report Flow"), None, None, None, Some("s1")]),
        ),
        (
            "Inner_Flow.run",
            &[
                ("openinference.span.kind", "CHAIN"),
                ("graph.node.name", "Inner Flow"),
                ("graph.node.parent_id", "49b0ade55786f998"),
                ("agno.workflow.id", "inner"),
            ],
            (Kind::Workflow, [Some("Inner Flow"), None, None, None, None]),
        ),
        (
            "ask_team.aexecute_stream",
            &[
                ("openinference.span.kind", "CHAIN"),
                ("graph.node.name", "ask team"),
                ("agno.step.type", "team"),
                ("agno.step.team_name", "Ops Team"),
            ],
            (Kind::Step, [None; 5]),
        ),
        // what else may stand in such a trace
        (
            "CreateEmbeddings",
            &[
                ("openinference.span.kind", "EMBEDDING"),
                ("embedding.model_name", "text-embedding-3"),
                ("llm.provider", "openai"),
            ],
            (Kind::Embedding, [None, Some("text-embedding-3"), Some("openai"), None, None]),
        ),
        (
            "PgVector.search",
            &[("openinference.span.kind", "RETRIEVER"), ("retrieval.documents.0.document.content", "d")],
            (Kind::Retriever, [None; 5]),
        ),
        (
            "POST /agents/{agent_id}/runs",
            &[
                ("http.request.method", "POST"),
                ("http.route", "/agents/{agent_id}/runs"),
                ("server.address", "127.0.0.1"),
            ],
            (Kind::Span, [None; 5]),
        ),
    ];
    for (name, pairs, (kind, expected)) in cases {
        assert_eq!(facts(name, pairs), (*kind, expected.map(|text| text.map(str::to_owned))), "{name}");
    }
}

#[test]
fn a_run_that_came_to_nothing_did_not_go_well() {
    let run = |kind, pairs: &[(&'static str, &str)]| {
        let case = case("Writer.run").scope(SCOPE).with("openinference.span.kind", kind).pairs(pairs);
        let item = interpret(case.status(StatusCode::Ok, "").0);
        (item.span.status.code, item.told.iter().filter_map(|told| told.phase).collect::<Vec<_>>())
    };
    assert_eq!(run("AGENT", &[("output.value", "done")]), (StatusCode::Ok, vec![]));
    assert_eq!(run("AGENT", &[("output.value", "")]), (StatusCode::Ok, vec![]), "a tool stopped it");
    assert_eq!(run("AGENT", &[]), (StatusCode::Unset, vec![Phase::Unanswered]));
    assert_eq!(run("LLM", &[]), (StatusCode::Ok, vec![]), "only a run's word is known to be empty");
    let in_a_step = ("graph.node.parent_id", "5faa89805869ed1a");
    assert_eq!(run("AGENT", &[("output.value", "done"), in_a_step]).1, [Phase::Adrift]);
    assert_eq!(run("CHAIN", &[in_a_step]).1, [Phase::Adrift]);
    assert_eq!(run("TOOL", &[in_a_step]).1, []);
}

#[test]
fn of_another_scope_an_ok_is_an_ok() {
    let case = case("Writer.run").scope("acme").with("openinference.span.kind", "AGENT");
    let item = interpret(case.status(StatusCode::Ok, "").0);
    assert_eq!((item.span.status.code, item.told.len()), (StatusCode::Ok, 0));
}

#[test]
fn a_step_without_a_workflow_around_it_is_a_step() {
    let (kind, _) = facts("fn.execute", &[("openinference.span.kind", "CHAIN"), ("graph.node.id", "49b0ade55786f998")]);
    assert_eq!(kind, Kind::Step);
}
