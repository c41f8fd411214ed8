"""`JobStateStore`: reads and writes the state of runs and jobs."""

from jobs.store import JobStateStore

__all__ = ["JobStateStore"]
