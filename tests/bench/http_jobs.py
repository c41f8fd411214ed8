"""Single submits over HTTP, run and recorded, per second; and the time of an idle submit to the tool's first instruction."""

import random
import threading
import time
from collections.abc import Iterator
from typing import Any

from tests.bench.figures import Figure, figure, percentile
from tests.bench.processes import cpu_s
from tests.bench.scratch import DATABASES, Bench
from tests.bench.servers import Unavailable
from tests.bench.site import Client, Site, engine_up

CLIENTS = 4
PATIENCE_S = 120


def measure(bench: Bench) -> Iterator[Figure]:
    for kind in DATABASES:
        end = "" if kind == "SQLite" else "_postgresql"
        try:
            with bench.installation(kind) as made, engine_up(made) as site:
                api = site.api()
                for number in range(20):  # what is imported, opened and planned once
                    wait_until_done(api, submitted(site, api, number))
                starts = _starts(site, api, bench.pick(60, 15))
                bursts = [_burst(site, api, bench.pick(600, 150), turn) for turn in range(bench.pick(3, 1))]
        except Unavailable as why:
            starts, bursts, note = [], [], str(why)
        else:
            note = ""
        percentiles = [percentile(starts, share) for share in (50, 95)] if starts else []
        for share, values in zip((50, 95), ([one] for one in percentiles) if percentiles else ([], []), strict=True):
            title = f"Idle submit over HTTP to first instruction, p{share}, {kind}"
            yield figure(f"start_p{share}_ms{end}", title, "ms", *values, note=note or f"{len(starts)} submits")
        title = f"Single submits over HTTP, {CLIENTS} clients, run and recorded, {kind}"
        yield figure(f"http_jobs_s{end}", title, "jobs/s", *(rate for rate, _ in bursts), note=note)
        yield figure(
            f"http_cpu_ms{end}", f"The same, CPU of Engine, {kind}", "ms/job", *(used for _, used in bursts), note=note
        )


def submitted(site: Site, api: Client, number: int, exe: str = "true", *args: str) -> str:
    api.submit(site.installation.body(number, exe, *args))
    return f"bench-{number:07}"


def wait_until_done(api: Client, job_id: str) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    while (job := api.get_json(f"/api/v1/jobs/{job_id}"))["finished_at"] is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{job_id} is still {job['status']}")
        time.sleep(0.02)
    assert job["status"] == "completed", job["summary"]
    found: dict[str, Any] = job
    return found


def _starts(site: Site, api: Client, rounds: int) -> list[float]:
    """Milliseconds from before the request to the clock that the tool, `date`, reads first."""
    found = []
    for number in range(100, 100 + rounds):
        time.sleep(random.uniform(0.05, 0.3))
        began = time.time()
        job_id = submitted(site, api, number, "date", "+%s.%N")
        wait_until_done(api, job_id)
        found.append((float(api.get(f"/api/v1/jobs/{job_id}/log")) - began) * 1000)
    return found


def _burst(site: Site, api: Client, count: int, turn: int) -> tuple[float, float]:
    """Jobs a second, and CPU milliseconds of Engine for each."""
    first = 10_000 * (turn + 1)
    bodies = [site.installation.body(first + number) for number in range(count)]

    def submit(client: Client, mine: list[bytes]) -> None:
        for body in mine:
            client.submit(body)

    used, began = cpu_s(site.pids), time.monotonic()
    threads = [
        threading.Thread(target=submit, args=(site.client(**api.headers), bodies[n::CLIENTS])) for n in range(CLIENTS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _wait_until_none_is_left(api)
    return count / (time.monotonic() - began), (cpu_s(site.pids) - used) * 1000 / count


def _wait_until_none_is_left(api: Client) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while api.get_json("/api/v1/jobs?status=active&limit=1")["items"]:
        if time.monotonic() > deadline:
            raise TimeoutError("jobs are still active")
        time.sleep(0.02)
