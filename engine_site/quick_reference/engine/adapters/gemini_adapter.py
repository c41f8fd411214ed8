"""Adapter of the tool `gemini`: `GeminiAdapter`, and `run_gemini_job` to run one job directly."""

from adapters import GeminiAdapter, run_gemini_job

__all__ = ["GeminiAdapter", "run_gemini_job"]
