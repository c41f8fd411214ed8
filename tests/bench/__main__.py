"""Run the benchmark: `python -m tests.bench [--quick] [TOPIC ...]`; docs/benchmarks.md tells the method.

Ends with 1 if a topic failed. A figure that cannot be measured here is `none`, and the run goes on.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.bench import growth, http_jobs, idle, logpath, machine, requests, servers, throughput, waiting, watchers
from tests.bench.document import update
from tests.bench.figures import Figure
from tests.bench.picture import draw
from tests.bench.report import Report, Section, lines
from tests.bench.scratch import Bench

TOPICS: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "throughput": throughput.measure,
    "http": http_jobs.measure,
    "requests": requests.measure,
    "waiting": waiting.measure,
    "watchers": watchers.measure,
    "logpath": logpath.measure,
    "idle": idle.measure,
    "growth": growth.measure,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("topics", nargs="*", metavar="TOPIC", help=f"what to measure: {', '.join(TOPICS)}; default all")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, and a history of 20,000 jobs")
    parser.add_argument(
        "--out", type=Path, default=Path("var/bench"), help="where bench.json and bench.svg are written"
    )
    parser.add_argument(
        "--docs", action="store_true", help="write the results of OUT into docs/benchmarks.md; measure nothing"
    )
    chosen = parser.parse_args()
    if unknown := set(chosen.topics) - set(TOPICS):
        parser.error(f"unknown topic {', '.join(sorted(unknown))}")
    if chosen.docs:
        update(Report.read(chosen.out / "bench.json"))
        return 0
    with tempfile.TemporaryDirectory(prefix="engine-bench-", ignore_cleanup_errors=True) as home:
        report = run(Path(home), chosen.topics or list(TOPICS), chosen.quick)
    report.write(chosen.out / "bench.json")
    (chosen.out / "bench.svg").write_text(draw(report))
    print(f"\nWritten: {chosen.out}/bench.json, {chosen.out}/bench.svg")
    print(report.last_line(), flush=True)
    return any(section.failure for section in report.sections)


def run(home: Path, topics: list[str], quick: bool) -> Report:
    with servers.found(home) as found:
        report = Report(machine.look(found), f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", quick)
        print(report.machine, flush=True)
        for topic in topics:
            report.sections.append(_section(topic, Bench(home, found, quick)))
        return report


def _section(topic: str, bench: Bench) -> Section:
    section, began = Section(topic, load_before=os.getloadavg()[0]), time.monotonic()
    print(f"\n{topic} (load {section.load_before:.1f})", flush=True)
    try:
        for figure in TOPICS[topic](bench):
            section.figures.append(figure)
            print("\n".join(lines([figure])), flush=True)
    except Exception as fault:
        traceback.print_exc()
        section.failure = f"{type(fault).__name__}: {fault}"
        print(f"  {topic} failed: {section.failure}", flush=True)
    section.seconds, section.load_after = time.monotonic() - began, os.getloadavg()[0]
    return section


if __name__ == "__main__":
    sys.exit(main())
