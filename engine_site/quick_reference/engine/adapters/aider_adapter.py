"""Adapter of the tool `aider`: `AiderAdapter`, and `run_aider_job` to run one job directly."""

from adapters import AiderAdapter, run_aider_job

__all__ = ["AiderAdapter", "run_aider_job"]
