"""`engine up`: database, web and cluster in one command, ended together by one Ctrl-C."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException
from importlib import import_module
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from types import FrameType

from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connections

from engine_site import children, static_files
from engine_site.web.server import STOP_S, listen, serve
from jobs.queue.restart import RESTART, run_again

START_S = 30.0
# What the web process needs anyway: imported once, while the database is being prepared.
PRELOADED = ("engine_site.urls", "engine_site.web.bridge", "jobs.management.commands.cluster")


class Failed(Exception):
    """It could not start, or a part of it died; the message says which and why."""


def up(host: str, port: int, on_ready: Callable[[str], None], say: Callable[[str], None] = print) -> None:
    """Run until a signal. Raises Failed."""
    listener = open_port(host, port)
    say("Preparing the database ...")
    site = Site(listener)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, site.on_signal)
    signal.signal(RESTART, site.on_restart)
    try:
        site.start()
        if site.wait_until_ready():
            on_ready(f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}/")  # noqa: S104
            site.watch()
    finally:
        if site.children and not site.restarts:
            say(
                f"Stopping; running jobs get {settings.ENGINE_STOP_GRACE_S:g} s to finish. "
                "Ctrl-C again hands them back at once."
            )
        site.stop()
    if site.restarts:
        run_again()


def open_port(host: str, port: int) -> socket.socket:
    try:
        return listen(host, port)
    except OSError as fault:
        raise Failed(
            f"Port {port} on {host} cannot be used: {fault.strerror or fault}. Choose another one with PORT or --port."
        ) from None


def prepare() -> None:
    """In a process of its own, which takes the memory that this needs away with it."""
    try:
        call_command("migrate", verbosity=0, interactive=False)
    except (DatabaseError, CommandError) as fault:
        print(f"The database cannot be prepared: {fault}", file=sys.stderr)
        sys.exit(1)
    static_files.collect()


class Site:
    """The children, and what happens to them together."""

    def __init__(self, listener: socket.socket) -> None:
        self.listener = listener
        self.children: dict[str, BaseProcess] = {}
        self._preparing: BaseProcess | None = None
        self._signals = 0
        self.restarts = False  # it was told to start again with the code as it is now; tools run on meanwhile
        self._woken, self._wake = os.pipe()

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        self.restarts = False
        os.write(self._wake, b".")
        if self._preparing is not None:
            self._preparing.terminate()
        if self._signals > 1:  # the person is in a hurry: hand the second signal on
            for child in self.children.values():
                child.terminate()

    def on_restart(self, number: int, frame: FrameType | None) -> None:
        """Before it is ready there is nothing to hold, and the newest code is what it runs."""
        if "web" in self.children and not self._signals:
            self.restarts = True
            os.write(self._wake, b".")

    def start(self) -> None:
        self._prepare()
        if self._signals:
            return
        children.share_memory()
        self.children["cluster"] = children.start("cluster", self._run_cluster)
        self.children["web"] = children.start("web", serve, self.listener)

    def _prepare(self) -> None:
        self._preparing = children.start("prepare", prepare)
        for module in PRELOADED:
            import_module(module)
        self._preparing.join()
        failed = self._preparing.exitcode and not self._signals
        self._preparing = None
        if failed:
            raise Failed("The site could not be prepared; the lines above say why.")

    def _run_cluster(self) -> None:
        self.listener.close()
        call_command("cluster", runs_again=False)

    def wait_until_ready(self) -> bool:
        """Whether it answers; not if a signal came first."""
        deadline = time.monotonic() + START_S
        host, port = self.listener.getsockname()[:2]
        while not self._signals and not _answers(host, port):
            self._refuse_dead()
            if time.monotonic() > deadline:
                raise Failed(f"The web server did not answer on port {port} within {START_S:.0f} s.")
            time.sleep(0.05)
        return not self._signals

    def watch(self) -> None:
        connections.close_all()
        while not self._signals and not self.restarts:
            self._refuse_dead()
            wait([self._woken, *(child.sentinel for child in self.children.values())])

    def _refuse_dead(self) -> None:
        for name, child in self.children.items():
            if child.exitcode is not None:
                raise Failed(f"The {name} ended by itself with exit code {child.exitcode}; the lines above say why.")

    def stop(self) -> None:
        """Web first, so that nobody submits to a cluster that goes away; both within their bounds."""
        self.listener.close()
        for name, seconds in (
            ("web", STOP_S + 3),
            ("cluster", settings.ENGINE_STOP_GRACE_S + settings.ENGINE_CANCEL_GRACE_S + 20),
        ):
            child = self.children.get(name)
            if child is None or child.exitcode is not None:
                continue
            if self.restarts and name == "cluster" and child.pid:
                os.kill(child.pid, RESTART)
            else:
                child.terminate()
            child.join(seconds)
            if child.exitcode is None:
                child.kill()
                child.join()


def _answers(host: str, port: int) -> bool:
    """Whether a request is answered: that the port is open says nothing, we hold it ourselves."""
    connection = HTTPConnection({"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host), port, timeout=2)  # noqa: S104
    try:
        connection.request("GET", "/healthz", headers={"Host": "localhost"})
        return connection.getresponse().status == HTTPStatus.OK
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()
