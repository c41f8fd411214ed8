"""Jobs that only wait: 200 at once, how soon all have started, and what each costs in memory and CPU."""

import time
from collections.abc import Iterator

from tests.bench.figures import Figure, figure
from tests.bench.processes import cpu_s, name_of, private_mb, pss_mb, tree
from tests.bench.scratch import Bench
from tests.bench.site import Site, engine_up

AT_ONCE = 200
PATIENCE_S = 120


def measure(bench: Bench) -> Iterator[Figure]:
    count = bench.pick(AT_ONCE, AT_ONCE)
    with bench.installation(ENGINE_SLOTS=str(count)) as made, engine_up(made) as site:
        api = site.api()
        api.submit(made.body(0))  # the runner and its keepers are there before the clock starts
        time.sleep(2)
        before = _memory(site)
        began = time.monotonic()
        jobs = ", ".join(made.body(number, "sleep", "600").decode() for number in range(1, count + 1))
        api.submit(f"[{jobs}]".encode())
        started = _seconds_until_started(site, count, began)
        time.sleep(3)  # what starting has left to do
        after, seconds = _memory(site), bench.pick(10, 4)
        used = cpu_s(_engine(site), reaped=False)
        time.sleep(seconds)
        share = (cpu_s(_engine(site), reaped=False) - used) / seconds * 100
    private, shared = ((now - then) / count for now, then in zip(after, before, strict=True))
    yield figure("waiting_started_s", f"{count} jobs at once: all have started after", "s", started)
    yield figure("mb_per_waiting", "Private memory for each waiting job, of Engine", "MB", private)
    yield figure("pss_mb_per_waiting", "The same as PSS", "MB", shared)
    yield figure("cpu_waiting", f"CPU of Engine while {count} jobs wait", "% of a core", share)
    yield figure("cpu_per_waiting", "CPU for each waiting job", "% of a core", share / count)


def _engine(site: Site) -> list[int]:
    """All processes but the tools."""
    return [pid for pid in site.pids if name_of(pid) != "sleep"]


def _memory(site: Site) -> tuple[float, float]:
    pids = _engine(site)
    return private_mb(pids), pss_mb(pids)


def _seconds_until_started(site: Site, count: int, began: float) -> float:
    while sum(name_of(pid) == "sleep" for pid in tree(site.pid)) < count:
        if time.monotonic() - began > PATIENCE_S:
            raise TimeoutError(f"not all of {count} jobs have started after {PATIENCE_S} s")
        time.sleep(0.05)
    return time.monotonic() - began
