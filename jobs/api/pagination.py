"""Lists: keyset pages with opaque cursors, and answers that hold only the fields asked for."""

from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from ninja import Schema
from ninja.responses import Response
from pydantic import Field, StringConstraints

from jobs.api.responses import Text
from jobs.api.shaping import shaped
from jobs.errors import InvalidDocument

# Callers hand it back as it is; the pattern keeps what is none from the database.
Cursor = Annotated[str, StringConstraints(pattern=r"^(k[1-9a-f][0-9a-f]{0,14})?$")]
_Row = TypeVar("_Row", bound=Model)


class Sparse(Schema):
    fields: Text = Field("", description="comma-separated names: the answer holds only these fields")


class PageQuery(Sparse):
    limit: int = Field(50, ge=1, le=200, description="entries on a page")
    cursor: Cursor = Field("", description="`next` of the page before")


class Page[Out: Schema](Schema):
    """`next` is the cursor of the following page, or null on the last one."""

    items: list[Out]
    next: str | None = None


def page(request: HttpRequest, rows: "QuerySet[_Row]", shape: type[Schema], query: PageQuery) -> Any:
    """One page of `rows`, newest first. The cursor names the last row seen, so that new rows move nothing."""
    if query.cursor:
        rows = rows.filter(pk__lt=_opened(query.cursor))
    found = list(rows.order_by("-pk")[: query.limit + 1])
    shown = found[: query.limit]
    cursor = _closed(shown[-1].pk) if len(found) > query.limit else None
    names = names_of(query.fields, shape)
    return Response({"items": [shaped(request, row, shape, names) for row in shown], "next": cursor})


def one(request: HttpRequest, row: Any, shape: type[Schema], fields: str = "") -> HttpResponse:
    return Response(shaped(request, row, shape, names_of(fields, shape)))


def names_of(fields: str, shape: type[Schema]) -> set[str] | None:
    """None for all. Raises InvalidDocument for one that is not there."""
    if not fields:
        return None
    names = set(fields.split(","))
    for name in sorted(names - set(shape.model_fields)):
        near = get_close_matches(name, shape.model_fields, n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(shape.model_fields)}."
        raise InvalidDocument(f"Unknown field {name}; {hint}")
    return names


def _closed(pk: int) -> str:
    return f"k{pk:x}"


def _opened(cursor: str) -> int:
    return int(cursor[1:], 16)
