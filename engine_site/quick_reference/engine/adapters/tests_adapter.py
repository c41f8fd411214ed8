"""Adapter of the tool `tests`: `TestsAdapter`, and `run_tests_job` to run one job directly."""

from adapters import TestsAdapter, run_tests_job

__all__ = ["TestsAdapter", "run_tests_job"]
