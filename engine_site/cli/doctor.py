"""`engine doctor`: what this command finds, and what the workers were started with."""

import os
import platform
import sys
from typing import Any

import django

from adapters import adapters
from engine_site.cli import output
from engine_site.cli.app import app
from engine_site.cli.backend import Row, backend
from engine_site.cli.jobs import Json
from jobs.errors import Refused
from jobs.services.reading.worker_status import WorkerState
from schema.client import EngineError

import typer  # isort: skip

AWAY = (WorkerState.LOST, WorkerState.STOPPED)


@app.command()
def doctor(as_json: Json = False) -> None:
    """Tell what is there: database or server, workers with their settings, tools. Exit code 1 without a worker."""
    found: dict[str, Any] = {
        "command": f"Python {sys.version.split()[0]}, Django {django.get_version()}, {platform.platform()}"
    }
    try:
        found |= _told_by(backend())
        if not os.environ.get("ENGINE_URL"):
            found["tools_not_set_up"] = [said for tool in adapters().values() if (said := tool.set_up({}))]
        well = bool(found["workers"])
        problem = "" if well else "No worker is alive: start one with engine up or engine worker."
    except (Refused, EngineError) as refusal:
        found["problem"], well, problem = str(refusal), False, str(refusal)
    if as_json:
        output.as_json({**found, "well": well})
    else:
        _show(found)
        output.err.print("[green]Everything looks good.[/]" if well else f"[yellow]{problem}[/]")
    raise typer.Exit(0 if well else 1)


def _told_by(engine: Any) -> dict[str, Any]:
    tools, workers = engine.tools(), engine.workers()
    return {
        "where": engine.where(),
        "workers": [_worker(row) for row in workers if row["state"] not in AWAY],
        "workers_away": [row["name"] for row in workers if row["state"] in AWAY],
        "tools": {row["name"]: row["available_on"] for row in tools if row["available_on"]},
        "tools_missing": [row["name"] for row in tools if not row["available_on"]],
    }


def _worker(row: Row) -> dict[str, Any]:
    told: dict[str, Any] = row["environment"]
    return {name: row[name] for name in ("name", "state", "slots", "queues", "version")} | told


def _show(found: dict[str, Any]) -> None:
    for worker in found.pop("workers", []):
        _line(f"worker {worker.pop('name')}", worker.pop("state"))
        for name, value in worker.items():
            _line(f"  {name.replace('_', ' ')}", value)
    for name, value in found.items():
        _line(name.replace("_", " "), value)


def _line(name: str, value: Any) -> None:
    if isinstance(value, bool):
        value = "yes" if value else "no"
    shown = ", ".join(map(str, value)) if isinstance(value, list | dict) else value
    output.out.print(f"[bold]{name:16}[/] ", end="")
    output.out.print("none" if shown in ("", None) else str(shown), markup=False)
