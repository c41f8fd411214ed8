"""`engine runs`, `errors`, `tools` and `check`."""

from pathlib import Path
from typing import Annotated

import typer

from engine_site.cli import output
from engine_site.cli.app import app
from engine_site.cli.backend import backend
from engine_site.cli.jobs import Json, read
from jobs.errors import InvalidDocument

Limit = Annotated[int, typer.Option(min=1, max=10_000)]


@app.command()
def runs(
    status: Annotated[str, typer.Option(help="pending, running, completed, failed or cancelled")] = "",
    limit: Limit = 30,
    as_json: Json = False,
) -> None:
    """List runs, newest first."""
    rows = backend().runs({"status": status} if status else {}, limit)
    columns = {"run_id": "RUN", "status": "STATUS", "created_at": "AGE", "title": "TITLE"}
    output.as_json(rows) if as_json else output.table(columns, rows, "No runs.")


@app.command()
def errors(
    state: Annotated[str, typer.Option(help="open, muted or resolved")] = "", limit: Limit = 30, as_json: Json = False
) -> None:
    """List error groups."""
    rows = backend().errors({"state": state} if state else {}, limit)
    columns = {
        "signature": "ERROR",
        "state": "STATE",
        "count": "COUNT",
        "tool": "TOOL",
        "category": "CATEGORY",
        "last_seen_at": "LAST",
        "message": "MESSAGE",
    }
    output.as_json(rows) if as_json else output.table(columns, rows, "No errors.")


@app.command()
def tools(as_json: Json = False) -> None:
    """List tools: where they are installed, which are paused, what runs."""
    rows = backend().tools()
    columns = {
        "name": "TOOL",
        "health": "HEALTH",
        "available_here": "HERE",
        "paused": "PAUSED",
        "circuit": "CIRCUIT",
        "limit": "LIMIT",
        "running": "RUNNING",
        "queued": "QUEUED",
        "path": "PATH",
    }
    output.as_json(rows) if as_json else output.table(columns, rows, "No tools.")


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Job documents; - reads standard input.", metavar="FILE...")],
    as_json: Json = False,
) -> None:
    """Say what is wrong with job documents; nothing is submitted."""
    engine = backend()
    reports = {str(path): engine.check(read(path), Path.cwd()) for path in files}
    if as_json:
        output.as_json(reports if len(files) > 1 else next(iter(reports.values())))
    else:
        for name, report in reports.items():
            output.err.print(f"{name}: " + ("[green]good[/]" if report["ok"] else "[red]not a job[/]"))
            output.problems(report["problems"])
            output.problems(report["warnings"], "yellow")
            for added in report["adds"]:
                output.err.print(added["sentence"] + (f" {added['trouble']}." if added["trouble"] else ""))
    raise typer.Exit(0 if all(report["ok"] for report in reports.values()) else InvalidDocument.exit_code)
