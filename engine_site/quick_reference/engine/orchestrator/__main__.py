"""Command line: `python -m engine.orchestrator run-job --job-file F`. Exit codes are those of `engine run-job`."""

import argparse
from pathlib import Path

from jobs import boot  # isort: skip  # Django first
from django.core.management import call_command

__all__ = ["boot", "main"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.orchestrator", description="Run jobs.")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    run_job = commands.add_parser("run-job", help="run a job in this process and exit with its exit code")
    run_job.add_argument("--job-file", required=True, type=Path, metavar="FILE", help="a job document")
    call_command("run_job", job_file=parser.parse_args().job_file)


if __name__ == "__main__":
    main()
