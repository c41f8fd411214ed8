"""`engine up`: database, web and cluster in one command, ended together by one Ctrl-C."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from types import FrameType

from django.conf import settings
from django.core.management import call_command

from jobs.queue.robust import bind_to_parent

START_S = 30.0


class Failed(Exception):
    """It could not start, or a part of it died; the message says which and why."""


def up(host: str, port: int, on_ready: Callable[[str], None], say: Callable[[str], None] = print) -> None:
    """Run until a signal. Raises Failed."""
    if _answers(host, port):
        raise Failed(f"Port {port} on {host} is in use. Choose another one with PORT or --port.")
    say("Preparing the database ...")
    call_command("migrate", verbosity=0, interactive=False)
    call_command("collectstatic", verbosity=0, interactive=False)
    site = Site(host, port)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, site.on_signal)
    site.start()
    try:
        if site.wait_until_ready():
            on_ready(f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{port}/")  # noqa: S104
            site.watch()
    finally:
        say(
            f"Stopping; running jobs get {settings.ENGINE_STOP_GRACE_S:g} s to finish. Ctrl-C again hands them back at once."
        )
        site.stop()


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1" if host == "0.0.0.0" else host, port)) == 0  # noqa: S104


class Site:
    """The two children, in process groups of their own so that Ctrl-C reaches only us."""

    def __init__(self, host: str, port: int) -> None:
        self.host, self.port = host, port
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self._signals = 0

    def on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:  # the person is in a hurry: hand the second signal on
            for child in self.children.values():
                child.send_signal(signal.SIGTERM)

    def start(self) -> None:
        self._spawn("cluster", ["-m", "django", "cluster"])
        self._spawn(
            "web",
            [
                "-m",
                "uvicorn",
                "engine_site.asgi:application",
                "--host",
                self.host,
                "--port",
                str(self.port),
                "--lifespan",
                "off",
                "--log-level",
                "warning",
                "--no-server-header",
                "--timeout-graceful-shutdown",
                "3",
            ],
        )

    def _spawn(self, name: str, arguments: Sequence[str]) -> None:
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": settings.SETTINGS_MODULE}
        environment["PYTHONPATH"] = os.pathsep.join(
            [str(settings.BASE_DIR), *filter(None, [os.environ.get("PYTHONPATH")])]
        )
        self.children[name] = subprocess.Popen(
            [sys.executable, *arguments],
            env=environment,
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=bind_to_parent,
        )

    def wait_until_ready(self) -> bool:
        deadline = time.monotonic() + START_S
        while not self._signals and not _answers(self.host, self.port):
            self._refuse_dead()
            if time.monotonic() > deadline:
                raise Failed(f"The web server did not answer on port {self.port} within {START_S:.0f} s.")
            time.sleep(0.1)
        return not self._signals

    def watch(self) -> None:
        while not self._signals:
            self._refuse_dead()
            time.sleep(0.2)

    def _refuse_dead(self) -> None:
        for name, child in self.children.items():
            code = child.poll()
            if code is not None:
                raise Failed(f"The {name} ended by itself with exit code {code}; the lines above say why.")

    def stop(self) -> None:
        """Web first, so that nobody submits to a cluster that goes away; both within their bounds."""
        bound = settings.ENGINE_STOP_GRACE_S + settings.ENGINE_CANCEL_GRACE_S + 20
        for name in ("web", "cluster"):
            child = self.children.get(name)
            if child is None or child.poll() is not None:
                continue
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(timeout=bound if name == "cluster" else 6)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
