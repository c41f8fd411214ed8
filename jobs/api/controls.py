"""What operators set for tools and queues alike."""

from typing import Annotated

from pydantic import Field, StringConstraints

from jobs.api.responses import WHOLE, RequestBody

Reason = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Limit = Annotated[int, Field(strict=False, ge=0, le=10_000), WHOLE]


class PauseIn(RequestBody):
    reason: Reason = ""


class LimitIn(RequestBody):
    limit: Limit | None = Field(description="jobs at once; null lifts the limit")
