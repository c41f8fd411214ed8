"""Time every page on the database at hand: `ENGINE_DATA_DIR=... python -m tests.bench.pages` after `engine seed`.

Prints queries, milliseconds (p50 and p95 of ROUNDS requests through Django's test client) and the size of the answer.
"""

import gzip
import os
import statistics
import time

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engine_site.settings")
os.environ["ENGINE_HOSTS"] = "testserver"
django.setup()

from django.contrib.auth import get_user_model  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from jobs.models import ErrorGroup, Job, Run  # noqa: E402

ROUNDS = int(os.environ.get("ROUNDS", "20"))


def addresses() -> list[str]:
    job = Job.objects.order_by("-id").first()
    failed = Job.objects.filter(status="failed").order_by("-id").first()
    run, kind = Run.objects.order_by("-id").first(), ErrorGroup.objects.first()
    assert job and failed and run and kind
    middle = Job.objects.order_by("id")[Job.objects.count() // 2]
    return [
        "/",
        "/jobs",
        "/jobs?status=failed",
        "/jobs?tool=aider&tool=codex",
        "/jobs?q=refund",
        "/jobs?q=zebra",
        "/jobs?submitter=mara&status=failed",
        f"/jobs?run={middle.run_id}",
        f"/jobs/{job.job_id}",
        f"/jobs/{failed.job_id}",
        f"/jobs/{job.job_id}/events",
        f"/jobs/{job.job_id}/json",
        "/runs",
        f"/runs/{run.run_id}",
        f"/runs/{run.run_id}/timeline",
        f"/runs/{run.run_id}/graph",
        "/errors",
        f"/errors/{kind.signature}",
        "/tools",
        "/tools/aider",
        "/workers",
        "/queues/default",
        "/events",
        "/search?q=refund",
        "/settings/profile",
        "/api/v1/jobs",
        "/api/v1/jobs?status=failed",
        "/api/v1/runs",
        "/api/v1/events",
    ]


def main() -> None:
    user, _ = get_user_model().objects.get_or_create(
        username="bench", defaults={"is_superuser": True, "is_staff": True}
    )
    client = Client()
    client.force_login(user)
    print(f"{Job.objects.count():,} jobs on {connection.vendor}; load {os.getloadavg()[0]:.1f}")
    print(f"{'address':<58}{'status':>7}{'queries':>8}{'p50 ms':>8}{'p95 ms':>8}{'kB':>7}{'gz':>6}")
    for address in addresses():
        client.get(address)
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(address)
            queries = len(captured)  # the next request empties the record
        times = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            answer = client.get(address)
            times.append((time.perf_counter() - began) * 1000)
        times.sort()
        body = answer.content
        print(
            f"{address[:57]:<58}{answer.status_code:>7}{queries:>8}{statistics.median(times):>8.0f}"
            f"{times[int(len(times) * 0.95) - 1]:>8.0f}{len(body) / 1000:>7.1f}{len(gzip.compress(body)) / 1000:>6.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
