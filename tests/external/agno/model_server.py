"""A model on loopback that speaks OpenAI's Chat Completions, unary and streamed.

What it says is a script: the first tool that is offered and has not answered yet is called, then the answer is made of what the tools said.
Each answer costs the same tokens, so what a trace must add up to is known exactly.
"""

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

USAGE = {
    "prompt_tokens": 17,
    "completion_tokens": 9,
    "total_tokens": 26,
    "prompt_tokens_details": {"cached_tokens": 4},
    "completion_tokens_details": {"reasoning_tokens": 3},
}


def arguments_of(tool, messages):
    """Arguments that fit the tool's schema: the last question for texts, the members that are named for a delegation."""
    question = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
    question = question if isinstance(question, str) else json.dumps(question)
    said = json.dumps(messages)
    properties = tool["function"].get("parameters", {}).get("properties", {})
    arguments = {}
    for name, schema in properties.items():
        if name == "member_id":
            members = re.findall(r"member id=\\+\"([^\"\\]+)", said) or re.findall(r"ID: ([\w-]+)", said)
            asked = re.findall(r"member_id\\+\": \\+\"([^\"\\]+)", said)
            arguments[name] = next((m for m in members if m not in asked), members[0] if members else "unknown")
        elif schema.get("type") == "integer":
            arguments[name] = 3
        else:
            arguments[name] = question[:40]
    return arguments


def answer(request):
    """The assistant's message."""
    messages = request["messages"]
    called = [c["function"]["name"] for m in messages for c in m.get("tool_calls") or []]
    for tool in request.get("tools") or []:
        name = tool["function"]["name"]
        # A team's leader delegates to each of its two members.
        wanted = 2 if name == "delegate_task_to_member" else 1
        if called.count(name) < wanted:
            call = {
                "id": f"call_{len(called)}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments_of(tool, messages))},
            }
            return {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    told = [m["content"] for m in messages if m["role"] == "tool"]
    return {"role": "assistant", "content": "The answer is " + ("; ".join(map(str, told)) or "plain") + "."}, "stop"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["content-length"])))
        message, reason = answer(request)
        base = {"id": "chatcmpl-1", "created": 1, "model": request["model"]}
        if request.get("stream"):
            delta = dict(message)
            for index, call in enumerate(delta.get("tool_calls") or []):
                call["index"] = index
            chunks = [
                {**base, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]},
                {**base, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]},
                {**base, "object": "chat.completion.chunk", "choices": [], "usage": USAGE},
            ]
            body = "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"
            kind = "text/event-stream"
        else:
            choice = {"index": 0, "message": message, "finish_reason": reason}
            body = json.dumps({**base, "object": "chat.completion", "choices": [choice], "usage": USAGE})
            kind = "application/json"
        body = body.encode()
        self.send_response(200)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def start():
    """Starts the model on a free port; answers the base URL for a client of OpenAI's API."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v1"
