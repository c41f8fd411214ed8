"""Adapter of the tool `copilot`: `CopilotAdapter`, and `run_copilot_job` to run one job directly."""

from adapters import CopilotAdapter, run_copilot_job

__all__ = ["CopilotAdapter", "run_copilot_job"]
