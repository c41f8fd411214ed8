"""Adapter of the tool `claude`: `ClaudeAdapter`, and `run_claude_job` to run one job directly."""

from adapters import ClaudeAdapter, run_claude_job

__all__ = ["ClaudeAdapter", "run_claude_job"]
