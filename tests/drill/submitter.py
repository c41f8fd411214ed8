"""Submitter of the drill: a client that posts job documents over HTTP, and asks again until each is accepted."""

import http.client
import json
import random
import shutil
import threading
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

TOOL = Path(__file__).with_name("tool.sh")
PAUSE_S = 0.05
TIMEOUT_S = 10
MAX_LIST = 60


class Submitter(threading.Thread):
    """Half of the requests hold one document. Each has an Idempotency-Key, so that a second try changes nothing."""

    def __init__(self, url: str, token: str, repository: Path, short: int, long: int, chance: random.Random) -> None:
        super().__init__(daemon=True)
        self.url, self.token, self.repository, self.chance = url, token, repository, chance
        self.accepted: list[str] = []
        self.planned_failures: set[str] = set()
        self.tries = 0
        self.refusal = ""
        self._stopped = threading.Event()
        shutil.copy(TOOL, repository)  # tools may not read what lies elsewhere
        kinds = ["short"] * short + ["long"] * long
        chance.shuffle(kinds)
        self._documents = [self._document(kind, number) for number, kind in enumerate(kinds)]

    def run(self) -> None:
        waiting = list(self._documents)
        while waiting and not self._stopped.is_set():
            size = self.chance.choice([1, self.chance.randint(2, MAX_LIST)])
            batch, waiting = waiting[:size], waiting[size:]
            self._submit(batch)
            self._stopped.wait(PAUSE_S)

    def stop(self) -> None:
        self._stopped.set()

    def _submit(self, batch: list[dict[str, Any]]) -> None:
        body = json.dumps(batch if len(batch) > 1 else batch[0]).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        headers["Idempotency-Key"] = batch[0]["job_id"]
        while not self._stopped.is_set():
            self.tries += 1
            try:
                with urlopen(Request(f"{self.url}/api/v1/jobs", body, headers), timeout=TIMEOUT_S) as answer:
                    answer.read()
                self.accepted += [document["job_id"] for document in batch]
                return
            except HTTPError as refusal:
                if refusal.code not in (409, 429, 500, 503):  # 409: the first try is still being answered
                    self.refusal = f"{refusal.code}: {refusal.read()[:500]!r}"
                    return
            except (URLError, OSError, http.client.HTTPException):
                pass  # the web process is killed, stopped or starting
            self._stopped.wait(0.3)

    def _document(self, kind: str, number: int) -> dict[str, Any]:
        name = f"{kind}-{number:04}-{self.chance.randrange(1 << 32):08x}"
        code = 1 if self.chance.random() < 0.05 else 0
        if code:
            self.planned_failures.add(name)
        pieces = self.chance.randint(0, 1) if kind == "short" else self.chance.randint(10, 40)
        brood = "yes" if self.chance.random() < 0.2 else "no"
        arguments = [
            str(self.repository / TOOL.name),
            name,
            str(self.repository / "record"),
            str(pieces),
            str(code),
            brood,
        ]
        return {
            "job_id": name,
            "run_id": "drill",
            "workstream_id": f"ws-{self.chance.randrange(5)}",
            "tool": "shell",
            "command": {"exe": "sh", "args": arguments},
            "paths": {"repo_root": str(self.repository)},
            "metadata": {
                "access": "read",
                "timeout_seconds": 120,
                "grace_seconds": 1,
                "priority": self.chance.choice(["critical", "high", "normal", "low"]),
            },
        }
