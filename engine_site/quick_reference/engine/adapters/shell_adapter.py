"""Adapter of the tool `shell`: `ShellAdapter`, and `run_shell_job` to run one job directly."""

from adapters import ShellAdapter, run_shell_job

__all__ = ["ShellAdapter", "run_shell_job"]
