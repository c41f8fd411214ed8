"""Backend on the local database."""

import getpass
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import OperationalError, ProgrammingError

import schema
from engine_site.cli.local_controls import LocalControls
from engine_site.cli.local_records import LocalRecords, as_row, as_rows
from jobs import audit
from jobs.api.error_groups import ErrorOut
from jobs.api.runs import RunOut
from jobs.api.schemas import JobDetail, JobOut
from jobs.api.tools import ToolOut
from jobs.errors import InvalidDocument, NotFound, Refused
from jobs.models import ErrorGroup, Job, Run, StepAttempt
from jobs.services.operations import job_actions
from jobs.services.operations.action_rules import Order, Unrestricted
from jobs.services.reading import installation
from jobs.services.reading.job_filter import JobFilter
from jobs.services.reading.log_formats import JobLines, Place
from jobs.services.reading.logs import open_log
from jobs.services.reading.streams import TICK_S
from jobs.services.reading.tool_status import tool_statuses
from jobs.services.reading.viewer import UNRESTRICTED
from jobs.services.reading.waiting import wait_for
from jobs.services.submission import submit as submitting
from jobs.services.submission.submit import Submitter
from jobs.states import Verb


class NoDatabase(Refused):
    """The database is not there, or has no tables."""

    code = "unavailable"
    exit_code = 69


class Local(LocalRecords, LocalControls):
    """Who may read the database may do everything: the command acts with the name of the system's user."""

    def __init__(self) -> None:
        self.by = getpass.getuser()
        audit.set_via("command")
        try:
            Job.objects.exists()
        except (OperationalError, ProgrammingError) as fault:
            raise NoDatabase(
                f"The database {self.where()} cannot be used ({fault}); run: engine manage migrate, or set "
                "ENGINE_URL to ask a server."
            ) from None
        _follow_the_workers()

    def where(self) -> str:
        return str(settings.DATABASES["default"]["NAME"])

    def submit(self, texts: Sequence[bytes], base: Path) -> list[dict[str, Any]]:
        documents, sources = [], []
        for text in texts:
            document = _read(text)
            several = document if isinstance(document, list) else [document]
            documents += several
            sources += [None if isinstance(document, list) else text.decode("utf-8", "replace")] * len(several)
        jobs = submitting.submit_all(documents, by=Submitter(self.by), base=base, sources=sources)
        return [as_row(job, JobOut) for job in jobs]

    def check(self, text: bytes, base: Path) -> dict[str, Any]:
        document, problems = schema.parse(text)
        if problems:
            return {"ok": False, "problems": [item.as_dict() for item in problems], "warnings": [], "adds": []}
        return submitting.check(document, source=text.decode("utf-8", "replace"), base=base).as_dict()

    def _find(self, job_id: str) -> Job:
        job = Job.objects.select_related("workstream").filter(job_id=job_id).first()
        if job is None:
            raise NotFound(f"Job {job_id} not found.")
        return job

    def job(self, job_id: str) -> dict[str, Any]:
        return as_row(self._find(job_id), JobDetail)

    def jobs(self, filters: Mapping[str, str], limit: int) -> list[dict[str, Any]]:
        rows = JobFilter.read(filters).apply(Job.objects.select_related("workstream"), me=self.by).order_by("-pk")
        return [as_row(job, JobOut) for job in rows[:limit]]

    def act(self, job_id: str, verb: Verb, order: Mapping[str, Any]) -> dict[str, Any]:
        renamed = {"grace_s" if name == "grace_seconds" else name: value for name, value in order.items()}
        job_actions.act(verb, self._find(job_id), by=Unrestricted(self.by), order=Order(**renamed))
        return self.job(job_id)

    def wait(self, job_id: str, timeout: float | None) -> dict[str, Any]:
        return as_row(wait_for(self._find(job_id), timeout), JobDetail)

    def log(self, job_id: str, attempt: int) -> Iterator[bytes]:
        rows = StepAttempt.objects.filter(job=self._find(job_id)).order_by("-number")
        found = rows.filter(number=attempt).first() if attempt else rows.first()
        if found is None:
            raise NotFound(
                f"Job {job_id} has no attempt {attempt}." if attempt else f"Job {job_id} has not started yet."
            )
        log = open_log(found)
        yield from log.read(0, log.size)

    def follow(self, job_id: str) -> Iterator[tuple[str, Any]]:
        lines, place = JobLines(self._find(job_id).pk), Place()
        while not place.ended:
            told = lines.missed(place)
            place = told.place
            yield from ((message.event, message.data) for message in told.messages)
            if not told.messages:
                time.sleep(TICK_S)

    def runs(self, filters: Mapping[str, str], limit: int) -> list[dict[str, Any]]:
        return as_rows(Run.objects.filter(**filters), RunOut, limit)

    def errors(self, filters: Mapping[str, str], limit: int) -> list[dict[str, Any]]:
        return as_rows(ErrorGroup.objects.filter(**filters), ErrorOut, limit)

    def tools(self) -> list[dict[str, Any]]:
        return [as_row(tool, ToolOut) for tool in tool_statuses(UNRESTRICTED)]


def _follow_the_workers() -> None:
    """Judge documents by what the workers were started with: this terminal's variables and directory are not theirs."""
    found = installation.of_the_workers()
    if found is not None:
        settings.ENGINE_ROOTS = list(found.roots)
        settings.ENGINE_ALLOW_SHELL = found.shell_allowed
        settings.ENGINE_EXECUTABLES = list(found.executables)


def _read(text: bytes) -> Any:
    document, problems = schema.parse(text)
    if problems:
        raise InvalidDocument(f"The job document cannot be read: {problems[0].message}", problems)
    return document
