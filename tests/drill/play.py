"""The drill itself: submit, strike while they run, then count."""

import random
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command
from django.db import Error as DatabaseFault
from django.db import connections

django.setup()

from adapters.process.runner import read_ending  # noqa: E402
from jobs.models import Event, Job, StepAttempt  # noqa: E402
from jobs.services.submission.submit import submit  # noqa: E402
from jobs.states import FINAL, JobStatus  # noqa: E402
from tests.drill.chaos import ROOT, Arena  # noqa: E402
from tests.drill.processes import carrying  # noqa: E402


class Drill:
    def __init__(self, home: Path, jobs: int, chance: random.Random, bound_s: float) -> None:
        self.home, self.count, self.chance, self.bound_s = home, jobs, chance, bound_s
        self.record = home / "record"
        self.record.mkdir()
        self.planned_failures: set[str] = set()

    def run(self) -> int:
        call_command("migrate", verbosity=0, interactive=False)
        submitted = self.submit_all()
        arena = Arena(self.chance)
        began, strike_at = time.monotonic(), time.monotonic() + 2
        try:
            while self.unfinished() and time.monotonic() - began < self.bound_s:
                arena.keep_alive()
                if time.monotonic() >= strike_at:
                    strike_at = time.monotonic() + self.chance.uniform(0.6, 1.8)
                    try:
                        arena.strike()
                    except DatabaseFault:
                        connections.close_all()
                time.sleep(0.1)
        finally:
            stop_s = arena.stop()
        return self.judge(arena, submitted, time.monotonic() - began, stop_s)

    def submit_all(self) -> int:
        for number in range(self.count):
            name = f"drill-{number:04}-{self.chance.randrange(1 << 32):08x}"
            code = 1 if self.chance.random() < 0.05 else 0
            if code:
                self.planned_failures.add(name)
            submit(self.document(name, code, "yes" if self.chance.random() < 0.3 else "no"))
        return self.count

    def document(self, name: str, code: int, brood: str) -> dict[str, Any]:
        seconds = round(self.chance.uniform(0.2, 1.2), 2)
        tool = str(ROOT / "tests" / "drill" / "tool.py")
        return {
            "job_id": name,
            "run_id": "drill",
            "workstream_id": f"ws-{self.chance.randrange(5)}",
            "tool": "shell",
            "command": {"exe": sys.executable, "args": [tool, name, str(self.record), str(seconds), str(code), brood]},
            "paths": {"repo_root": str(self.home)},
            "metadata": {
                "access": "read",
                "timeout_seconds": 60,
                "grace_seconds": 1,
                "priority": self.chance.choice(["critical", "high", "normal", "low"]),
            },
        }

    def unfinished(self) -> int:
        try:
            return Job.objects.exclude(status__in=(*FINAL, JobStatus.QUARANTINED)).count()
        except DatabaseFault:
            connections.close_all()
            return self.count

    def judge(self, arena: Arena, submitted: int, took_s: float, stop_s: float) -> int:
        facts = Counter[str]()
        for job in Job.objects.prefetch_related("attempts"):
            words = self.words(job.job_id)
            facts["overlaps"] += words["overlap"]
            facts["twice"] += words["overlap"] > 0 or self.run_after_success(job)
            # It had done its work, and was killed before anybody could have recorded that.
            facts["unrecorded"] += words["end"] > 1 and not self.run_after_success(job)
            ended = job.status in FINAL or job.status == JobStatus.QUARANTINED
            facts["ended"] += ended
            facts["stuck"] += not ended
            wanted = JobStatus.FAILED if job.job_id in self.planned_failures else JobStatus.COMPLETED
            facts["wrong"] += ended and job.status != wanted and not self.harmed(job)
        facts["lost"] = submitted - Job.objects.count()
        facts["survivors"] = sum(
            len(carrying(f"ENGINE_ATTEMPT_MARKER={marker}"))
            for marker in StepAttempt.objects.values_list("marker", flat=True)
        )
        detect = self.detection(arena)
        self.report(arena, facts, took_s, stop_s)
        print(
            f"drill: submitted={submitted} ended={facts['ended']} twice={facts['twice']} lost={facts['lost']} "
            f"stuck={facts['stuck']} survivors={facts['survivors']} detect_max_s={detect:.1f}",
            flush=True,
        )
        bad = sum(facts[name] for name in ("twice", "lost", "stuck", "survivors", "wrong"))
        return 1 if bad or facts["ended"] != submitted or detect > 30 else 0

    def words(self, job_id: str) -> Counter[str]:
        path = self.record / f"{job_id}.txt"
        return Counter(line.split()[0] for line in path.read_text().splitlines()) if path.exists() else Counter()

    def run_after_success(self, job: Job) -> bool:
        """Whether an attempt followed one whose success was on record, in the database or in exit.json."""
        *earlier, _ = list(job.attempts.all()) or [None]
        for attempt in earlier:
            ending = read_ending(attempt.directory)
            recorded = ending is not None and ending.ended_by == "exit" and ending.exit_code == 0
            if attempt.status == "completed" or recorded:
                print(f"  {job.job_id}: attempt {attempt.number} had succeeded ({attempt.status}, {ending})")
                return True
        return False

    def harmed(self, job: Job) -> bool:
        """A blow that kills the tool itself makes an honest failure: the engine saw a program die."""
        last = job.attempts.last()
        return last is not None and last.reason in ("crashed", "infra", "lost")

    def detection(self, arena: Arena) -> float:
        """The longest time between the death of a worker and the closing of its attempt."""
        worst = 0.0
        for attempt in StepAttempt.objects.filter(status="lost", verdict__rule="lost").exclude(completed_at=None):
            struck = arena.killed_at.get((attempt.worker_pid or 0, attempt.worker_started or 0))
            if struck and attempt.completed_at and attempt.completed_at.timestamp() >= struck:
                worst = max(worst, attempt.completed_at.timestamp() - struck)
        return worst

    def report(self, arena: Arena, facts: Counter[str], took_s: float, stop_s: float) -> None:
        attempts = Counter(StepAttempt.objects.values_list("status", flat=True))
        print(f"{'blow':<18}{'times':>6}")
        for name, times in arena.blows.most_common():
            print(f"{name:<18}{times:>6}")
        print(f"attempts: {', '.join(f'{status} {count}' for status, count in attempts.most_common())}")
        print(
            f"jobs: {dict(Counter(Job.objects.values_list('status', flat=True)))}, wrong ends {facts['wrong']}, "
            f"overlaps {facts['overlaps']}, done but killed before it was recorded {facts['unrecorded']}, "
            f"events {Event.objects.count()}"
        )
        print(f"took {took_s:.0f} s, cluster starts {arena.starts}, last stop {stop_s:.1f} s", flush=True)
