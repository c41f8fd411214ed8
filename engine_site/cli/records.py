"""`engine run`, `events`, `templates`, `queues` and `workers`."""

from typing import Annotated, Any

import typer

from engine_site.cli import output
from engine_site.cli.app import app
from engine_site.cli.backend import backend
from engine_site.cli.jobs import Json

Limit = Annotated[int, typer.Option(min=1, max=10_000)]


@app.command()
def run(run_id: Annotated[str, typer.Argument(metavar="RUN")], as_json: Json = False) -> None:
    """Show one run: its state, and how many of its jobs are in which."""
    row = backend().run(run_id)
    if as_json:
        output.as_json(row)
        return
    output.run(row)


@app.command()
def events(
    event_type: Annotated[str, typer.Option("--type", help="job.failed, or job. for all of jobs.")] = "",
    actor: Annotated[str, typer.Option(help="Who did it; engine for Engine itself.")] = "",
    run: Annotated[str, typer.Option(help="A run.")] = "",
    workstream: Annotated[str, typer.Option(help="A workstream.")] = "",
    job: Annotated[str, typer.Option(help="A job.")] = "",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Show events as they come, until Ctrl-C.")] = False,
    limit: Limit = 30,
    as_json: Json = False,
) -> None:
    """List what happened and who did it, newest first."""
    given = {"event_type": event_type, "actor": actor, "run_id": run, "workstream_id": workstream, "job_id": job}
    filters = {name: value for name, value in given.items() if value}
    if follow:
        _follow(filters, as_json)
        return
    rows = backend().events(filters, limit)
    if as_json:
        output.as_json(rows)
        return
    columns = {"timestamp_at": "AGE", "event_type": "EVENT", "actor": "BY", "via": "VIA", "subject": "ABOUT"}
    output.table(
        columns, [{**row, "timestamp_at": row["timestamp"], "subject": _subject(row)} for row in rows], "None."
    )


def _subject(row: dict[str, Any]) -> str:
    named = (row["payload"].get(key) for key in ("tool", "queue", "worker", "name", "message"))
    return str(row["job_id"] or row["workstream_id"] or row["run_id"] or next(filter(None, named), ""))


def _follow(filters: dict[str, str], as_json: bool) -> None:
    for row in backend().follow_events():
        if all(_fits(row, name, value) for name, value in filters.items()):
            line = f"{row['timestamp']}  {row['event_type']}  {row['actor']}  {_subject(row)}"
            output.json_line(row) if as_json else output.out.print(line, markup=False)


def _fits(row: dict[str, Any], name: str, value: str) -> bool:
    found = str(row[name] or "")
    return found.startswith(value) if name == "event_type" and value.endswith(".") else found == value


@app.command()
def templates(
    slug: Annotated[str, typer.Argument(help="Print this one's document.", metavar="[NAME]")] = "",
    limit: Limit = 100,
    as_json: Json = False,
) -> None:
    """List job templates, or print the document of one: engine templates NAME > job.json"""
    if slug:
        row = backend().template(slug)
        output.as_json(row if as_json else row["document"])
        return
    rows = backend().templates(limit)
    columns = {"slug": "TEMPLATE", "tool": "TOOL", "owner": "OWNER", "shared": "SHARED", "title": "TITLE"}
    output.as_json(rows) if as_json else output.table(columns, rows, "No templates.")


@app.command()
def queues(as_json: Json = False) -> None:
    """List queues: what waits, what runs, who serves them."""
    rows = backend().queues()
    columns = {
        "name": "QUEUE",
        "paused": "PAUSED",
        "limit": "LIMIT",
        "queued": "QUEUED",
        "waiting": "WAITING",
        "running": "RUNNING",
        "workers": "WORKERS",
        "message": "WHY",
    }
    shown = [{**row, "message": row["paused_reason"]} for row in rows]
    output.as_json(rows) if as_json else output.table(columns, shown, "No queues.")


@app.command()
def workers(as_json: Json = False) -> None:
    """List worker hosts, also those that have stopped or are lost."""
    rows = backend().workers()
    columns = {
        "name": "WORKER",
        "state": "STATE",
        "slots": "SLOTS",
        "running": "RUNNING",
        "queues": "QUEUES",
        "heartbeat_at": "SEEN",
        "version": "VERSION",
    }
    output.as_json(rows) if as_json else output.table(columns, rows, "No workers.")
