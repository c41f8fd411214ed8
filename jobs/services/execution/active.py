"""Active attempts: those that a runner has claimed and not settled yet."""

from collections.abc import Callable
from dataclasses import dataclass, field

from adapters.process import Ending, Keeper, Running
from jobs.models import StepAttempt
from jobs.services.execution.attempts import Outcome, Prepared
from jobs.services.execution.log_shipping import LogCopy


@dataclass(eq=False)
class Active:
    """One attempt from its claim to its settlement."""

    attempt: StepAttempt
    log: LogCopy
    confirmed_at: float = float("-inf")  # monotonic: when the database last said that the attempt is ours
    begun: bool = False  # it is being prepared, or has been
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    prepared: Prepared | None = None
    keeper: Keeper | None = None
    running: Running | None = None
    pids: dict[str, int] = field(default_factory=dict)  # of tool and keeper, once the tool has started
    noted: bool = False  # command, commit and pids are in the database
    ending: Ending | None = None
    judging: bool = False  # its adapter has been asked for a verdict
    outcome: Outcome | None = None
    cancelled: bool = False  # somebody cancelled the job
    handed_back: bool = False  # the worker was told to stop
    unsettled: bool = False  # it met a defect when it was settled
    lost: bool = False  # another process holds it now: end its processes and write nothing

    @classmethod
    def of(cls, attempt: StepAttempt, on_output: Callable[[bytes], None] | None = None) -> "Active":
        return cls(attempt, LogCopy(attempt, on_output))

    @property
    def name(self) -> str:
        return f"attempt {self.attempt.number} of job {self.attempt.job.job_id}"

    @property
    def ready_to_start(self) -> bool:
        return self.prepared is not None and self.running is None and self.outcome is None and not self.lost

    @property
    def ready_to_judge(self) -> bool:
        return self.ending is not None and self.outcome is None and not self.judging and not self.lost

    @property
    def to_note(self) -> bool:
        """It has started, and the database does not know with which command and process ids."""
        return bool(self.pids) and not self.noted and not self.lost

    def stop(self, grace_s: float | None, cause: str = "cancel") -> None:
        """TERM, grace, KILL for its whole process tree; the exit follows as an event of the keeper."""
        if self.running is not None and self.keeper is not None and self.ending is None:
            self.keeper.stop(self.running, grace_s, cause=cause)
