"""Judgement of a drill: what the database, the files and the process table say when all is over."""

from collections import Counter
from dataclasses import dataclass, field

from adapters.process.runner import read_ending
from jobs.models import Job, LogChunk, StepAttempt
from jobs.states import FINAL, JobStatus
from tests.drill.blows import Blows
from tests.drill.processes import of_attempts
from tests.drill.submitter import Submitter

HARMED = ("crashed", "infra", "lost")  # a blow at the tool, the disk or Engine makes an honest failure


@dataclass
class Judgement:
    submitter: Submitter
    blows: Blows
    facts: Counter[str] = field(default_factory=Counter)
    remarks: list[str] = field(default_factory=list)
    slowest: str = ""  # what took longest to detect

    def look(self) -> None:
        accepted = set(self.submitter.accepted)
        known = set(Job.objects.values_list("job_id", flat=True))
        self.facts["submitted"] = len(accepted)
        self.facts["lost"] = len(accepted - known)
        for job in Job.objects.prefetch_related("attempts"):
            self._look_at(job)
        markers = set(StepAttempt.objects.values_list("marker", flat=True))
        self.facts["survivors"] = len(set(of_attempts(markers)) | {proc.pid for proc in self.blows.services.alive()})
        self.facts["open"] = StepAttempt.objects.alive().count()

    def _look_at(self, job: Job) -> None:
        words, facts = self._words(job.job_id), self.facts
        again = self._ran_after_success(job)
        facts["overlaps"] += words["overlap"]
        facts["twice"] += words["overlap"] > 0 or again
        # It had done its work, and was killed before anybody could have recorded that.
        facts["unrecorded"] += words["end"] > 1 and not again
        ended = job.status in FINAL or job.status == JobStatus.QUARANTINED
        facts["ended"] += ended
        facts["stuck"] += not ended
        wanted = JobStatus.FAILED if job.job_id in self.submitter.planned_failures else JobStatus.COMPLETED
        last = job.attempts.last()
        if ended and job.status != wanted and not (last and last.reason in HARMED):
            facts["wrong"] += 1
            self.remarks.append(f"{job.job_id} is {job.status}: {job.summary}")
        if last and last.status == "completed" and (hole := self._hole_in_log(last)):
            facts["holes"] += 1
            self.remarks.append(f"{job.job_id}: {hole}")

    def _words(self, job_id: str) -> Counter[str]:
        path = self.submitter.repository / "record" / f"{job_id}.txt"
        return Counter(line.split()[0] for line in path.read_text().splitlines()) if path.exists() else Counter()

    def _ran_after_success(self, job: Job) -> bool:
        """Whether an attempt followed one whose success was on record, in the database or in exit.json."""
        for attempt in list(job.attempts.all())[:-1]:
            ending = read_ending(attempt.directory)
            recorded = ending is not None and ending.ended_by == "exit" and ending.exit_code == 0
            if attempt.status == "completed" or recorded:
                self.remarks.append(
                    f"{job.job_id}: attempt {attempt.number} had succeeded ({attempt.status}, {ending})"
                )
                return True
        return False

    def _hole_in_log(self, attempt: StepAttempt) -> str:
        """What the chunks of a completed attempt lack; empty if they are the file."""
        stored = b"".join(
            bytes(data)
            for data in LogChunk.objects.filter(attempt=attempt).order_by("seq").values_list("data", flat=True)
        )
        file = (attempt.directory / "output.log").read_bytes()
        return "" if stored == file else f"{len(stored)} bytes of the log are stored, the file has {len(file)}"

    def detection_s(self) -> float:
        """The longest time between the death of a process and the closing of its attempts, while main could look."""
        worst = 0.0
        lost = StepAttempt.objects.filter(status="lost").exclude(completed_at=None)
        for attempt in lost.exclude(verdict__rule="shutdown"):
            assert attempt.completed_at is not None
            began, ended = attempt.started_at.timestamp(), attempt.completed_at.timestamp()
            for pid in (attempt.worker_pid or 0, attempt.shim_pid or 0):
                struck = [at for at in self.blows.killed_at.get(pid, []) if began <= at <= ended]
                took = ended - struck[0] - self._blind_s(struck[0], ended) if struck else 0.0
                if took > worst:
                    worst = took
                    self.slowest = f"attempt {attempt.pk}: process {pid} struck {took:.0f} s before; {attempt.verdict}"
        return worst

    def _blind_s(self, since: float, until: float) -> float:
        return sum(max(0.0, min(until, to) - max(since, from_)) for from_, to in self.blows.blind)

    @property
    def is_good(self) -> bool:
        bad = sum(self.facts[name] for name in ("twice", "lost", "stuck", "survivors", "wrong", "holes", "open"))
        return not bad and self.facts["ended"] == self.facts["submitted"] and not self.submitter.refusal
