"""Compares what the store has of a run with what Phoenix has of it. Needs nothing but Python's own library.

    check.py await URL PID          until the server at URL answers, or the process PID is gone
    check.py compare URL DATABASE   fails with what differs
"""

import json
import os
import sqlite3
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

PROJECT = "rig"
PATIENCE = 180  # seconds

# What OpenInference calls our kinds.
KINDS = {
    "agent": "AGENT",
    "team": "AGENT",
    "workflow": "CHAIN",
    "step": "CHAIN",
    "model": "LLM",
    "tool": "TOOL",
    "span": "UNKNOWN",
}
# Columns of the store, and Phoenix's attributes.
TOKENS = {
    "input_tokens": "llm.token_count.prompt",
    "output_tokens": "llm.token_count.completion",
    "cache_read_tokens": "llm.token_count.prompt_details.cache_read",
    "reasoning_tokens": "llm.token_count.completion_details.reasoning",
}

# Loopback: no proxy of the environment.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def get(url):
    with OPENER.open(url, timeout=20) as answer:
        return answer.read()


def wait_for(url, pid):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            get(url + "/healthz")
            return
        except OSError:
            os.kill(pid, 0)  # raises when it is gone
            time.sleep(0.5)
    sys.exit(f"no answer within {PATIENCE} s")


def stored(database):
    """The spans of the run that were recorded; those that the store derived exist nowhere else."""
    connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True)
    connection.row_factory = sqlite3.Row
    rows = connection.execute("SELECT * FROM spans WHERE kind_source <> 'synthetic'").fetchall()
    return {row["span_id"].hex(): row for row in rows}


def received(url, expected):
    """Phoenix's spans, once there are as many: it writes them some time after it has taken them."""
    query = urllib.parse.urlencode({"limit": 1000})
    until = time.monotonic() + PATIENCE
    spans = {}
    while time.monotonic() < until:
        try:
            answer = json.loads(get(f"{url}/v1/projects/{PROJECT}/spans?{query}"))
            spans = {span["context"]["span_id"]: span for span in answer["data"]}
        except urllib.error.HTTPError as error:
            if error.code != 404:  # there is no project before its first span
                raise
        if len(spans) >= expected:
            return spans
        time.sleep(1)
    return spans


def differences(row, span):
    attributes = span["attributes"]
    yield "trace", row["trace_id"].hex(), span["context"]["trace_id"]
    yield "parent", row["parent_span_id"].hex() if row["parent_span_id"] else None, span["parent_id"]
    yield "kind", KINDS[row["kind"]], span["span_kind"]
    yield "session", row["session_id"], attributes.get("session.id")
    yield "user", row["user_id"], attributes.get("user.id")
    for column, key in TOKENS.items():
        # Where a run reports a sum under OpenTelemetry's names, Phoenix makes its own of it; elsewhere only calls have counts.
        is_counted = row["kind"] == "model" or key in attributes
        yield column, row[column] if is_counted else None, attributes.get(key)
    if row["kind"] == "model":
        yield "model", row["response_model"] or row["request_model"], attributes.get("llm.model_name")
    if row["kind"] == "tool":
        yield "tool", row["tool_name"], attributes.get("tool.name")
    yield "status", ["UNSET", "OK", "ERROR"][row["status_code"]], span["status_code"]


def compare(url, database):
    ours = stored(database)
    theirs = received(url, len(ours))
    problems = [f"only in the store: {span_id}" for span_id in ours.keys() - theirs.keys()]
    problems += [f"only in Phoenix: {span_id}" for span_id in theirs.keys() - ours.keys()]
    for span_id in ours.keys() & theirs.keys():
        row, span = ours[span_id], theirs[span_id]
        for what, here, there in differences(row, span):
            if here != there:
                problems.append(f"{span_id} ({row['display_name']}): {what} is {here!r} here, {there!r} there")
    sessions = {row["session_id"] for row in ours.values() if row["session_id"]}
    listed = json.loads(get(f"{url}/v1/projects/{PROJECT}/sessions"))["data"]
    known = {session["session_id"] for session in listed}
    if sessions != known:
        problems.append(f"sessions are {sorted(sessions)} here, {sorted(known)} there")
    kinds = [row["kind"] for row in ours.values()]
    for kind in ("agent", "model", "tool"):
        if kind not in kinds:
            problems.append(f"the run has no {kind}: {kinds}")
    if problems:
        sys.exit("\n".join(problems))
    calls = [row for row in ours.values() if row["kind"] == "model"]
    tokens = sum(row["input_tokens"] for row in calls), sum(row["output_tokens"] for row in calls)
    print(f"{len(ours)} spans are the same on both sides: {len(calls)} model calls, {tokens[0]}→{tokens[1]} tokens")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["await", url, pid]:
            wait_for(url, int(pid))
        case ["compare", url, database]:
            compare(url, database)
        case _:
            sys.exit(__doc__)
