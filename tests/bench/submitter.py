"""Submits jobs of `true` to the Engine of the environment and waits for their records: a command of the contest."""

import sys
import time

import django

django.setup()

from jobs.models import Job  # noqa: E402
from jobs.services.submission.submit import submit_all  # noqa: E402
from tests.bench.clock import timed  # noqa: E402

LIST = 200  # documents at once, as the API takes them
WARM = 20


def document(repository: str, number: int) -> dict[str, object]:
    return {
        "job_id": f"bench-{time.time_ns()}-{number}",
        "run_id": f"run-{number % 4}",
        "workstream_id": f"ws-{number % 16}",
        "tool": "shell",
        "command": {"exe": "true", "args": []},
        "paths": {"repo_root": repository},
        "metadata": {"access": "read"},
    }


def main(repository: str, count: int) -> None:
    def submit(number: int) -> None:
        for first in range(0, number, LIST):
            submit_all([document(repository, one) for one in range(first, min(number, first + LIST))])

    timed(submit, lambda: Job.objects.filter(status="completed").count(), count, WARM)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
