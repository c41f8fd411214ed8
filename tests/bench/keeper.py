"""Cost of an attempt in a keeper against a bare loop of subprocess: `python -m tests.bench.keeper`.

CPU is user and system time of this process, of the keeper, its guard and of the tools. Compare ratios within one run:
the figures move with the load of the host.
"""

import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from adapters.process import Keeper, Running, Spec

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}
TICKS = os.sysconf("SC_CLK_TCK")
ROUNDS = int(os.environ.get("ROUNDS", "500"))
WAITING = 200


def main() -> int:
    home = Path(tempfile.mkdtemp(prefix="engine-bench-keeper-"))
    try:
        bare = min(cpu_of_bare() for _ in range(3))
        print(f"subprocess.run(['true'])           {bare:6.2f} ms CPU", flush=True)
        for name, at_once in (("one after the other", 1), ("32 at once", 32)):
            cost = min(cpu_in_keeper(home, at_once) for _ in range(3))
            print(f"keeper, {name:<27}{cost:6.2f} ms CPU   ratio {cost / bare:4.2f}", flush=True)
        report_waiting(home)
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return 0


def cpu_of_bare() -> float:
    def loop() -> None:
        for _ in range(ROUNDS):
            subprocess.run(["true"], check=True, env=ENVIRONMENT)

    return measured(loop, lambda: 0.0)


def cpu_in_keeper(home: Path, at_once: int) -> float:
    keeper = Keeper.spawn()
    if not keeper.wait_until_ready():
        raise RuntimeError("the keeper does not come up")
    pids = (keeper.pid, keeper.guard_pid)

    def loop() -> None:
        started = 0
        while started < ROUNDS or keeper.running:
            while started < ROUNDS and len(keeper.running) < at_once:
                keeper.start(spec(home, ["true"]))
                started += 1
            keeper.wait(1)

    try:
        return measured(loop, lambda: sum(cpu_of(pid) for pid in pids))
    finally:
        keeper.close()


def measured(work: Callable[[], None], others: Callable[[], float]) -> float:
    """Milliseconds of CPU a round; `others` are processes that are not our children, with the children they reaped."""
    before = own_cpu() + others()
    work()
    return (own_cpu() + others() - before) * 1000 / ROUNDS


def own_cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def cpu_of(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, words[11:15])) / TICKS


def report_waiting(home: Path) -> None:
    keeper = Keeper.spawn()
    keeper.wait_until_ready()
    keeper.start(spec(home, ["true"]))
    while keeper.running:
        keeper.wait(1)
    idle = private_kb(keeper.pid)
    runs = [keeper.start(spec(home, ["sleep", "600"])) for _ in range(WAITING)]
    seen: set[Running] = set()
    began = time.perf_counter()
    while len(seen) < WAITING:
        seen |= {event.running for event in keeper.wait(1) if event.kind == "started"}
    took = time.perf_counter() - began
    full, cpu = private_kb(keeper.pid), cpu_of(keeper.pid)
    time.sleep(5)
    share = (cpu_of(keeper.pid) - cpu) / 5 * 100
    began = time.perf_counter()
    for running in runs:
        keeper.stop(running, 1.0)
    while keeper.running:
        keeper.wait(1)
    print(f"keeper, idle                       {idle:6.0f} kB private; guard {private_kb(keeper.guard_pid):.0f} kB")
    print(f"one of {WAITING} attempts that wait       {(full - idle) / WAITING:6.1f} kB private")
    print(f"{WAITING} attempts that wait              {share:6.2f} % of a core")
    print(f"{WAITING} started in {took:.2f} s, cancelled in {time.perf_counter() - began:.2f} s", flush=True)
    keeper.close()


def spec(home: Path, argv: list[str]) -> Spec:
    name = uuid.uuid4().hex
    return Spec(argv=argv, env=ENVIRONMENT, cwd=str(home), attempt_dir=home / name, marker=name)


def private_kb(pid: int) -> float:
    rows = [line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]]
    return float(sum(int(row[1]) for row in rows if row[0] in ("Private_Clean:", "Private_Dirty:")))


if __name__ == "__main__":
    sys.exit(main())
