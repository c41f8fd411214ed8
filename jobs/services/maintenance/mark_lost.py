"""A person's word that an attempt is dead; the lease decides whether it may be taken."""

from jobs import db
from jobs.errors import WrongState
from jobs.models import StepAttempt
from jobs.services.maintenance import upkeep


def mark_lost(attempt: StepAttempt, *, by: str) -> None:
    """Close an attempt whose lease has ended. Before that, its worker may be alive, and a second one would start."""
    if attempt.is_final:
        raise WrongState(f"Attempt {attempt.number} of {attempt.job.job_id} has ended already.", state=attempt.status)
    if attempt.lease_until and attempt.lease_until > db.now():
        raise WrongState(
            f"Attempt {attempt.number} of {attempt.job.job_id} has a lease until "
            f"{attempt.lease_until:%H:%M:%S}; its worker is alive. Cancel the job instead.",
            state=attempt.status,
        )
    upkeep.rescue(attempt, f"marked by {by}", by=by)
