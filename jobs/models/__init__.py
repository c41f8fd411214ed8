from jobs.models.api_token import ApiToken
from jobs.models.control import QueueControl, ToolControl
from jobs.models.error_group import ErrorGroup
from jobs.models.event import Event
from jobs.models.idempotent_request import IdempotentRequest
from jobs.models.job import Dependency, Job
from jobs.models.job_template import JobTemplate
from jobs.models.log_chunk import LogChunk
from jobs.models.node import Node
from jobs.models.project import Project
from jobs.models.run import Run
from jobs.models.saved_view import SavedView
from jobs.models.secret import Secret, SecretGrant
from jobs.models.step_attempt import StepAttempt
from jobs.models.workstream import Workstream

__all__ = [
    "ApiToken",
    "Dependency",
    "ErrorGroup",
    "Event",
    "IdempotentRequest",
    "Job",
    "JobTemplate",
    "LogChunk",
    "Node",
    "Project",
    "QueueControl",
    "Run",
    "SavedView",
    "Secret",
    "SecretGrant",
    "StepAttempt",
    "ToolControl",
    "Workstream",
]
