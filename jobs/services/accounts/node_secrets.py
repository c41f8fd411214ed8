"""Secrets that a job's env may name as {"secret": NAME}."""

from adapters.errors import MissingSecret
from jobs.models import Job
from jobs.services.accounts import secrets


def granted(job: Job) -> dict[str, str]:
    """Secrets that this job may use, by name. Raises MissingSecret when this host cannot open them."""
    try:
        return secrets.granted(job)
    except secrets.NoKey as refusal:
        raise MissingSecret(refusal.message) from None
