"""Points in time as a request gives them: with a zone, and within the years that databases agree on."""

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field
from pydantic_core import PydanticCustomError

DATE = re.compile(r"\d{4}-\d\d-\d\d[Tt]")


def _within_reach(moment: datetime) -> datetime:
    """Databases and time zones differ at the ends of the calendar; to a filter everything out there is the same."""
    if moment.year < 1971:
        return datetime(1971, 1, 1, tzinfo=UTC)
    return datetime(2199, 12, 31, tzinfo=UTC) if moment.year > 2199 else moment


def _written_out(value: Any) -> Any:
    if isinstance(value, str | int | float) and not DATE.match(str(value)):
        raise PydanticCustomError("moment", "write it as 2026-01-31T12:00:00Z")
    return value


Moment = Annotated[AwareDatetime, Field(strict=False), AfterValidator(_within_reach), BeforeValidator(_written_out)]
