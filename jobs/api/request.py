"""Requests to the API, with what authentication, middleware and throttling add to them."""

from collections.abc import Mapping
from typing import cast

from django.http import HttpRequest

from jobs.access import Actor


class ApiRequest(HttpRequest):
    auth: Actor  # set by django-ninja: who the operation's authentication found
    request_id: str
    rate_headers: Mapping[str, str]


def api_request(request: HttpRequest) -> ApiRequest:
    """Django makes the request: its class is another, its attributes are these."""
    return cast(ApiRequest, request)
