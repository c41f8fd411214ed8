"""Kinds of things that operators control, besides jobs."""

from enum import StrEnum


class Kind(StrEnum):
    QUEUE = "queue"
    TOOL = "tool"
    WORKER = "worker"
    WORKSTREAM = "workstream"
    ERROR = "error"
