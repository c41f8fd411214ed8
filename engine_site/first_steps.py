"""The lines that a start prints at its end: to paste into another terminal, as they are."""

import json
import os
import shlex
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from django.conf import settings

# What the other terminal must have too, so that its commands find the same database.
SHARED = ("ENGINE_DATA_DIR", "PIPELINE_DB_PATH")


def command() -> str:
    """The `engine` command as another terminal finds it: by name if it is on the PATH, else by its shortest path."""
    own = Path(sys.executable).parent / "engine"
    found = shutil.which("engine")
    if found and Path(found).resolve() == own.resolve():
        return "engine"
    here = Path.cwd()
    return str(own.relative_to(here)) if own.is_relative_to(here) else str(own)


def prefix() -> str:
    """Variables of this start that decide which database a command asks, written before it."""
    given = [f"{name}={shlex.quote(os.environ[name])} " for name in SHARED if os.environ.get(name)]
    return "".join(given)


def sample_job(repository: Path) -> Path:
    """A document of a job that runs the sample's tests; each start has one of its own, so that its id is free."""
    name = f"try-{time.strftime('%H%M%S')}"
    document: dict[str, Any] = {
        "job_id": f"{repository.name}-{name}",
        "run_id": repository.name,
        "workstream_id": "ws-try",
        "tool": "tests",
        "command": {"exe": "python3", "args": ["-m", "unittest", "-v"]},
        "paths": {"repo_root": str(repository)},
        "metadata": {"title": "Run the tests from the terminal", "access": "read"},
    }
    path = Path(settings.ENGINE_DATA_DIR) / "demo" / f"{name}.json"
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def after_demo(address: str, repository: Path, user: str) -> list[str]:
    engine, job = f"{prefix()}{command()}", sample_job(repository)
    token = f"$({engine} token create {job.stem} --user {user} --scope read --days 1)"
    return [
        f"{engine} list",
        f"{engine} submit {shlex.quote(str(job))} --follow",
        f'curl -H "Authorization: Bearer {token}" "{address}api/v1/jobs?limit=3"',
    ]


def after_up(*, anybody: bool) -> list[str]:
    engine = f"{prefix()}{command()}"
    person = [] if anybody else [f"{engine} manage createsuperuser"]
    return [*person, f"{engine} doctor", f"{engine} tools"]
