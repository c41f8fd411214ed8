"""Starting `engine up`, and what it costs while nothing happens."""

import time
from collections.abc import Iterator

from tests.bench.figures import Figure, figure
from tests.bench.processes import cpu_s, name_of, private_mb, pss_mb
from tests.bench.scratch import Bench
from tests.bench.site import Site, engine_up

CALM_S = 4  # what a start leaves to do


def measure(bench: Bench) -> Iterator[Figure]:
    with bench.installation() as made:
        with engine_up(made) as first:
            wall, cpu = first.started
            yield figure("first_start_s", "First start of `engine up`", "s", wall)
            yield figure("first_start_cpu", "The same, CPU", "s", cpu)
        walls, cpus = [], []
        for _ in range(bench.pick(3, 1)):
            with engine_up(made) as again:
                walls.append(again.started[0])
                cpus.append(again.started[1])
        yield figure("restart_s", "Start on an unchanged tree", "s", *walls)
        yield figure("restart_cpu", "The same, CPU", "s", *cpus)
        with engine_up(made) as site:
            time.sleep(CALM_S)
            yield from _at_rest(site, bench.pick(20, 5))


def _at_rest(site: Site, seconds: int) -> Iterator[Figure]:
    pids = site.pids
    used = cpu_s(pids, reaped=False)
    time.sleep(seconds)
    share = (cpu_s(pids, reaped=False) - used) / seconds * 100
    told = ", ".join(f"{name_of(pid)} {pss_mb([pid]):.0f}" for pid in pids)
    yield figure("idle_mb", "Idle system: memory", "MB PSS", pss_mb(pids), note=told)
    yield figure("idle_private_mb", "Idle system: private memory", "MB USS", private_mb(pids))
    yield figure("idle_cpu", "Idle system: CPU", "% of a core", share)
