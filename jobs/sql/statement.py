"""Run one statement, with parameters by name. A list stands for its members, a list of tuples for rows in brackets."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

from jobs import db

NAME = re.compile(r"%\((\w+)\)s")
Row = tuple[Any, ...]


def rows(text: str, **parameters: Any) -> list[Row]:
    """The rows that the statement selects or returns."""
    with db.connection().cursor() as cursor:
        cursor.execute(*_prepared(text, parameters))
        found: list[Row] = cursor.fetchall()
        return found


def change(text: str, **parameters: Any) -> int:
    """How many rows it changed."""
    with db.connection().cursor() as cursor:
        cursor.execute(*_prepared(text, parameters))
        return int(cursor.rowcount)


def change_each(text: str, each: Sequence[Mapping[str, Any]]) -> int:
    """The statement once for each set of parameters, in one call; how many rows it changed in all."""
    with db.connection().cursor() as cursor:
        cursor.executemany(text, [{name: stored(value) for name, value in one.items()} for one in each])
        return int(cursor.rowcount)


def stored(value: Any) -> Any:
    """A time as the database stores it; anything else as it is."""
    return db.connection().ops.adapt_datetimefield_value(value) if isinstance(value, datetime) else value


def _prepared(text: str, parameters: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    values: dict[str, Any] = {}
    widths = []
    for name, value in parameters.items():
        if not isinstance(value, list):
            values[name] = stored(value)
            continue
        width = len(value[0]) if isinstance(value[0], tuple) else 0
        widths.append((name, len(value), width))
        members = (member for row in value for member in row) if width else value
        values |= {f"{name}_{number}": stored(member) for number, member in enumerate(members)}
    return _spread(text, tuple(widths), db.connection().vendor), values


@lru_cache(maxsize=1024)
def _spread(text: str, widths: tuple[tuple[str, int, int], ...], vendor: str) -> str:
    """The text with a name for each member of each list."""
    lists = {name: _names(name, length, width) for name, length, width in widths}
    text = NAME.sub(lambda found: lists.get(found[1], found[0]), text)
    return text if vendor == "postgresql" else text.replace("FOR UPDATE", "")


def _names(name: str, length: int, width: int) -> str:
    if not width:
        return ", ".join(f"%({name}_{number})s" for number in range(length))
    members = [", ".join(f"%({name}_{row * width + column})s" for column in range(width)) for row in range(length)]
    return ", ".join(f"({row})" for row in members)
