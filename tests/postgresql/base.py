"""The module that Django loads when ENGINE is `tests.postgresql`."""

from collections.abc import Sequence
from typing import Any

from django.core.management.color import Style
from django.db.backends.postgresql.base import DatabaseWrapper as PostgreSQL
from django.db.backends.postgresql.operations import DatabaseOperations as Operations


class DatabaseOperations(Operations):
    def sql_flush(
        self, style: Style, tables: Sequence[str], *, reset_sequences: bool = False, allow_cascade: bool = False
    ) -> list[str]:
        """DELETE instead of TRUNCATE: TRUNCATE gives every table and index a new file, however few rows there are.

        Foreign keys are checked at the commit, so the order does not matter.
        """
        if reset_sequences or allow_cascade:
            return super().sql_flush(style, tables, reset_sequences=reset_sequences, allow_cascade=allow_cascade)
        return [f"DELETE FROM {self.quote_name(table)}" for table in tables]


class DatabaseWrapper(PostgreSQL):
    ops_class: Any = DatabaseOperations
