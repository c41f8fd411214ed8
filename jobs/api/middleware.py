"""What surrounds every answer under /api/: a request id, an ETag, the rate left, and problems in one format."""

import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, set_response_etag
from django.utils.decorators import sync_and_async_middleware

from jobs.api.errors import problem
from jobs.api.request import api_request
from jobs.api.responses import PROBLEM

ROOT = "/api/"
GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
SENTENCES = {
    404: "No operation has this address; /api/v1/openapi.json lists them.",
    405: "This address does not take this method.",
}


@sync_and_async_middleware
def middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    if iscoroutinefunction(get_response):

        async def there(request: HttpRequest) -> HttpResponseBase:
            if not request.path_info.startswith(ROOT):
                answer: Awaitable[HttpResponseBase] = get_response(request)
                return await answer
            _begin(request)
            return _finish(request, await get_response(request))

        return there

    def here(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(ROOT):
            plain: HttpResponseBase = get_response(request)
            return plain
        _begin(request)
        return _finish(request, get_response(request))

    return here


def _begin(request: HttpRequest) -> None:
    given = request.headers.get("X-Request-ID", "")
    api_request(request).request_id = given if GIVEN_ID.fullmatch(given) else secrets.token_hex(8)


def _finish(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    kind = response.get("Content-Type", "")
    if response.status_code >= 400 and not kind.startswith(PROBLEM):
        # Django's own refusals: unknown address, wrong method, a host that is not ours.
        sentence = SENTENCES.get(response.status_code, "Engine does not take this request as it is.")
        allowed = response.get("Allow")
        response = problem(request, response.status_code, sentence)
        if allowed:
            response["Allow"] = allowed
    elif request.method in ("GET", "HEAD") and isinstance(response, HttpResponse) and response.status_code == 200:
        if not response.has_header("ETag"):
            set_response_etag(response)
        response["Cache-Control"] = "private, no-cache"
        response = get_conditional_response(request, etag=response["ETag"], response=response) or response
    response["X-Request-ID"] = getattr(request, "request_id", "")
    for name, value in getattr(request, "rate_headers", {}).items():
        response[name] = value
    return response
