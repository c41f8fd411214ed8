"""Throughput: recorded jobs a second, from checked document to settled attempt, beside a bare loop of subprocesses.

`python -m tests.bench.throughput [JOBS] [SLOTS]`; DATABASE_URL chooses PostgreSQL. Submits lists of 200, runs them with
one runner in this process, and prints CPU time (user and system, of this process and all its children) a job.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path


def cpu_s() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def measured(run: Callable[[], None]) -> tuple[float, float]:
    """(wall, CPU) seconds."""
    wall, cpu = time.monotonic(), cpu_s()
    run()
    return time.monotonic() - wall, cpu_s() - cpu


def bare(count: int) -> None:
    for _ in range(count):
        subprocess.run(["true"], check=True)


def main() -> None:
    jobs, slots = (
        (int(value) for value in [*sys.argv[1:], "500", "32"][:2]) if len(sys.argv) != 2 else (int(sys.argv[1]), 32)
    )
    home = Path(tempfile.mkdtemp(prefix="engine-bench-"))
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "engine_site.settings",
        "ENGINE_DATA_DIR": str(home / "var"),
        "ENGINE_ROOTS": str(home),
        "ENGINE_ALLOW_SHELL": "1",
        "ENGINE_EXECUTABLES": "true",
        "ENGINE_SLOTS": str(slots),
        "PIPELINE_DB_PATH": str(home / "engine.db"),
    }
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from jobs.models import Job
    from jobs.services.execution.claim import Claimant
    from jobs.services.execution.runner import Runner
    from jobs.services.submission.submit import submit_all

    (home / "repo").mkdir()

    def document(number: int) -> dict[str, object]:
        return {
            "job_id": f"bench-{time.time_ns()}-{number}",
            "run_id": f"run-{number % 4}",
            "workstream_id": f"ws-{number % 16}",
            "tool": "shell",
            "command": {"exe": "true", "args": []},
            "paths": {"repo_root": str(home / "repo")},
            "metadata": {"access": "read"},
        }

    def submit() -> None:
        for first in range(0, jobs, 200):
            submit_all([document(number) for number in range(first, min(jobs, first + 200))])

    def drain() -> None:
        with Runner(Claimant.this_process()) as runner:
            while runner.active or Job.objects.filter(status="queued").exists():
                runner.turn(0.5)

    limit_wall, limit_cpu = measured(lambda: bare(jobs))
    submit_wall, submit_cpu = measured(submit)
    run_wall, run_cpu = measured(drain)
    done = Job.objects.filter(status="completed").count()
    print(f"jobs={jobs} slots={slots} completed={done} load={os.getloadavg()[0]:.1f}")
    print(f"limit    {limit_cpu / jobs * 1000:6.2f} ms CPU   {jobs / limit_wall:7.0f} jobs/s")
    print(f"submit   {submit_cpu / jobs * 1000:6.2f} ms CPU   {jobs / submit_wall:7.0f} jobs/s")
    print(f"run      {run_cpu / jobs * 1000:6.2f} ms CPU   {jobs / run_wall:7.0f} jobs/s")
    print(f"of_limit {limit_cpu / (submit_cpu + run_cpu):.3f} by CPU")


if __name__ == "__main__":
    main()
