"""The demo: a small repository with a bug and a failing test, and real jobs that find and fix it."""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model

from jobs.models import Job
from jobs.services.submission.submit import Submitter, submit_all
from jobs.states import FINAL

USER = "demo"
FILES = {
    "greeting.py": 'def greet(name):\n    return f"Hello, {name}!"\n',
    "test_greeting.py": """import unittest

from greeting import greet


class Greeting(unittest.TestCase):
    def test_greets_by_name(self):
        self.assertEqual(greet("Ada"), "Hello, Ada!")

    def test_greets_a_stranger(self):
        self.assertEqual(greet(""), "Hello, stranger!")


if __name__ == "__main__":
    unittest.main()
""",
    "fix.py": """import pathlib
import subprocess

file = pathlib.Path("greeting.py")
print("Reading", file)
text = file.read_text()
file.write_text(text.replace("{name}", "{name or 'stranger'}"))
print("An empty name is now greeted as a stranger")
subprocess.run(["git", "commit", "--quiet", "-am", "Greet a stranger when there is no name"], check=True)
print("Committed")
""",
    "flaky.py": """import pathlib
import sys

seen = pathlib.Path(".flaky")
if not seen.exists():
    seen.touch()
    print("ERROR: the staging server answered 503 Service Unavailable", file=sys.stderr)
    sys.exit(1)
print("The staging server answers; deployed")
""",
    "report.py": """import time

for step in range(1, 241):
    colour = 31 + step % 6
    print(f"\\x1b[{colour}mstep {step:3}\\x1b[0m of 240: \\x1b[1mcomparing\\x1b[0m greetings in language {step}", flush=True)
    time.sleep(0.25)
print("All 240 greetings agree")
""",
    ".gitignore": "__pycache__/\n.flaky\n/logs/\n",
}


def user_and_password() -> tuple[str, str]:
    """A user for this checkout's demo; the password is made once and kept beside the data."""
    path = Path(settings.ENGINE_DATA_DIR) / "demo_password"
    if not path.exists():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(os.urandom(6).hex())
    password = path.read_text().strip()
    user, _ = get_user_model().objects.get_or_create(
        username=USER, defaults={"is_staff": True, "is_superuser": True, "email": "demo@example.invalid"}
    )
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    return USER, password


def sample_repository(run_id: str) -> Path:
    root = Path(settings.ENGINE_DATA_DIR) / "demo" / run_id
    root.mkdir(parents=True)
    for name, text in FILES.items():
        (root / name).write_text(text)
    for arguments in (
        ["init", "--quiet", "--initial-branch=main"],
        ["config", "user.name", "Demo"],
        ["config", "user.email", "demo@example.invalid"],
        ["add", "--all"],
        ["commit", "--quiet", "--message", "A greeting, with a bug"],
    ):
        subprocess.run(["git", *arguments], cwd=root, check=True)
    return root


def documents(run_id: str, root: Path) -> list[dict[str, Any]]:
    """Seven jobs in two workstreams: they run one after the other, because they write in the same working tree."""

    def job(name: str, ws: str, tool: str, args: list[str], title: str, **metadata: Any) -> dict[str, Any]:
        exe = {"git": "git"}.get(tool, "python3")
        return {
            "job_id": f"{run_id}-{name}",
            "run_id": run_id,
            "workstream_id": ws,
            "tool": tool,
            "command": {"exe": exe, "args": args},
            "paths": {
                "repo_root": str(root),
                "log_file": f"logs/{name}.log",
                "error_report": f"logs/{name}.error.json",
            },
            "metadata": {"title": title, "timeout_seconds": 120, **metadata},
        }

    unittest = ["-m", "unittest", "-v"]
    return [
        job("look", "ws-greeting", "git", ["log", "--stat"], "Look at the repository"),
        job("test-before", "ws-greeting", "tests", unittest, "Run the tests: one fails"),
        job(
            "fix",
            "ws-greeting",
            "shell",
            ["fix.py"],
            "Greet a stranger when there is no name",
            depends_on=[f"{run_id}-look"],
            expect_changes=True,
        ),
        job("test-after", "ws-greeting", "tests", unittest, "Run the tests again", depends_on=[f"{run_id}-fix"]),
        job("diff", "ws-greeting", "git", ["diff", "HEAD~1"], "Show what changed", depends_on=[f"{run_id}-test-after"]),
        job(
            "deploy",
            "ws-release",
            "shell",
            ["flaky.py"],
            "Deploy to staging, with one retry",
            access="read",
            depends_on=[f"{run_id}-diff"],
            retry_policy={"rules": [{"on": ["exit_code"], "times": 2, "backoff": "linear", "base_seconds": 3}]},
        ),
        job(
            "report",
            "ws-release",
            "shell",
            ["report.py"],
            "Compare greetings, slowly",
            access="read",
            depends_on=[f"{run_id}-diff"],
            priority="low",
        ),
    ]


def play(say: Callable[[str], None]) -> list[Job]:
    """Submit the demo's jobs and wait until the first five have ended; the last two go on while one watches."""
    run_id = f"demo-{time.strftime('%Y%m%d-%H%M%S')}"
    jobs = submit_all(documents(run_id, sample_repository(run_id)), by=Submitter(USER))
    deadline = time.monotonic() + 60
    for job in jobs[:5]:
        while job.status not in FINAL and time.monotonic() < deadline:
            time.sleep(0.1)
            job.refresh_from_db()
        say(f"  {job.title}: {job.get_status_display().lower()}")
    return jobs


def anybody() -> bool:
    """Whether somebody could sign in."""
    return get_user_model().objects.filter(is_active=True).exists()
