import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from jobs.errors import InvalidDocument, Refused
from jobs.services.foreground import run_here
from jobs.services.submission import job_files
from jobs.services.submission.submit import Submitter
from jobs.store import JobStateStore


class Command(BaseCommand):
    help = (
        "Run a job here and now, stream its log, and end with its exit code (124 timeout, 130 cancelled, 65 bad input)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--job-file", required=True, type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        JobStateStore()  # creates the tables of a new database
        try:
            document, source, base = job_files.read(options["job_file"])
            job = run_here(document, by=Submitter("run_job"), base=base, source=source, on_output=self.write)
        except Refused as refusal:
            self.stderr.write(f"{refusal}")
            for problem in refusal.problems if isinstance(refusal, InvalidDocument) else ():
                self.stderr.write(f"  {problem}")
            sys.exit(refusal.exit_code)
        self.stderr.write(f"{job.status}: {job.summary}")
        attempt = job.latest_attempt()
        sys.exit(job_files.exit_code(job.status, attempt.exit_code if attempt else None))

    def write(self, piece: bytes) -> None:
        sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
