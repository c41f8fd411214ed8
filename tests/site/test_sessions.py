"""Sign-ins are events, with the name and never the password."""

import pytest
from django.test import Client

from jobs.models import Event
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def test_coming_leaving_and_being_turned_away_are_on_record(client: Client) -> None:
    make_user("mara")
    client.post("/login", {"username": "mara", "password": "wrong-guess"})
    client.post("/login", {"username": "mara", "password": "correct horse"})
    client.post("/logout")
    found = list(Event.objects.order_by("id").values_list("event_type", "actor"))
    assert found == [("session.refused", "mara"), ("session.started", "mara"), ("session.ended", "mara")]
    assert "wrong-guess" not in str(list(Event.objects.values()))
