"""Watchers of one log: the web process's CPU with many connections that follow a log of 50 lines a second."""

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from adapters.process.keeper.log.writer import LogWriter
from tests.bench.figures import Figure, figure, percentile
from tests.bench.processes import cpu_s
from tests.bench.scratch import Bench
from tests.bench.site import Site, engine_up

LINES_S = 50
SAMPLE = 25  # one in so many is looked at closely: the clients must not cost what they measure
SETTLE_S = 4  # for the watchers to catch up
STAMP = b"sent at "
MAKE_JOB = """
from tests.factories import make_attempt, make_job
attempt = make_attempt(make_job("running"), "running")
attempt.directory.mkdir(parents=True)
print(attempt.job.job_id, attempt.directory)
"""


class Seen:
    """What the watchers received."""

    def __init__(self) -> None:
        self.connected = self.refused = 0
        self.late: list[float] = []  # seconds

    def take(self, piece: bytes) -> None:
        now, at = time.time(), piece.find(STAMP)
        if at >= 0:
            self.late.append(now - float(piece[at + len(STAMP) : at + len(STAMP) + 17]))


def measure(bench: Bench) -> Iterator[Figure]:
    with bench.installation() as made, engine_up(made) as site:
        token = site.api().headers["Authorization"]
        job_id, directory = made.run("manage.py", "shell", "--verbosity", "0", "-c", MAKE_JOB).split()
        request = f"GET /api/v1/jobs/{job_id}/log/stream HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nAuthorization: {token}\r\n\r\n"
        stop = threading.Event()
        writer = threading.Thread(target=_grow, args=(Path(directory), stop))
        writer.start()
        try:
            for count in (50, 200, 500):
                share, late = asyncio.run(_watch(site, request.encode(), count, bench.pick(10, 4)))
                yield figure(f"watchers_{count}", f"CPU of the web process with {count} watchers", "% of a core", share)
            told = "from the CPU at 500, in proportion"
            yield figure("watchers_half_core", "Watchers that half a core serves", "", 500 * 50 / share, note=told)
            title = "A line reaches 500 watchers after, p95"
            yield figure("watchers_late_ms", title, "ms", percentile(late, 95) * 1000)
        finally:
            stop.set()
            writer.join()


def _grow(directory: Path, stop: threading.Event) -> None:
    log = LogWriter({"attempt_dir": str(directory), "max_log_bytes": 10**9})
    number, began = 0, time.monotonic()
    while not stop.wait(max(0.0, began + number / LINES_S - time.monotonic())):
        number += 1
        text = f"{STAMP.decode()}{time.time():017.6f} line {number} of a tool that says what it does\n"
        log.write(text.encode(), time.monotonic())
    log.close()


async def _watch(site: Site, request: bytes, count: int, seconds: int) -> tuple[float, list[float]]:
    """Percent of a core, and by how much the sampled lines were late."""
    seen, web = Seen(), site.web
    tasks = [asyncio.create_task(_follow(site.port, request, seen, n % SAMPLE == 0)) for n in range(count)]
    until = time.monotonic() + 60
    while seen.connected + seen.refused < count and time.monotonic() < until:
        await asyncio.sleep(0.1)
    if seen.connected < count:
        raise RuntimeError(f"only {seen.connected} of {count} watchers were let in")
    await asyncio.sleep(SETTLE_S)
    seen.late.clear()
    used, began = cpu_s([web]), time.monotonic()
    await asyncio.sleep(seconds)
    share = (cpu_s([web]) - used) / (time.monotonic() - began) * 100
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return share, seen.late


async def _follow(port: int, request: bytes, seen: Seen, sampled: bool) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            seen.refused += 1
            return
        seen.connected += 1
        while piece := await reader.read(1 << 16):
            if sampled:
                seen.take(piece)
    finally:
        writer.close()
