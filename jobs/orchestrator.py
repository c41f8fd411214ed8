"""`Orchestrator`: run or queue jobs from a program, with the words of the Quick Reference."""

from jobs import boot  # isort: skip  # Django first
import os
from collections.abc import Callable, Mapping
from typing import Any

from adapters import JobResult
from adapters.registry import TOOL_RUNNERS
from jobs import db
from jobs.services import foreground
from jobs.services.submission import job_files, submit
from jobs.services.submission.submit import Submitter
from jobs.store import JobStateStore, result_of

__all__ = ["TOOL_RUNNERS", "JobResult", "JobStateStore", "Orchestrator", "boot"]


class Orchestrator:
    """Runs jobs here and now, or puts them into the queue for a cluster."""

    def __init__(self, state_store: JobStateStore | None = None) -> None:
        self.state_store = state_store or JobStateStore()

    def run_job(
        self, job_file: str | os.PathLike[str] | Mapping[str, Any], on_output: Callable[[bytes], None] | None = None
    ) -> JobResult:
        """Run the job to its end. Raises Refused (bad document, duplicate id, locked workstream, no such file)."""
        document, source, base = job_files.read(job_file)
        with db.using(self.state_store.alias):
            job = foreground.run_here(
                document, by=Submitter("orchestrator"), base=base, source=source, on_output=on_output
            )
            return result_of(job)

    def queue_job(self, job_file: str | os.PathLike[str] | Mapping[str, Any]) -> str:
        """Put the job into the queue; its job_id."""
        document, source, base = job_files.read(job_file)
        with db.using(self.state_store.alias):
            return submit.submit(document, by=Submitter("orchestrator"), base=base, source=source).job_id

    def get_job_status(self, job_id: str) -> str:
        return self.state_store.get_job_status(job_id)
