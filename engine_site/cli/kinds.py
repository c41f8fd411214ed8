"""What operators set things on, besides jobs."""

from enum import StrEnum


class Kind(StrEnum):
    QUEUE = "queue"
    TOOL = "tool"
    WORKER = "worker"
    WORKSTREAM = "workstream"
    ERROR = "error"
