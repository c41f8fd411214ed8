"""The drill itself: submit, strike while jobs run, let them end, then judge."""

import os
import random
import time
from collections import Counter
from pathlib import Path

import django
from django.core.management import call_command
from django.db import Error as DatabaseFault
from django.db import connections

django.setup()

from django.contrib.auth.models import User  # noqa: E402

from jobs.models import Event, Job, StepAttempt  # noqa: E402
from jobs.services.accounts import tokens  # noqa: E402
from jobs.states import FINAL, JobStatus  # noqa: E402
from tests.drill.blows import Blows  # noqa: E402
from tests.drill.judgement import Judgement  # noqa: E402
from tests.drill.services import Services  # noqa: E402
from tests.drill.submitter import Submitter  # noqa: E402

MAX_DETECTION_S = 30.0
NOTE_INTERVAL_S = 1.0


class Drill:
    """Its limits of time grow with the load of the machine, as it was seen while the drill ran."""

    def __init__(self, home: Path, short: int, long: int, chance: random.Random, *, has_disk: bool) -> None:
        self.home, self.short, self.long, self.chance, self.has_disk = home, short, long, chance, has_disk
        self.strikes_s = 30 + 0.06 * short + 0.9 * long
        self.bound_s = 120 + 3 * self.strikes_s
        self.slowness = 1.0

    def run(self) -> int:
        call_command("migrate", verbosity=0, interactive=False)
        repository = self.home / "repository"  # a job may not work where Engine's own data lie
        (repository / "record").mkdir(parents=True)
        user = User.objects.create_superuser("drill", "", None)
        _, token = tokens.create(user, "drill", ["read", "submit"], by="drill")
        with Services(self.home) as services:
            blows = Blows(services, self.chance, self.has_disk)
            submitter = Submitter(services.url, token, repository, self.short, self.long, self.chance)
            began = time.monotonic()
            submitter.start()
            try:
                self._strike(services, blows, submitter)
            finally:
                submitter.stop()
                blows.thaw(all_of_them=True)
                blows.join()
            took_s = time.monotonic() - began
            stop_s = services.stop()
            judgement = Judgement(submitter, blows)
            judgement.look()
        return self._report(judgement, took_s, stop_s)

    def _strike(self, services: Services, blows: Blows, submitter: Submitter) -> None:
        began, strike_at, note_at = time.monotonic(), 0.0, 0.0
        while submitter.is_alive() or self._unfinished():
            elapsed, now = time.monotonic() - began, time.monotonic()
            self.slowness = max(self.slowness, os.getloadavg()[0] / (os.cpu_count() or 1))
            if elapsed > self.bound_s * self.slowness:
                return
            services.keep_alive()
            blows.thaw()
            if now >= note_at:
                services.note()
                note_at = now + NOTE_INTERVAL_S
            if now >= strike_at and elapsed < self.strikes_s and submitter.accepted:
                strike_at = now + self.chance.uniform(0.6, 2.4)
                try:
                    blows.strike()
                except DatabaseFault:
                    connections.close_all()
            time.sleep(0.1)

    def _unfinished(self) -> int:
        try:
            return Job.objects.exclude(status__in=(*FINAL, JobStatus.QUARANTINED)).count()
        except DatabaseFault:
            connections.close_all()
            return 1

    def _report(self, judgement: Judgement, took_s: float, stop_s: float) -> int:
        blows, facts, submitter = judgement.blows, judgement.facts, judgement.submitter
        for name, times in blows.counts.most_common():
            print(f"  {times:>4} {name}")
        for remark in judgement.remarks[:20]:
            print(f"  {remark}")
        attempts = Counter(StepAttempt.objects.values_list("status", flat=True))
        print(f"attempts: {', '.join(f'{status} {count}' for status, count in attempts.most_common())}")
        print(
            f"jobs: {dict(Counter(Job.objects.values_list('status', flat=True)))}, wrong ends {facts['wrong']}, "
            f"overlaps {facts['overlaps']}, done but killed before it was recorded {facts['unrecorded']}, "
            f"holes in logs {facts['holes']}, open attempts {facts['open']}, events {Event.objects.count()}"
        )
        detect_s, most_s = judgement.detection_s(), MAX_DETECTION_S * self.slowness
        print(f"slowest detection: {judgement.slowest}")
        print(
            f"took {took_s:.0f} s, {submitter.tries} requests, starts {blows.services.starts}, last stop {stop_s:.1f} s, "
            f"load up to {self.slowness:.1f} a core, so detection may take {most_s:.0f} s {submitter.refusal}"
        )
        print(
            f"drill: submitted={facts['submitted']} ended={facts['ended']} twice={facts['twice']} lost={facts['lost']} "
            f"stuck={facts['stuck']} survivors={facts['survivors']} detect_max_s={detect_s:.1f}",
            flush=True,
        )
        everything = facts["submitted"] == self.short + self.long
        return 0 if judgement.is_good and everything and detect_s <= most_s else 1
