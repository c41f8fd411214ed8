"""Adapter of the tool `codex`: `CodexAdapter`, and `run_codex_job` to run one job directly."""

from adapters import CodexAdapter, run_codex_job

__all__ = ["CodexAdapter", "run_codex_job"]
