"""Values that a job's env may name as {"secret": NAME}."""

from jobs.models import Job


def granted(job: Job) -> dict[str, str]:
    """Secrets that this job may use, by name."""
    return {}
