"""Every refusal becomes application/problem+json."""

import logging
import re
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.core.signals import got_request_exception
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, Throttled, ValidationError

from jobs.api.problem_codes import CODES
from jobs.api.responses import PROBLEM
from jobs.errors import InvalidDocument, Refused

log = logging.getLogger("engine.api")
DISK_FULL = re.compile(r"disk is full|no space left|could not extend file", re.IGNORECASE)  # SQLite, PostgreSQL


def problem(request: HttpRequest, status: int, detail: str, code: str = "", **extra: Any) -> HttpResponse:
    code = code or CODES.get(status, "refused")
    said = {
        "type": f"urn:engine:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": getattr(request, "request_id", ""),
        **{name: value for name, value in extra.items() if value},
    }
    response = JsonResponse(said, status=status, content_type=PROBLEM)
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="engine"'
    return response


def refused(request: HttpRequest, refusal: Refused) -> HttpResponse:
    problems = [item.as_dict() for item in refusal.problems] if isinstance(refusal, InvalidDocument) else []
    state = str(refusal.extra.get("state", ""))
    return problem(request, refusal.status, refusal.message, refusal.code, problems=problems, state=state)


def invalid(request: HttpRequest, error: ValidationError) -> HttpResponse:
    problems = [_item(fault) for fault in error.errors]
    count = f"{len(problems)} problems" if len(problems) > 1 else "a problem"
    return problem(
        request, 422, f"The request has {count}: {problems[0]['message']}", "invalid_request", problems=problems
    )


def _item(fault: dict[str, Any]) -> dict[str, Any]:
    place, *path = [str(step) for step in fault["loc"]]
    # Ninja puts the parameter's name before the path into a body; a pointer begins inside the body.
    steps = path[1:] if place == "body" and len(path) > 1 else path
    pointer = "".join(f"/{step}" for step in steps) if place == "body" else f"{place}:{'.'.join(path)}"
    return {
        "pointer": pointer,
        "message": f"{'.'.join(steps) or place}: {fault['msg']}",
        "found": "",
        "allowed": "",
        "suggestion": "",
        "line": None,
    }


def too_big(request: HttpRequest, _: RequestDataTooBig) -> HttpResponse:
    return problem(request, 413, "The request is larger than 2.5 MB; a job document has at most 1 MB.")


def unauthenticated(request: HttpRequest, _: AuthenticationError) -> HttpResponse:
    return problem(request, 401, "Sign in, or send a token: Authorization: Bearer eng_…")


def throttled(request: HttpRequest, error: Throttled) -> HttpResponse:
    return problem(request, 429, "Too many requests; wait for the time that Retry-After names.")


def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(request, error.status_code, str(error))


def missing(request: HttpRequest, _: Http404) -> HttpResponse:
    return problem(request, 404, "Not found.")


def unwritable(request: HttpRequest, fault: OperationalError) -> HttpResponse:
    """A full disk is the operator's to mend, and no defect; whatever else the database says is one."""
    if not DISK_FULL.search(str(fault)):
        return defect(request, fault)
    log.error("request to %s could not be written: %s", request.path, fault)
    return problem(request, 507, "The disk is full: nothing was written. Make room and send it again.", "disk_full")


def defect(request: HttpRequest, error: Exception) -> HttpResponse:
    """An unexpected error: the log has the traceback under the id in the response."""
    number = getattr(request, "request_id", "")
    log.error("request %s to %s failed", number, request.path, exc_info=error)
    got_request_exception.send(sender=None, request=request)
    return problem(request, 500, f"Engine failed to answer; its log has the reason under {number}.")


def install(api: NinjaAPI) -> None:
    handlers: dict[type[Exception], Any] = {
        Refused: refused,
        ValidationError: invalid,
        RequestDataTooBig: too_big,
        AuthenticationError: unauthenticated,
        Throttled: throttled,
        HttpError: http_error,
        Http404: missing,
        OperationalError: unwritable,
        Exception: defect,
    }
    for kind, handler in handlers.items():
        api.add_exception_handler(kind, handler)
