"""Types that adapters, orchestrator and state store share."""

from adapters import JobResult

__all__ = ["JobResult"]
