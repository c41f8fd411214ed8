"""Errors by kind: what differs only in names of the moment is one kind; what a person decided about it holds."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from adapters.verdict import Reason, Verdict
from jobs.models import ErrorGroup, Event
from jobs.services.operations import controls
from jobs.services.outcome.error_groups import normalise, note, signature
from jobs.states import AttemptStatus, ErrorState, JobStatus
from tests.factories import make_attempt, make_job

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("cannot open /home/mara/app/x.py", "cannot open /srv/build/7/y.py"),
        ("took 31.5 s, limit 30 s", "took 44 s, limit 30 s"),
        ("at 2026-11-22T10:00:01Z it ended", "at 2025-01-02 03:04:05 it ended"),
        ("commit 9c4b4e8a1 is missing", "commit 0123abcdef is missing"),
        ("request 3f2504e0-4f89-11d3-9a0c-0305e82c3301 failed", "request 9b2d04e0-4f89-41d3-9a0c-0305e82c3302 failed"),
        ("object at 0x7f3f53b5a8d0", "object at 0x7fe7f6cb2e0"),
        ("GET http://a.example/1 refused", "GET http://b.example/22/x?y=1 refused"),
        ("\x1b[31mFAILED\x1b[0m  two\tblanks", "FAILED two blanks"),
    ],
)
def test_two_sightings_of_one_kind_have_one_signature(one: str, other: str) -> None:
    assert signature("aider", "exit_code", one) == signature("aider", "exit_code", other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("KeyError: 'name'", "KeyError: 'email'"),
        ("connection refused", "connection reset"),
        ("test_greeting failed", "test_parting failed"),
    ],
)
def test_two_kinds_have_two_signatures(one: str, other: str) -> None:
    assert signature("aider", "exit_code", one) != signature("aider", "exit_code", other)


def test_tool_and_category_are_part_of_the_kind() -> None:
    assert len({signature(tool, kind, "boom") for tool in ("aider", "codex") for kind in ("auth", "quota")}) == 4


@given(st.text(max_size=3000))
def test_normalising_never_fails_stays_short_and_is_stable(text: str) -> None:
    once = normalise(text)
    assert len(once) <= 500
    assert signature("t", "c", text) == signature("t", "c", text)


def sighting(message: str = "KeyError: 'name'") -> ErrorGroup:
    job = make_job(status=JobStatus.RUNNING)
    attempt = make_attempt(job, AttemptStatus.RUNNING)
    kind = note(attempt, Verdict(Reason.EXIT_CODE, message, "exit:1", (message,)), job)
    job.delete()
    return kind


def test_sightings_are_counted_with_their_first_and_last_time() -> None:
    first = sighting()
    second = sighting()
    assert second.pk == first.pk and second.count == 2
    assert second.first_seen_at == first.first_seen_at <= second.last_seen_at


def test_a_resolved_kind_that_is_seen_again_has_regressed() -> None:
    kind = controls.resolve_error(sighting(), by="mara")
    assert kind.state == ErrorState.RESOLVED
    kind = sighting()
    assert kind.state == ErrorState.OPEN and kind.regressed_at is not None
    assert Event.objects.filter(event_type="error.regressed").exists()


def test_a_muted_kind_speaks_up_after_so_many_more() -> None:
    kind = controls.mute_error(sighting(), by="mara", more=2)
    assert kind.muted_until_count == 3
    assert [sighting().state for _ in range(3)] == ["muted", "muted", "open"]


def test_a_kind_muted_until_a_time_stays_quiet_however_often_it_is_seen() -> None:
    controls.mute_error(sighting(), by="mara", until=timezone.now() + timedelta(hours=1))
    assert sighting().state == ErrorState.MUTED
    kind = controls.reopen_error(sighting(), by="mara")
    assert kind.state == ErrorState.OPEN and kind.muted_until is None
