"""`engine submit`, `status`, `list`, `logs` and the job actions."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.status import Status

from engine_site.cli import output
from engine_site.cli.app import app
from engine_site.cli.backend import Backend, backend
from engine_site.cli.filter_options import with_filter_options
from jobs.errors import NotFound
from jobs.services.submission.job_files import exit_code
from jobs.states import SETTLED, ReviewVerdict, Verb
from schema.limits import DOCUMENT_BYTES

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
JobId = Annotated[str, typer.Argument(help="A job's id.", metavar="JOB")]
NOT_ENDED = 79  # exit code; sysexits.h ends at 78
MAX_BYTES = 2 * DOCUMENT_BYTES


def read(path: Path) -> bytes:
    """A document's bytes; `-` is standard input. Never more than a document may have."""
    try:
        with sys.stdin.buffer if str(path) == "-" else path.open("rb") as file:
            return file.read(MAX_BYTES)
    except OSError as fault:
        raise NotFound(f"Cannot read the job file {path}: {fault.strerror}.") from None


def finish(job: dict[str, Any]) -> None:
    """End with the job's exit code: 0, the tool's own, 124 or 130."""
    raise typer.Exit(_code_of(job))


def _code_of(job: dict[str, Any]) -> int:
    """As `exit_code` has it; a job that goes on after the time to wait for it has a code of its own, and a sentence."""
    if job["status"] in SETTLED:
        attempts = job.get("attempts") or [{}]
        return exit_code(job["status"], attempts[-1].get("exit_code"))
    output.err.print(
        f"[yellow]engine:[/] The time to wait is over and {job['job_id']} is {job['status']}; it goes on. "
        f"To wait again: engine status {job['job_id']} --wait"
    )
    return NOT_ENDED


@app.command()
def submit(
    files: Annotated[list[Path], typer.Argument(help="Job documents; - reads standard input.", metavar="FILE...")],
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; the exit code is the job's.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Show the log as it comes, until the end.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most; then exit code 79.")] = None,
    as_json: Json = False,
) -> None:
    """Put one job or several into the queue: all of them, or none."""
    engine = backend()
    jobs = engine.submit([read(path) for path in files], Path.cwd())
    if not as_json:
        for job in jobs:
            output.err.print(f"[bold]{job['job_id']}[/] {job['status']}: {job['title']}")
    worst = 0
    for index, job in enumerate(jobs if wait or follow else []):
        jobs[index] = ended = _follow(engine, job["job_id"]) if follow else _wait(engine, job["job_id"], timeout)
        if not as_json:
            output.job(ended)
        worst = _code_of(ended) or worst
    if as_json:
        output.as_json(jobs if len(files) > 1 or len(jobs) > 1 else jobs[0])
    raise typer.Exit(worst)


def _wait(engine: Backend, job_id: str, timeout: float | None) -> dict[str, Any]:
    with Status(f"Waiting for {job_id} …", console=output.err):
        return engine.wait(job_id, timeout)


def _follow(engine: Backend, job_id: str) -> dict[str, Any]:
    for event, data in engine.follow(job_id):
        if event == "attempt" and data["attempt"] > 1:
            output.err.print(f"[bold]attempt {data['attempt']}[/] with {data['tool']}")
        for line in data["lines"] if event == "lines" else []:
            sys.stdout.write(line["text"] + "\n")
        sys.stdout.flush()
    return engine.job(job_id)


@app.command()
def status(
    job_id: JobId,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end.")] = False,
    timeout: Annotated[float | None, typer.Option(help="Seconds to wait at most; then exit code 79.")] = None,
    as_json: Json = False,
) -> None:
    """Show one job: its state, why, and its attempts."""
    engine = backend()
    job = _wait(engine, job_id, timeout) if wait else engine.job(job_id)
    output.as_json(job) if as_json else output.job(job)
    if wait:
        finish(job)


@app.command("list")
@with_filter_options
def list_jobs(
    filters: dict[str, str], limit: Annotated[int, typer.Option(min=1, max=10_000)] = 30, as_json: Json = False
) -> None:
    """List jobs, newest first."""
    rows = backend().jobs(filters, limit)
    if as_json:
        output.as_json(rows)
        return
    columns = {"job_id": "JOB", "status": "STATUS", "tool": "TOOL", "created_at": "AGE", "title": "TITLE"}
    output.table(columns, rows, "No jobs match.")


@app.command()
def logs(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
    attempt: Annotated[int, typer.Option(min=0, help="Number of the attempt; 0 means the latest.")] = 0,
) -> None:
    """Print a job's log."""
    engine = backend()
    if follow:
        finish(_follow(engine, job_id))
    for piece in engine.log(job_id, attempt):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()


def _act(job_ids: list[str], verb: Verb, as_json: bool, order: dict[str, Any]) -> None:
    engine = backend()
    rows = [engine.act(job_id, verb, order) for job_id in job_ids]
    if as_json:
        output.as_json(rows if len(rows) > 1 else rows[0])
        return
    for row in rows:
        output.err.print(f"[bold]{row['job_id']}[/] is {row['status']}.")


JobIds = Annotated[list[str], typer.Argument(help="Jobs' ids.", metavar="JOB...")]


@app.command()
def cancel(
    job_ids: JobIds,
    grace: Annotated[float | None, typer.Option(min=0, help="Seconds before killing.")] = None,
    as_json: Json = False,
) -> None:
    """Stop jobs and everything that they started."""
    _act(job_ids, Verb.CANCEL, as_json, {} if grace is None else {"grace_seconds": grace})


@app.command()
def retry(
    job_ids: JobIds,
    command: Annotated[str, typer.Option(help='Another command: {"exe": …, "args": […]}')] = "",
    as_json: Json = False,
) -> None:
    """Make a new attempt now."""
    order: dict[str, Any] = {}
    if command:
        try:
            order = {"command": json.loads(command)}
        except ValueError:
            raise typer.BadParameter("--command takes a JSON object") from None
    _act(job_ids, Verb.RETRY, as_json, order)


@app.command()
def escalate(
    job_ids: JobIds, to: Annotated[str, typer.Option("--to", help="The tool to try next.")], as_json: Json = False
) -> None:
    """Let another tool try, told what the last attempt met."""
    _act(job_ids, Verb.ESCALATE, as_json, {"tool": to})


@app.command()
def hold(job_ids: JobIds, as_json: Json = False) -> None:
    """Keep jobs from starting until they are released."""
    _act(job_ids, Verb.HOLD, as_json, {})


@app.command()
def release(job_ids: JobIds, as_json: Json = False) -> None:
    """Let go of held or quarantined jobs."""
    _act(job_ids, Verb.RELEASE, as_json, {})


@app.command()
def close(job_ids: JobIds, as_json: Json = False) -> None:
    """Accept that quarantined jobs failed."""
    _act(job_ids, Verb.CLOSE, as_json, {})


@app.command()
def review(
    job_id: JobId,
    verdict: Annotated[ReviewVerdict, typer.Argument()],
    message: Annotated[str, typer.Option("--message", "-m", help="What the next attempt is told.")] = "",
    as_json: Json = False,
) -> None:
    """Judge a job in review."""
    _act([job_id], Verb.REVIEW, as_json, {"verdict": verdict, "message": message})
