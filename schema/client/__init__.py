"""Python client for the REST API. It needs httpx, and nothing else of Engine.

with Client("http://localhost:8750", token) as engine:
    job = engine.submit("job.json")
    for message in engine.follow(job["job_id"]):
        print(message.data)
    print(engine.wait(job["job_id"])["status"])
"""

from .client import Client
from .errors import EngineError, Unavailable
from .types import Attempt, Bulk, ErrorGroup, Event, Job, Message, Run

__all__ = ["Attempt", "Bulk", "Client", "EngineError", "ErrorGroup", "Event", "Job", "Message", "Run", "Unavailable"]
