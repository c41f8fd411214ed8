"""Saved views: names for filters of the jobs list."""

from django.contrib.auth.models import User

from jobs import db
from jobs.errors import InvalidDocument
from jobs.models import SavedView
from jobs.services.core import events

MAX_VIEWS = 100  # of one person


def save(owner: User, name: str, query: str, *, shared: bool, by: str) -> SavedView:
    """Keep the filters under the name; one's view of the same name is replaced. Raises InvalidDocument."""
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > 80:
        raise InvalidDocument("Give it a name of at most 80 characters.")
    if len(query) > 2000:
        raise InvalidDocument("These are more filters than a view can keep.")
    with db.atomic():
        if SavedView.objects.filter(owner=owner).exclude(name=name).count() >= MAX_VIEWS:
            raise InvalidDocument(f"You have {MAX_VIEWS} views already; delete one first.")
        view, _ = SavedView.objects.update_or_create(
            owner=owner, name=name, defaults={"query": query, "shared": shared}
        )
        events.record("view.saved", by=by, view=name if shared else "", shared=shared)
    return view


def delete(view: SavedView, *, by: str) -> None:
    with db.atomic():
        events.record("view.deleted", by=by, view=view.name if view.shared else "", owner=view.owner.get_username())
        view.delete()
