"""Model instances to and from rows, without the time that a query set needs to build each statement."""

import json
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from itertools import batched
from typing import Any

from django.db import models

from jobs import db
from jobs.sql.statement import Row, stored

VALUES = 20_000  # in one statement: SQLite takes 32,766, PostgreSQL 65,535


def columns(model: type[models.Model]) -> str:
    """All columns of a model, for SELECT or RETURNING, in the order that `read` takes."""
    return ", ".join(f"{model._meta.db_table}.{field.column}" for field in model._meta.concrete_fields)


def read[Model: models.Model](model: type[Model], records: Iterable[Row]) -> list[Model]:
    """Instances from rows of `columns`."""
    alias, names = db.alias(), _names(model)
    loaders = _loaders(model)
    found = []
    for record in records:
        values = list(record)
        for position, load in loaders:
            values[position] = load(values[position])
        found.append(model.from_db(alias, names, values))
    return found


def insert(instances: Sequence[models.Model], *, conflict: str = "", returning: str = "id") -> list[Row]:
    """Insert rows without a key, and return what is asked of those that were; `conflict` is an ON CONFLICT clause."""
    if not instances:
        return []
    model = type(instances[0])
    savers = _savers(model)
    found: list[Row] = []
    with db.connection().cursor() as cursor:
        for some in batched(instances, VALUES // len(savers)):
            values = [save(vars(instance)[name]) for instance in some for name, save in savers]
            cursor.execute(_insertion(model, len(some), conflict, returning), values)
            found += cursor.fetchall() if returning else []
    return found


def insert_keyed(instances: Sequence[models.Model], unique: str) -> None:
    """Insert rows that differ in the column `unique`, and give each instance its key."""
    keys: dict[Any, int] = dict(insert(instances, returning=f"{unique}, id"))
    for instance in instances:
        instance.pk = keys[getattr(instance, unique)]
        instance._state.adding, instance._state.db = False, db.alias()


@cache
def _insertion(model: type[models.Model], count: int, conflict: str, returning: str) -> str:
    fields = [f'"{field.column}"' for field in model._meta.concrete_fields if not field.primary_key]
    row = f"({', '.join(['%s'] * len(fields))})"
    text = f"INSERT INTO {model._meta.db_table} ({', '.join(fields)}) VALUES {', '.join([row] * count)}"  # noqa: S608
    return " ".join([text, conflict, f"RETURNING {returning}" if returning else ""])


@cache
def _names(model: type[models.Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]


@cache
def _savers(model: type[models.Model]) -> list[tuple[str, Callable[[Any], Any]]]:
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    return [(field.attname, _SAVERS.get(field.get_internal_type(), _unchanged)) for field in fields]


@cache
def _loaders(model: type[models.Model]) -> list[tuple[int, Callable[[Any], Any]]]:
    """Only of the columns whose stored form is another than the instance's."""
    kinds = [field.get_internal_type() for field in model._meta.concrete_fields]
    return [(position, _LOADERS[kind]) for position, kind in enumerate(kinds) if kind in _LOADERS]


def _unchanged(value: Any) -> Any:
    return value


def to_json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


def from_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def to_time(value: Any) -> datetime | None:
    """SQLite keeps text, in UTC and without saying so."""
    at = datetime.fromisoformat(value) if isinstance(value, str) else value
    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


_SAVERS: dict[str, Callable[[Any], Any]] = {"JSONField": to_json, "DateTimeField": stored}
_LOADERS: dict[str, Callable[[Any], Any]] = {"JSONField": from_json, "DateTimeField": to_time, "BooleanField": bool}
