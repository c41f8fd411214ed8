"""The web server as users and proxies meet it, over real connections."""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse

import pytest

from engine_site.web.server import listen
from tests.factories_plain import document
from tests.live import ROOT, Live, live

pytestmark = [pytest.mark.slow]
SHORT = """
from engine_site.cli import main
from engine_site.web import body, protocol
protocol.HEAD_S = body.BODY_S = 0.5
main()
"""


@pytest.fixture(scope="module")
def site() -> Iterator[Live]:
    with live(ENGINE_ALLOW_SHELL="1", ENGINE_EXECUTABLES="*") as found:
        yield found


@contextmanager
def connected(site: Live) -> Iterator[HTTPConnection]:
    with closing(HTTPConnection("127.0.0.1", port_of(site), timeout=20)) as connection:
        yield connection


def port_of(site: Live) -> int:
    return int(site.url.rpartition(":")[2])


def ask(connection: HTTPConnection, site: Live, method: str, path: str, body: str = "") -> HTTPResponse:
    connection.request(method, path, body or None, {"Authorization": f"Bearer {site.token}"})
    return connection.getresponse()


def submit(site: Live, job_id: str) -> HTTPResponse:
    with connected(site) as connection:
        job = document(site.repository, job_id, ["-c", "pass"])
        answer = ask(connection, site, "POST", "/api/v1/jobs", json.dumps(job))
        answer.read()
        return answer


def test_a_connection_serves_many_requests(site: Live) -> None:
    with connected(site) as connection:
        for _ in range(3):
            assert ask(connection, site, "GET", "/api/v1/jobs").read().startswith(b'{"items"')
        first = connection.sock
        ask(connection, site, "HEAD", "/login").read()
        assert connection.sock is first


@pytest.mark.parametrize("path", ["/login", "/api/v1/jobs"])
@pytest.mark.parametrize("length", [b"Content-Length: 200000000", b"Transfer-Encoding: chunked"])
def test_a_huge_body_is_refused_while_it_comes_whoever_sends_it(site: Live, path: str, length: bytes) -> None:
    kind = "application/problem+json" if path.startswith("/api/") else "text/plain"
    with socket.create_connection(("127.0.0.1", port_of(site)), timeout=10) as client:
        client.sendall(b"POST %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n" % (path.encode(), length))
        if b"chunked" in length:
            client.sendall(b"2dc6c0\r\n" + b"x" * 3_000_000)
        answer = HTTPResponse(client)
        answer.begin()
        assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (413, kind)


def test_who_sends_a_huge_body_without_looking_is_told_at_the_end(site: Live) -> None:
    with connected(site) as connection:
        connection.request("POST", "/login", b"x" * 20_000_000)
        assert connection.getresponse().status == 413


def test_a_head_that_does_not_end_and_a_body_that_does_not_come_are_given_up() -> None:
    with live(code=SHORT) as site:
        for said in (
            b"",
            b"GET /login HTTP/1.1\r\nHost: localhost\r\nX-",
            b"POST /login HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\nuser",
        ):
            with socket.create_connection(("127.0.0.1", port_of(site)), timeout=10) as half:
                half.sendall(said)
                while half.recv(4096):
                    pass
        with connected(site) as connection:
            ask(connection, site, "GET", "/healthz").read()
            assert connection.sock is not None
            connection.sock.sendall(b"GET /lo")
            assert not connection.sock.recv(1)


def test_a_head_without_bounds_is_cut_off(site: Live) -> None:
    with socket.create_connection(("127.0.0.1", port_of(site)), timeout=10) as greedy:
        greedy.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        with pytest.raises(OSError):
            for number in range(1000):
                greedy.sendall(b"X-%d: %s\r\n" % (number, b"x" * 8000))
                time.sleep(0.001)


def test_reading_goes_on_while_writers_wait_for_a_locked_database(site: Live) -> None:
    with closing(sqlite3.connect(site.data / "engine.db", isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        writers = [threading.Thread(target=submit, args=(site, f"locked-{number}")) for number in range(12)]
        for writer in writers:
            writer.start()
        time.sleep(0.5)
        with connected(site) as connection:
            assert ask(connection, site, "GET", "/api/v1/jobs").status == 200
        database.execute("ROLLBACK")
        for writer in writers:
            writer.join(30)
    assert submit(site, "after").status == 201


def test_many_may_wait_for_jobs_and_hold_nobody_up(site: Live) -> None:
    submit(site, "waited-for")

    def wait() -> None:
        with connected(site) as connection:
            ask(connection, site, "GET", "/api/v1/jobs/waited-for?wait=2").read()

    began = time.monotonic()
    waiters = [threading.Thread(target=wait) for _ in range(30)]
    for waiter in waiters:
        waiter.start()
    with connected(site) as connection:
        assert ask(connection, site, "GET", "/api/v1/jobs/waited-for").status == 200
        assert time.monotonic() - began < 2
    for waiter in waiters:
        waiter.join(20)
    assert time.monotonic() - began < 10


def test_a_stream_ends_at_once_when_the_server_is_told_to_stop() -> None:
    with live(ENGINE_ALLOW_SHELL="1", ENGINE_EXECUTABLES="*") as site, connected(site) as connection:
        answer = ask(connection, site, "GET", "/api/v1/events/stream?after=0")
        assert answer.status == 200
        answer.readline()
        began = time.monotonic()
        site.web.send_signal(signal.SIGTERM)
        answer.read()
        assert site.web.wait(10) == 0
        assert time.monotonic() - began < 2


def test_answers_are_not_held_back_for_more_to_come() -> None:
    with closing(listen("127.0.0.1", 0)) as listener:
        assert listener.proto == socket.IPPROTO_TCP


def test_a_port_that_is_taken_is_a_sentence(site: Live) -> None:
    words = ["-c", "from engine_site.cli import main; main()", "web", "--port", str(port_of(site))]
    done = subprocess.run([sys.executable, *words], cwd=ROOT, env=site.env, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "cannot be used: Address already in use" in done.stderr
    assert "Traceback" not in done.stderr
