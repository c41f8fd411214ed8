"""Viewer: who asks, and therefore what may be read and counted."""

from typing import Protocol

from django.db.models import QuerySet

from jobs.models import Job, StepAttempt, Workstream
from jobs.models.job import JobQuerySet


class Viewer(Protocol):
    """`jobs.access.Actor` for people and their tokens, or UNRESTRICTED."""

    def jobs(self) -> JobQuerySet: ...

    def attempts(self) -> "QuerySet[StepAttempt]": ...

    def workstreams(self) -> "QuerySet[Workstream]": ...


class _Unrestricted:
    def jobs(self) -> JobQuerySet:
        return Job.objects.all()

    def attempts(self) -> "QuerySet[StepAttempt]":
        return StepAttempt.objects.all()

    def workstreams(self) -> "QuerySet[Workstream]":
        return Workstream.objects.all()


UNRESTRICTED: Viewer = _Unrestricted()  # for commands on a host: who may read its database may see everything
