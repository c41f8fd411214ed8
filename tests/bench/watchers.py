"""What watching a log costs: `WATCHERS=500 KIND=api|page|both python -m tests.bench.watchers`.

A server of its own, one running job whose log grows by RATE lines a second, and WATCHERS connections that follow it.
Prints the server's share of one core, its threads and its open handles of the database, and how late lines arrive.
"""

import asyncio
import os
import statistics
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

from adapters.process.keeper.log.writer import LogWriter
from tests.live import Live, live

WATCHERS = int(os.environ.get("WATCHERS", "500"))
RATE = int(os.environ.get("RATE", "50"))
SECONDS = float(os.environ.get("SECONDS", "10"))
SETTLE_S = float(os.environ.get("SETTLE", "5"))  # for the watchers to catch up
KIND = os.environ.get("KIND", "api")
SAMPLE = 25
TICKS = os.sysconf("SC_CLK_TCK")
STAMP = b"sent at "
MAKE_JOB = """
from django.contrib.auth.models import User
from django.test import Client
from tests.factories import make_attempt, make_job
client = Client()
client.force_login(User.objects.get())
attempt = make_attempt(make_job("running"), "running")
attempt.directory.mkdir(parents=True)
print(attempt.job.job_id, client.cookies["sessionid"].value, attempt.directory)
"""


class Seen:
    """What the watchers received. One in SAMPLE is looked at closely: the clients must not cost what they measure."""

    def __init__(self) -> None:
        self.connected = self.refused = self.pieces = self.lines = 0
        self.late: list[float] = []  # seconds

    def take(self, piece: bytes) -> None:
        now, at = time.time(), piece.find(STAMP)
        self.lines += piece.count(STAMP)
        if at >= 0:
            self.late.append(now - float(piece[at + len(STAMP) : at + len(STAMP) + 17]))


async def watch(server: Live, request: bytes, seen: Seen, sampled: bool) -> None:
    address = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            seen.refused += 1
            return
        seen.connected += 1
        while piece := await reader.read(1 << 16):
            seen.pieces += 1
            if sampled:
                seen.take(piece)
    finally:
        writer.close()


def requests_of(server: Live, job_id: str, cookie: str) -> dict[str, bytes]:
    host = urlsplit(server.url).netloc
    api = (
        f"GET /api/v1/jobs/{job_id}/log/stream HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {server.token}\r\n\r\n"
    )
    page = f"GET /-/stream/jobs/{job_id}/log?attempt=1&from=0 HTTP/1.1\r\nHost: {host}\r\nCookie: sessionid={cookie}\r\n\r\n"
    return {"api": api.encode(), "page": page.encode()}


def grow(directory: Path, stop: threading.Event) -> None:
    log = LogWriter({"attempt_dir": str(directory), "max_log_bytes": 10**9})
    number, began = 0, time.monotonic()
    while not stop.wait(max(0.0, began + number / RATE - time.monotonic())):
        number += 1
        text = f"{STAMP.decode()}{time.time():017.6f} line {number} of a tool that says what it does\n"
        log.write(text.encode(), time.monotonic())
    log.close()


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def handles(pid: int) -> int:
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):  # closed meanwhile
            found += os.readlink(f"/proc/{pid}/fd/{name}").endswith("engine.db")
    return found


async def measure(server: Live, requests: list[bytes]) -> None:
    seen = Seen()
    began = cpu_s(server.web.pid)
    tasks = [
        asyncio.create_task(watch(server, requests[n % len(requests)], seen, n % SAMPLE == 0)) for n in range(WATCHERS)
    ]
    until = time.monotonic() + 120
    while seen.connected + seen.refused < WATCHERS and time.monotonic() < until:
        await asyncio.sleep(0.1)
    joined = cpu_s(server.web.pid) - began
    await asyncio.sleep(SETTLE_S)
    seen.lines, seen.pieces, seen.late, began, at = 0, 0, [], cpu_s(server.web.pid), time.monotonic()
    await asyncio.sleep(SECONDS)
    took, used = time.monotonic() - at, cpu_s(server.web.pid) - began
    late, sampled = sorted(seen.late) or [float("nan")], len(range(0, WATCHERS, SAMPLE))
    print(
        f"{KIND}: {seen.connected} watchers ({seen.refused} refused), {seen.lines / took / sampled:.1f} lines and "
        f"{seen.pieces / took / WATCHERS:.1f} pieces a second each\n"
        f"  share of a core     {used / took:7.1%}\n"
        f"  CPU for a piece     {used / seen.pieces * 1e6:7.0f} us\n"
        f"  CPU to let one in   {joined / WATCHERS * 1000:7.1f} ms\n"
        f"  threads             {len(os.listdir(f'/proc/{server.web.pid}/task')):7}\n"
        f"  database handles    {handles(server.web.pid):7}\n"
        f"  a line comes after  {statistics.median(late) * 1000:7.0f} ms p50 {late[int(len(late) * 0.95)] * 1000:7.0f} ms p95",
        flush=True,
    )
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def main() -> None:
    with live(ENGINE_API_RATE="0") as server:
        job_id, cookie, directory = server.manage("shell", "--verbosity", "0", "-c", MAKE_JOB).split()
        stop = threading.Event()
        writer = threading.Thread(target=grow, args=(Path(directory), stop))
        writer.start()
        try:
            requests = requests_of(server, job_id, cookie)
            chosen = list(requests.values()) if KIND == "both" else [requests[KIND]]
            asyncio.run(measure(server, chosen))
        finally:
            stop.set()
            writer.join()


if __name__ == "__main__":
    main()
