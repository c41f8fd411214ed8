"""Adapter of the tool `opencode`: `OpencodeAdapter`, and `run_opencode_job` to run one job directly."""

from adapters import OpencodeAdapter, run_opencode_job

__all__ = ["OpencodeAdapter", "run_opencode_job"]
