"""`engine runs`, `errors`, `tools`, `check` and `doctor`."""

import os
import platform
import sys
from pathlib import Path
from typing import Annotated

import django
import typer
from django.conf import settings

from adapters import adapters
from engine_site.cli import output
from engine_site.cli.app import app
from engine_site.cli.backend import backend
from engine_site.cli.jobs import Json, read
from jobs.errors import InvalidDocument, Refused
from jobs.models import Node
from jobs.services.execution import confinement
from schema.client import EngineError

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


@app.command()
def doctor(as_json: Json = False) -> None:
    """Tell what Engine finds here: versions, database or server, workers, tools."""
    found: dict[str, object] = {
        "python": sys.version.split()[0],
        "django": django.get_version(),
        "system": platform.platform(),
        "settings": os.environ.get("DJANGO_SETTINGS_MODULE", ""),
        "data": str(settings.ENGINE_DATA_DIR),
        "roots": settings.ENGINE_ROOTS,
        "shell_allowed": settings.ENGINE_ALLOW_SHELL,
        "confinement": confinement.state()[1],
    }
    well = True
    try:
        engine = backend()
        found["where"] = engine.where()
        rows = engine.tools()
        found["tools"] = {row["name"]: row["path"] or "built in" for row in rows if row["available_here"]}
        found["tools_missing"] = [row["name"] for row in rows if not row["available_here"]]
        if not os.environ.get("ENGINE_URL"):
            found["workers"] = list(Node.objects.alive().values_list("name", flat=True))
            found["workers_known"] = Node.objects.count()
            found["tools_not_set_up"] = [said for tool in adapters().values() if (said := tool.set_up({}))]
            well = bool(found["workers"])
    except (Refused, EngineError) as refusal:
        found["problem"], well = str(refusal), False
    if as_json:
        output.as_json({**found, "well": well})
    else:
        for name, value in found.items():
            shown = ", ".join(value) if isinstance(value, list | dict) else value
            output.out.print(f"[bold]{name:14}[/] ", end="")
            output.out.print(str(shown or "none"), markup=False)
        output.err.print(
            "[green]Everything looks good.[/]" if well else "[yellow]No worker is alive, or nobody answers.[/]"
        )
    raise typer.Exit(0 if well else 1)
