"""Sign-in audit: events for sign-in, sign-out and refused attempts."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver

from jobs.services.core import events

MAX_NAME_LENGTH = 150


@receiver(user_logged_in, dispatch_uid="engine-signed-in")
def signed_in(sender: object, user: Any, **_: Any) -> None:
    events.record("session.started", by=user.get_username())


@receiver(user_logged_out, dispatch_uid="engine-signed-out")
def signed_out(sender: object, user: Any, **_: Any) -> None:
    if user is not None:
        events.record("session.ended", by=user.get_username())


@receiver(user_login_failed, dispatch_uid="engine-turned-away")
def turned_away(sender: object, credentials: dict[str, Any], **_: Any) -> None:
    """The name as it was typed; never the password."""
    name = str(credentials.get("username") or "").replace("\0", "")[:MAX_NAME_LENGTH]
    events.record("session.refused", by=name or "nobody")
