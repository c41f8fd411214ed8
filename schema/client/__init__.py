"""A Python client for Engine's API. It needs httpx and nothing of Engine itself.

with Client("http://localhost:8750", token) as engine:
    job = engine.submit("job.json")
    for message in engine.follow(job["job_id"]):
        print(message.data)
    print(engine.wait(job["job_id"])["status"])
"""

from .client import Client
from .errors import EngineError, Unavailable
from .shapes import Attempt, Bulk, ErrorKind, Event, Job, Message, Run

__all__ = ["Attempt", "Bulk", "Client", "EngineError", "ErrorKind", "Event", "Job", "Message", "Run", "Unavailable"]
