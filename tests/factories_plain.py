"""Job documents for programs that run without Django."""

from pathlib import Path
from typing import Any


def documents(repository: Path) -> list[dict[str, Any]]:
    return [document(repository, f"live-{number}", ["-c", f"print({number})"]) for number in range(3)]


def document(repository: Path, job_id: str, args: list[str], **changes: Any) -> dict[str, Any]:
    return {
        "job_id": job_id,
        "run_id": "live-run",
        "workstream_id": "live-ws",
        "tool": "shell",
        "command": {"exe": "python3", "args": args},
        "paths": {"repo_root": str(repository)},
        **changes,
    }
