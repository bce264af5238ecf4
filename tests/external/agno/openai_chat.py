"""An ordinary program that asks OpenAI, instrumented by OpenInference or by OpenTelemetry, and sent over OTLP.

usage: openai_chat.py openinference|opentelemetry
"""

import sys

import model_server
from openai import OpenAI
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
trace.set_tracer_provider(provider)
logs = None

if sys.argv[1] == "openinference":
    from openinference.instrumentation.openai import OpenAIInstrumentor

    OpenAIInstrumentor().instrument(tracer_provider=provider)
else:
    from opentelemetry._logs import set_logger_provider
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    logs = LoggerProvider()
    logs.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
    set_logger_provider(logs)
    OpenAIInstrumentor().instrument(tracer_provider=provider, logger_provider=logs)

client = OpenAI(base_url=model_server.start(), api_key="none")
tools = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]
messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Paris?"}]
with trace.get_tracer("program").start_as_current_span("ask"):
    asked = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=tools)
    call = asked.choices[0].message.tool_calls[0]
    messages += [asked.choices[0].message.model_dump(exclude_none=True)]
    messages += [{"role": "tool", "tool_call_id": call.id, "content": "sunny"}]
    print(client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content)

provider.shutdown()
if logs:
    logs.shutdown()
