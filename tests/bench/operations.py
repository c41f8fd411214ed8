"""The operations whose cost must not depend on history, in one process on one database: asked by tests.bench.growth.

Each line of input is `round` or `holds`; the answer is one line of JSON.
"""

import json
import os
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import Any

os.environ["ENGINE_HOSTS"] = "testserver"

import django
from django.conf import settings

settings.STORAGES["staticfiles"]["BACKEND"] = (
    "django.contrib.staticfiles.storage.StaticFilesStorage"  # none are collected
)
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.core.cache import cache  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from adapters.process import Ending  # noqa: E402
from adapters.verdict import Reason, Verdict  # noqa: E402
from jobs.models import ErrorGroup, Job, StepAttempt  # noqa: E402
from jobs.services.execution.claim import Claimant  # noqa: E402
from jobs.services.execution.claim_batch import claim_batch  # noqa: E402
from jobs.services.maintenance.repair import repair  # noqa: E402
from jobs.services.maintenance.retention import prune  # noqa: E402
from jobs.services.outcome.settle_batch import Ended, settle_batch  # noqa: E402
from jobs.services.submission.submit import submit, submit_all  # noqa: E402
from jobs.sql import attempts  # noqa: E402

BATCH = 32
LIST = 200
PATHS = {
    "API: jobs": "/api/v1/jobs",
    "API: failed jobs": "/api/v1/jobs?status=failed",
    "API: runs": "/api/v1/runs",
    "API: events": "/api/v1/events",
    "API: a job": "/api/v1/jobs/{job}",
    "Page: overview": "/",
    "Page: jobs": "/jobs",
    "Page: failed jobs": "/jobs?status=failed",
    "Page: jobs of a tool": "/jobs?tool=aider",
    "Page: jobs of a run": "/jobs?run={run}",
    "Page: a job": "/jobs/{job}",
    "Page: runs": "/runs",
    "Page: a run": "/runs/{run}",
    "Page: errors": "/errors",
    "Page: an error": "/errors/{error}",
    "Page: tools": "/tools",
    "Page: a tool": "/tools/aider",
    "Page: workers": "/workers",
    "Page: a queue": "/queues/default",
    "Page: events": "/events",
}


class Operations:
    def __init__(self, repository: str) -> None:
        self.repository = repository
        self.claimant = Claimant.this_process(slots=10 * BATCH)
        self.claimed: list[StepAttempt] = []
        self.client = Client()
        user, _ = get_user_model().objects.get_or_create(username="bench", defaults={"is_superuser": True})
        self.client.force_login(user)
        self.names = self._names()

    def round(self) -> dict[str, float]:
        """CPU milliseconds of each operation, once."""
        told = {
            "submit": _cpu_ms(self.submit_one, 10),
            "submit list": _cpu_ms(self.submit_list, LIST // BATCH) / BATCH,
            "claim": _cpu_ms(self.claim) / BATCH,
            "heartbeat": _cpu_ms(self.heartbeat, 10),
            "settle": _cpu_ms(self.settle) / BATCH,
        }
        self.empty()
        return told | {name: _cpu_ms(partial(self.get, name), 2) for name in PATHS}

    def holds(self) -> dict[str, float]:
        """Milliseconds for which each operation held the writer at most, of some rounds."""
        told: dict[str, float] = {}
        for _ in range(5):
            for name, act in (
                ("submit of one", self.submit_one),
                (f"submit of {LIST}", lambda: self.submit_list(LIST)),
                (f"submit of {LIST}, each needs the one before", lambda: self.submit_list(LIST, chained=True)),
                (f"claim of {BATCH}", self.claim),
                (f"heartbeat of {BATCH}", self.heartbeat),
                (f"settling {BATCH}", self.settle),
                ("repair", repair),
                ("retention of 200 jobs", self.prune),
            ):
                told[name] = max(told.get(name, 0.0), _longest_hold_ms(act))
            self.empty()
        return told

    # One operation each

    def submit_one(self) -> None:
        submit(self._document())

    def submit_list(self, count: int = BATCH, *, chained: bool = False) -> None:
        documents = [self._document() for _ in range(count)]
        if chained:
            for before, after in pairwise(documents):
                after["metadata"]["depends_on"] = [before["job_id"]]
        submit_all(documents)

    def claim(self) -> None:
        self.claimed = claim_batch(self.claimant, BATCH)
        assert len(self.claimed) == BATCH

    def heartbeat(self) -> None:
        held = attempts.beat([(one.pk, one.fence, 0) for one in self.claimed], timezone.now())
        assert len(held) == BATCH

    def settle(self) -> None:
        good = Verdict(Reason.OK, "Done.", "bench")
        refused = settle_batch([Ended(one, good, Ending("exit", exit_code=0)) for one in self.claimed])
        assert refused == [None] * BATCH

    def prune(self) -> None:
        prune(0, max_jobs=LIST)

    def get(self, name: str) -> None:
        cache.clear()  # figures that pages keep for seconds count in full
        answer = self.client.get(PATHS[name].format(**self.names))
        assert answer.status_code == 200, (name, answer.status_code)

    # Around them

    def empty(self) -> None:
        """Nothing is left in the queue, so that each round meets the same one; the tables keep what was submitted."""
        Job.objects.filter(job_id__startswith="op-", finished_at__isnull=True).delete()

    def _document(self) -> dict[str, Any]:
        name = f"op-{uuid.uuid4().hex}"
        words = {"job_id": name, "run_id": "op-run", "workstream_id": f"ws-{name[-1]}", "tool": "shell"}
        command = {"command": {"exe": "true", "args": []}, "paths": {"repo_root": self.repository}}
        return {**words, **command, "metadata": {"access": "read"}}

    def _names(self) -> dict[str, str]:
        job = Job.objects.filter(status="completed").order_by("-id").first()
        error = ErrorGroup.objects.order_by("-last_seen_at").first()
        assert job and error
        return {"job": job.job_id, "run": job.run_id, "error": error.signature}


def _cpu_ms(act: Callable[[], object], times: int = 1) -> float:
    began = time.process_time()
    for _ in range(times):
        act()
    return (time.process_time() - began) * 1000 / times


def _longest_hold_ms(act: Callable[[], object]) -> float:
    """From the end of BEGIN IMMEDIATE, which takes the lock, to the end of COMMIT; the longest of the operation."""
    longest = 0.0
    begin, end = connection._start_transaction_under_autocommit, connection._commit  # type: ignore[attr-defined]
    taken = time.perf_counter()

    def taking() -> None:
        nonlocal taken
        begin()
        taken = time.perf_counter()

    def giving() -> None:
        nonlocal longest
        end()
        longest = max(longest, time.perf_counter() - taken)

    connection._start_transaction_under_autocommit, connection._commit = taking, giving  # type: ignore[attr-defined]
    try:
        act()
    finally:
        connection._start_transaction_under_autocommit, connection._commit = begin, end  # type: ignore[attr-defined]
    return longest * 1000


def main() -> None:
    operations = Operations(sys.argv[1])
    for line in sys.stdin:
        print(json.dumps(operations.round() if line.strip() == "round" else operations.holds()), flush=True)


if __name__ == "__main__":
    main()
