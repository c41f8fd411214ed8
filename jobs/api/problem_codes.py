"""The words in `code` of a problem document, and the table of them for the OpenAPI document."""

from jobs import errors
from jobs.errors import Refused

CODES = {
    400: "bad_request",
    401: "not_authenticated",
    403: "not_allowed",
    404: "not_found",
    405: "wrong_method",
    413: "too_large",
    429: "too_many_requests",
    500: "defect",
}
MEANINGS = {
    "bad_request": (400, "The body is not JSON, or not in UTF-8."),
    "not_authenticated": (401, "No valid token or session; WWW-Authenticate names the scheme."),
    "wrong_method": (405, "The address knows other methods; Allow lists them."),
    "too_large": (413, "A request has at most 2.5 MB, a job document 1 MB."),
    "no_such_range": (416, "The log has no such bytes."),
    "invalid_request": (422, "Parameters or body break a rule; `problems` names each fault."),
    "too_many_requests": (429, "The limit for this minute is used up; Retry-After says how many seconds to wait."),
    "defect": (500, "Engine failed; its log has the reason under `request_id`."),
    "disk_full": (507, "The disk of the database is full: nothing was written. Make room and send it again."),
    "no_streams": (501, "This server holds no streams open; ask for the lines instead."),
}


def meanings() -> dict[str, tuple[int, str]]:
    """Status and meaning by code: those of the API itself, and the services' refusals."""
    refusals = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refused)]
    return {kind.code: (kind.status, _sentence(kind)) for kind in refusals if kind is not Refused} | MEANINGS


def _sentence(kind: type[Refused]) -> str:
    return " ".join(str(kind.__doc__).split())


def code_table() -> str:
    """A table in Markdown, by status."""
    rows = sorted((status, code, meaning) for code, (status, meaning) in meanings().items())
    lines = [f"| {status} | `{code}` | {meaning} |" for status, code, meaning in rows]
    return "\n".join(["| Status | Code | Meaning |", "| --- | --- | --- |", *lines])
