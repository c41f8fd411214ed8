"""Serve the site on a socket until a signal."""

import os
import resource
import signal
import socket
import sys
from typing import NoReturn

import uvicorn
from django.utils.module_loading import import_string

from engine_site.web.bridge import Bridge
from engine_site.web.protocol import Connection

BACKLOG = 1024
MAX_AT_ONCE = 4000  # connections; one more is answered with 503
KEEP_ALIVE_S = 75  # longer than proxies keep theirs, so that none is closed while a request is on its way
STOP_S = 3  # what requests have left when a signal comes


class Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, application: Bridge) -> None:
        super().__init__(config)
        self.application = application

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.application.stop()
        await super().shutdown(sockets)


def listen(host: str, port: int) -> socket.socket:
    """Raises OSError if the address is taken or not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named: only then does asyncio switch Nagle's algorithm off, which costs 40 ms an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener


def serve(listener: socket.socket) -> NoReturn:
    """Ends the process: a thread that still answers, such as one that reads a slow disk, must not hold the end up."""
    _allow_files(MAX_AT_ONCE + 200)
    application: Bridge = import_string("engine_site.asgi.application")
    config = uvicorn.Config(
        application,
        http=Connection,
        ws="none",
        lifespan="off",
        loop="asyncio",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=STOP_S,
        limit_concurrency=MAX_AT_ONCE,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)  # uvicorn raises the signal once more when it has stopped
    Server(config, application).run(sockets=[listener])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _allow_files(wanted: int) -> None:
    """A connection is a file; the usual soft limit is 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
