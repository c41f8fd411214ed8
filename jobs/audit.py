"""Audit: which caller is behind the code that runs now. Every event that is written records it."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Any

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware


@dataclass(frozen=True)
class Caller:
    """`via` is page, api, admin, or the token or command that asked; empty for Engine itself."""

    via: str = ""
    address: str | None = None


ENGINE_ITSELF = Caller()
_caller: ContextVar[Caller] = ContextVar("engine_caller", default=ENGINE_ITSELF)


def current() -> Caller:
    return _caller.get()


@contextmanager
def acting(via: str, address: str | None = None) -> Iterator[None]:
    mark = _caller.set(Caller(via, address))
    try:
        yield
    finally:
        _caller.reset(mark)


def set_via(via: str) -> None:
    """Record by which interface the current request came, once its token is known."""
    _caller.set(replace(_caller.get(), via=via[:40]))


def address_of(request: HttpRequest) -> str | None:
    """The peer's address; behind a proxy the server resolves it before it gets here. None for a unix socket."""
    try:
        return str(ip_address(request.META.get("REMOTE_ADDR", "")))
    except ValueError:
        return None


def interface_of(request: HttpRequest) -> str:
    first = request.path_info.split("/")[1]
    return first if first in ("api", "admin") else "page"


@sync_and_async_middleware
def middleware(get_response: Callable[[HttpRequest], Any]) -> Callable[[HttpRequest], Any]:
    """Let every event that a request causes know where it came from."""
    if iscoroutinefunction(get_response):

        async def there(request: HttpRequest) -> HttpResponseBase:
            with acting(interface_of(request), address_of(request)):
                answer: Awaitable[HttpResponseBase] = get_response(request)
                return await answer

        return there

    def here(request: HttpRequest) -> HttpResponseBase:
        with acting(interface_of(request), address_of(request)):
            response: HttpResponseBase = get_response(request)
            return response

    return here
