"""Batches do what the reference does: the same answers and the same rows, in whatever order things happen."""

from typing import Any

from django.db import transaction
from hypothesis import given
from hypothesis.extra.django import TestCase

from tests.jobs.histories import Player, history, left


def played(steps: list[tuple[str, Any]], *, batches: bool) -> tuple[list[Any], dict[str, Any]]:
    """What was said and what is left; then all of it is undone."""
    with transaction.atomic():
        player = Player(batches)
        player.play(steps)
        found = player.said, left()
        transaction.set_rollback(True)
    return found


class Histories(TestCase):
    @given(history)
    def test_batches_leave_the_rows_that_the_reference_leaves(self, steps: list[tuple[str, Any]]) -> None:
        said, rows = played(steps, batches=False)
        said_by_batches, rows_of_batches = played(steps, batches=True)
        assert said_by_batches == said
        for table, expected in rows.items():
            assert rows_of_batches[table] == expected, table
