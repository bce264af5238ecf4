"""Compares what `agent-traces` stored with what Agno's own database holds of the same runs.

usage: check.py AGENT_TRACES AGNO_DATABASE_FILE     (AGENT_TRACES_DATABASE_URL names the database of agent-traces)
"""

import datetime
import json
import os
import sqlite3
import subprocess
import sys

program, agno_file = sys.argv[1:]


def agent_traces(*arguments):
    """What a command prints."""
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout


def expect(what, is_so, found):
    if not is_so:
        sys.exit(f"{what}: {found}")


def rows(file, query):
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    database.row_factory = sqlite3.Row
    return [dict(row) for row in database.execute(query)]


def plain(value):
    """An OTLP value as Agno writes it."""
    kind, value = next(iter(value.items()))
    return {"intValue": int, "arrayValue": lambda array: [plain(item) for item in array.get("values", [])]}.get(kind, lambda v: v)(value)


def exported():
    """All spans as they were sent, by their ids."""
    spans = {}
    for line in agent_traces("export", "--format", "otlp-json").splitlines():
        for resource in json.loads(line)["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                spans |= {span["spanId"]: span for span in scope["spans"]}
    return spans


def microseconds(text):
    since = datetime.datetime.fromisoformat(text) - datetime.datetime.fromtimestamp(0, datetime.timezone.utc)
    return since // datetime.timedelta(microseconds=1)


listed = [json.loads(line) for line in agent_traces("ls", "--json").splitlines()]
traces = {trace["trace_id"]: trace for trace in listed}
shown = {id: json.loads(agent_traces("show", "--json", id)) for id in traces}
spans = {span["span_id"]: span for trace in shown.values() for span in trace["spans"]}
sent = exported()

# The tree: the same traces, spans, parents, names, statuses, times and attributes.
agno_traces = rows(agno_file, "SELECT * FROM agno_traces")
expect("runs in Agno's database", len(agno_traces) == 3, agno_traces)
for theirs in agno_traces:
    ours = traces.get(theirs["trace_id"])
    expect("a trace of Agno's that is not stored", ours is not None, theirs)
    for field in ["run_id", "session_id", "user_id"]:
        expect(f"another {field}", ours[field] == theirs[field], (ours, theirs))
    expect("another status", ours["status"].upper() == theirs["status"], (ours, theirs))
agno_spans = rows(agno_file, "SELECT * FROM agno_spans")
of_agno = {theirs["trace_id"] for theirs in agno_traces}
expect("spans", {s["span_id"] for s in agno_spans} == {id for id, s in spans.items() if s["trace_id"] in of_agno}, agno_spans)
for theirs in agno_spans:
    ours, wire = spans[theirs["span_id"]], sent[theirs["span_id"]]
    expect("another parent", ours["parent_span_id"] == theirs["parent_span_id"], (ours, theirs))
    expect("another name", ours["name"] == theirs["name"], (ours, theirs))
    expect("another status", ours["status"].upper() == theirs["status_code"], (ours, theirs))
    for end in ["start", "end"]:
        # Agno's times went through a double: they are right to a microsecond.
        late = microseconds(theirs[f"{end}_time"]) - ours[f"{end}_ns"] / 1000
        expect(f"another {end}", abs(late) <= 1, (late, ours, theirs))
    attributes = {entry["key"]: plain(entry["value"]) for entry in wire.get("attributes", [])}
    expect("other attributes", attributes == json.loads(theirs["attributes"]), (attributes, theirs))

# And more than Agno knows of it: what each span is, tokens, tools, the team.
kinds = sorted(s["kind"] for s in spans.values() if s["trace_id"] in of_agno)
expect("kinds", kinds == ["agent"] * 4 + ["model"] * 11 + ["team"] + ["tool"] * 6, kinds)
for span in spans.values():
    if span["kind"] == "model":
        tokens = [span[f"{count}_tokens"] for count in ["input", "output", "total"]]
        expect("tokens of a model call", tokens == [17, 9, 26] and span["request_model"] == "gpt-4o-mini", span)
    if span["kind"] == "tool":
        expect("a tool without a name", span["tool_name"] in ["weather", "population", "delegate_task_to_member"], span)
for trace in shown.values():
    calls = sum(span["kind"] == "model" for span in trace["spans"])
    expect("tokens of a run", [trace["input_tokens"], trace["output_tokens"]] == [17 * calls, 9 * calls], trace)
(team,) = [trace for trace in shown.values() if trace["team_name"] == "Atlas"]
members = {span["agent_name"] for span in team["spans"] if span["kind"] == "agent"}
expect("members of the team", members == {"Weatherman", "Census"}, team)

# Model calls of OpenAI's client: an agent trace too, whatever instruments it.
asked = [trace for trace in shown.values() if trace["name"] == "ask"]
expect("programs that ask OpenAI", len(asked) == 3, asked)
for trace in asked:
    kinds = [span["kind"] for span in trace["spans"]]
    expect("kinds", kinds == ["span", "model", "model"], trace)
    providers = {span["provider"] for span in trace["spans"][1:]}
    expect("providers", providers == {"openai"}, trace)

# Content that comes as log events stands with its span.
store = os.environ["AGENT_TRACES_DATABASE_URL"].removeprefix("sqlite://")
logged = rows(store, "SELECT lower(hex(span_id)) AS span_id, CAST(event AS TEXT) AS event FROM span_events")
calls = [span["span_id"] for trace in asked for span in trace["spans"] if span["kind"] == "model"]
expect("model calls whose content came as logs", len(logged) == 2 and {row["span_id"] for row in logged} <= set(calls), logged)
expect("a prompt that came as a log", all("Be brief." in row["event"] for row in logged), logged)

print(f"agno ... ok: {len(agno_traces)} runs with {len(agno_spans)} spans as in Agno's database, and 3 programs of OpenAI's client")
