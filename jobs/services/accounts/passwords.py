"""A person's own password."""

from django.contrib.auth.models import User

from jobs import db
from jobs.services.core import events


def change(user: User, password: str) -> None:
    """Set it, and leave an event that does not say it. Whether it is good enough is the form's to decide."""
    with db.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        events.record("session.password_changed", by=user.get_username())
