"""Bounded counts, many in one query: the difference between 40,000 and 41,000 helps no reader, but it costs."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from jobs import db

CAP = 1000


def count_all(rows: Mapping[str, QuerySet[Any, Any]], cap: int = CAP) -> dict[str, int]:
    """The count of each queryset; one more than `cap` means "more than that"."""
    found = dict.fromkeys(rows, 0)
    names: list[str] = []
    parts: list[str] = []
    params: list[Any] = []
    for name, queryset in rows.items():
        try:
            sql, values = queryset.order_by().values("pk")[: cap + 1].query.sql_with_params()
        except EmptyResultSet:
            continue
        names.append(name)
        parts.append(f"(SELECT COUNT(*) FROM ({sql}) AS counted)")  # noqa: S608 - the statement is Django's own, its values stay parameters
        params += values
    if parts:
        with db.connection().cursor() as cursor:
            cursor.execute("SELECT " + ", ".join(parts), params)
            row = cursor.fetchone()
        found |= dict(zip(names, row, strict=True))
    return found


def shown(number: int, cap: int = CAP) -> str:
    return f"{cap:,}+" if number > cap else f"{number:,}"


def any_of(rows: QuerySet[Any, Any], parts: Sequence[QuerySet[Any, Any]]) -> QuerySet[Any, Any]:
    """Those of `rows` that are in any of the parts. Each part keeps its own order and limit, so each reads its index."""
    statements: list[str] = []
    params: list[Any] = []
    for part in parts:
        try:
            sql, values = part.values("pk").query.sql_with_params()
        except EmptyResultSet:
            continue
        statements.append(f"SELECT * FROM ({sql}) AS part")  # noqa: S608 - as above
        params += values
    if not statements:
        return rows.none()
    return rows.filter(pk__in=RawSQL(" UNION ALL ".join(statements), params))  # noqa: S611 - as above
