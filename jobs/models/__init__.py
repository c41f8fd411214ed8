from jobs.models.control import QueueControl, ToolControl
from jobs.models.error_record import ErrorRecord
from jobs.models.event import Event
from jobs.models.job import Dependency, Job
from jobs.models.log_chunk import LogChunk
from jobs.models.node import Node
from jobs.models.run import Run
from jobs.models.step_attempt import StepAttempt
from jobs.models.workstream import Workstream

__all__ = [
    "Dependency",
    "ErrorRecord",
    "Event",
    "Job",
    "LogChunk",
    "Node",
    "QueueControl",
    "Run",
    "StepAttempt",
    "ToolControl",
    "Workstream",
]
