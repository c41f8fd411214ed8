"""`Orchestrator`, and the function that runs each tool directly. docs/adding-an-adapter.md describes how to add a tool."""

from jobs.orchestrator import TOOL_RUNNERS, Orchestrator

__all__ = ["TOOL_RUNNERS", "Orchestrator"]
