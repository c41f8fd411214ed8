"""How long a job waits although nothing stands in its way."""

import itertools
import random
import time
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

django.setup()

from adapters.verdict import Reason, Verdict  # noqa: E402
from jobs.models import Job, StepAttempt  # noqa: E402
from jobs.services.execution.claim import Claimant, claim_next  # noqa: E402
from jobs.services.outcome.settle import settle  # noqa: E402
from jobs.services.submission.submit import submit  # noqa: E402
from jobs.states import FINAL  # noqa: E402
from tests.drill.processes import descendants  # noqa: E402

_numbers = itertools.count()
CLOCK = ["sh", ["-c", "date +%s.%N"]]  # a small program that tells when its first instruction ran
CLAIMS = 300


def prepare() -> None:
    call_command("migrate", verbosity=0, interactive=False)


def document(home: Path, exe: str, args: list[str], **metadata: Any) -> dict[str, Any]:
    return {
        "job_id": f"bench-{next(_numbers):05}",
        "run_id": "bench",
        "workstream_id": "ws",
        "tool": "shell",
        "command": {"exe": exe, "args": args},
        "paths": {"repo_root": str(home)},
        "metadata": {"access": "read", **metadata},
    }


def claims_per_second() -> float:
    """Claim and settle without running anything."""
    home = Path("/tmp")
    from django.conf import settings

    settings.ENGINE_ROOTS = [*settings.ENGINE_ROOTS, str(home)]
    for _ in range(CLAIMS):
        submit(document(home, "true", []))
    me = Claimant.this_process(slots=10)
    began = time.perf_counter()
    while attempt := claim_next(me):
        settle(attempt, Verdict(Reason.OK, "done", "bench"))
    return CLAIMS / (time.perf_counter() - began)


def wait_until_final(job: Job, seconds: float = 30) -> StepAttempt:
    deadline = time.monotonic() + seconds
    while job.status not in FINAL:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{job.job_id} is still {job.status}")
        time.sleep(0.01)
        job.refresh_from_db()
    attempt = job.latest_attempt()
    assert attempt is not None
    return attempt


def submit_to_start(home: Path, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds from before submit() to the claim, and to the tool's own first clock reading, on an idle cluster."""
    claimed, first = [], []
    exe, args = CLOCK
    for _ in range(rounds):
        time.sleep(random.uniform(0.05, 0.3))
        began = time.time()
        attempt = wait_until_final(submit(document(home, str(exe), list(args))))
        claimed.append((attempt.started_at.timestamp() - began) * 1000)
        first.append((float((attempt.directory / "output.log").read_text()) - began) * 1000)
    return claimed, first


def hand_off(home: Path, rounds: int) -> list[float]:
    """Milliseconds from the end of one job to the first instruction of the next; the limit key lets one run at a time."""
    jobs = []
    for _ in range(rounds):
        jobs.append(submit(document(home, "sh", ["-c", "date +%s.%N; date +%s.%N"], concurrency_key="one")))
    times = []
    for job in jobs:
        attempt = wait_until_final(job, 60)
        began, ended = (float(word) for word in (attempt.directory / "output.log").read_text().split())
        times.append((began, ended))
    times.sort()
    return [(after[0] - before[1]) * 1000 for before, after in itertools.pairwise(times)]


def idle_share(pid: int, seconds: float = 5) -> float:
    """Percent of a core that the whole idle cluster uses."""

    def ticks() -> int:
        total = 0
        for proc in [pid, *(proc.pid for proc in descendants(pid))]:
            try:
                fields = Path(f"/proc/{proc}/stat").read_text().rpartition(")")[2].split()
                total += int(fields[11]) + int(fields[12])
            except OSError:
                continue
        return total

    before = ticks()
    time.sleep(seconds)
    return (ticks() - before) / seconds  # 100 ticks a second: ticks per second are percent
