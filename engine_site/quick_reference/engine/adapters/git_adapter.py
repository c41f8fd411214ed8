"""Adapter of the tool `git`: `GitAdapter`, and `run_git_job` to run one job directly."""

from adapters import GitAdapter, run_git_job

__all__ = ["GitAdapter", "run_git_job"]
