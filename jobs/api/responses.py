"""Responses of the API: one shape for every refusal, and their list for OpenAPI."""

from typing import Annotated, Any

from ninja import Schema
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

PROBLEM = "application/problem+json"


class ProblemItem(Schema):
    """One fault of the request: where, what was found, what is allowed instead."""

    pointer: str = Field("", description="JSON pointer into the document, or the parameter's place and name")
    message: str
    found: str = ""
    allowed: str = ""
    suggestion: str = ""
    line: int | None = None


class Problem(Schema):
    """Why a request was refused (RFC 9457)."""

    type: str = Field(examples=["urn:engine:problem:wrong_state"])
    title: str
    status: int
    detail: str = Field(examples=["Job job-17 is completed; only a job that has not ended can be cancelled."])
    code: str = Field(examples=["wrong_state"])
    request_id: str = ""
    problems: list[ProblemItem] = []
    state: str = Field("", description="the state that the thing is in, when that is the reason")


def answers(ok: Any, *refusals: int, status: int = 200, body: bool = False) -> dict[int, Any]:
    """`ok`, the refusals named, and those that every operation shares; one that reads a `body` may find it bad."""
    shared = {401, 403, 422, 429, 500, *({400, 413} if body else ())}
    return {status: ok} | dict.fromkeys(sorted(shared | set(refusals)), Problem)


class RequestBody(BaseModel):
    """What the body of a request says. Nothing is converted, nothing unknown is passed over: a near miss is a fault."""

    model_config = ConfigDict(extra="forbid", strict=True)


def some_of(*words: str) -> str:
    """The pattern of a list of some of these words, commas between."""
    one = "|".join(words)
    return f"^(({one})(,({one}))*)?$"


def _a_number(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise ValueError("use a whole number")
    return value


# For whole numbers, together with Field(strict=False): 3.0 is one in JSON, true and "3" are none.
WHOLE = BeforeValidator(_a_number)
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
Key = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9][A-Za-z0-9._:-]*$")]
RowId = Annotated[int, Field(ge=1, le=2**53)]
Wait = Annotated[float, Field(ge=0, le=60, description="seconds to wait for the end before answering")]
