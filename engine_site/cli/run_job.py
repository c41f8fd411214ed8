"""`engine run-job` and `engine validate`."""

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from engine_site.cli.app import app
from engine_site.validation import checks
from jobs.orchestrator import Orchestrator
from jobs.services.submission.job_files import exit_code

err = Console(stderr=True, highlight=False, soft_wrap=True)


def write(piece: bytes) -> None:
    sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


@app.command("run-job")
def run_job(job_file: Annotated[Path, typer.Option("--job-file", help="A job document.")]) -> None:
    """Run a job here and now, stream its log, and end with its exit code."""
    result = Orchestrator().run_job(job_file, on_output=write)
    took = f"{result.duration_s:.1f} s"
    err.print(f"[bold]{result.status}[/] after {took}" + (f": {result.summary}" if result.summary else ""))
    if not result.success and result.error_report_path:
        err.print(f"Error report: {result.error_report_path}")
    raise typer.Exit(exit_code(result.status, result.exit_code))


@app.command()
def validate() -> None:
    """Check this installation: each check by name, passed or failed."""
    failed = 0
    for check in checks():
        try:
            said = check.run()
            err.print(f"[green]pass[/]  {check.name}" + (f": {said}" if said else ""))
        except Exception as fault:
            failed += 1
            err.print(f"[red]fail[/]  {check.name}: {fault}")
    err.print(f"{len(checks()) - failed} of {len(checks())} checks passed.")
    raise typer.Exit(1 if failed else 0)
