"""An ordinary Agno program: an agent with a tool, and a team of two agents, traced by Agno itself and sent over OTLP.

usage: agents.py AGNO_DATABASE_FILE
"""

import sys

import model_server
from agno.agent import Agent
from agno.db.sqlite import SqliteDb
from agno.models.openai import OpenAIChat
from agno.team import Team
from agno.tracing import setup_tracing
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace.export import BatchSpanProcessor

setup_tracing(db=SqliteDb(db_file=sys.argv[1]))
trace.get_tracer_provider().add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))

url = model_server.start()


def model():
    return OpenAIChat(id="gpt-4o-mini", base_url=url, api_key="none")


def weather(city: str) -> str:
    """Tells the weather of a city."""
    return f"sunny in {city}"


def population(city: str) -> str:
    """Tells how many people live in a city."""
    return f"many in {city}"


agent = Agent(name="Forecaster", id="forecaster", model=model(), tools=[weather])
agent.run("Paris", session_id="session-1", user_id="ada")
for _ in agent.run("Rome", session_id="session-1", user_id="ada", stream=True):
    pass

team = Team(
    name="Atlas",
    id="atlas",
    model=model(),
    members=[
        Agent(name="Weatherman", id="weatherman", model=model(), tools=[weather]),
        Agent(name="Census", id="census", model=model(), tools=[population]),
    ],
)
team.run("Oslo", session_id="session-2", user_id="bob")

trace.get_tracer_provider().shutdown()
