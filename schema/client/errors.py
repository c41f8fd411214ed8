"""Exceptions of the client: what the server refused, and a server that cannot be reached."""

from __future__ import annotations

from typing import Any

# The exit codes of the `engine` command (sysexits.h), so that scripts and people see the same.
EXIT_CODES = {400: 65, 413: 65, 422: 65, 404: 66, 401: 77, 403: 77, 429: 75}


class EngineError(Exception):
    """A refusal: `code` names it, `status` is the HTTP status, `problems` are those of a job document."""

    def __init__(
        self, status: int, code: str, detail: str, problems: list[dict[str, Any]] | None = None, request_id: str = ""
    ) -> None:
        super().__init__(detail)
        self.status, self.code, self.detail, self.request_id = status, code, detail, request_id
        self.problems = problems or []

    @property
    def exit_code(self) -> int:
        return EXIT_CODES.get(self.status, 69 if self.status >= 500 else 1)


class Unavailable(EngineError):
    """No server at the address, or one that is not Engine."""

    def __init__(self, detail: str) -> None:
        super().__init__(0, "unavailable", detail)

    @property
    def exit_code(self) -> int:
        return 69
