"""Where a secret could be left, and the forms it could be left in."""

import base64
import json
import sqlite3
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx

from tests.live import PASSWORD, USER, Live

PAGES = ("", "jobs", "runs", "errors", "events", "tools", "workers", "settings/about", "help/keys", "search?q=leak")


def forms(secret: str) -> dict[str, bytes]:
    """The secret, and what a log could hold instead of it; each long enough to mean the secret and nothing else."""
    raw = secret.encode()
    found = {
        "plain": raw,
        "url-quoted": quote(secret, safe="").encode(),
        "json": json.dumps(secret)[1:-1].encode(),
        "hex": raw.hex().encode(),
        "reversed": raw[::-1],
    }
    for shift in range(3):  # base64 of a text that has it inside looks different at each of three places
        whole = base64.b64encode(b"x" * shift + raw)
        found[f"base64 at {shift}"] = whole[4 if shift else 0 : -4]
    return found


# What a program prints in a form of its own making cannot be recognised; it is counted and told, not failed.
BEYOND_MASKING = ("hex", "reversed")


@dataclass(frozen=True)
class Place:
    name: str
    content: bytes


def everywhere(server: Live, job_ids: list[str], node_log: Path) -> Iterator[Place]:
    yield from _database(server.data / "engine.db")
    yield from _files(server.data, "data")
    yield from _files(server.repository, "repository")
    yield Place("server output", node_log.read_bytes())
    yield from _web(server, job_ids)


def _database(path: Path) -> Iterator[Place]:
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as database:
        tables = [row[0] for row in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for table in tables:
            rows = database.execute(f'SELECT * FROM "{table}"').fetchall()  # a name from the database itself
            cells = (cell if isinstance(cell, bytes) else str(cell).encode() for row in rows for cell in row)
            yield Place(f"table {table}", b"\n".join(cells))


def _files(root: Path, what: str) -> Iterator[Place]:
    for path in sorted(root.rglob("*")):
        if path.is_file() and "static" not in path.relative_to(root).parts[:1]:  # collected before any job ran
            yield Place(f"{what}: {path.relative_to(root)}", path.read_bytes())


def _web(server: Live, job_ids: list[str]) -> Iterator[Place]:
    with httpx.Client(base_url=server.url, follow_redirects=True, timeout=30) as browser:
        browser.get("/login")
        token = browser.cookies["csrftoken"]
        browser.post(
            "/login",
            data={"username": USER, "password": PASSWORD, "csrfmiddlewaretoken": token},
            headers={"Referer": f"{server.url}/login"},
        )
        addresses = [f"/{page}" for page in PAGES]
        for job_id in job_ids:
            addresses += [
                f"/jobs/{job_id}",
                f"/jobs/{job_id}/log",
                f"/jobs/{job_id}/log/raw",
                f"/jobs/{job_id}/events",
                f"/jobs/{job_id}/json",
            ]
        addresses += ["/admin/jobs/job/", "/admin/jobs/event/", "/admin/jobs/stepattempt/", "/admin/jobs/secret/"]
        for address in addresses:
            yield Place(f"page {address}", browser.get(address).content)
    api = httpx.Client(
        base_url=f"{server.url}/api/v1/", headers={"Authorization": f"Bearer {server.token}"}, timeout=30
    )
    with api:
        addresses = ["jobs", "attempts", "events?limit=200", "errors", "runs", "tools", "workers"]
        for job_id in job_ids:
            addresses += [
                f"jobs/{job_id}",
                f"jobs/{job_id}/log",
                f"jobs/{job_id}/log/lines?count=2000",
                f"jobs/{job_id}/log/stream",
                f"jobs/{job_id}/document",
            ]
        for address in addresses:
            yield Place(f"API {address}", api.get(address).content)


def processes() -> bytes:
    """What `ps` shows to everybody."""
    return subprocess.run(["ps", "-eo", "args"], capture_output=True, check=True).stdout
