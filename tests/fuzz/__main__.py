"""`make fuzz`: schemathesis against a running server, from the server's own OpenAPI document.

Every answer must be one that the document names, in the shape that it names, and no answer may be a 5xx.
CASES=n sets how many requests each operation gets at most.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.factories_plain import documents
from tests.live import Live, live

# They answer for as long as somebody listens; tests/api/test_logs.py has them.
ENDLESS = ("events_stream", "jobs_log_stream")
CONFIG = Path(__file__).with_name("schemathesis.toml")
CASES = int(os.environ.get("CASES", "60"))
NOT_APPLICABLE = (
    # A session may be sent beside the token, and a bad one is refused: both are tried in tests/api/test_auth.py.
    "use_after_free",  # a cancelled job is still there to read
)


def main() -> int:
    with (
        live(ENGINE_LONGEST_WAIT_S="0.05", ENGINE_API_RATE="0", ENGINE_ALLOW_SHELL="1") as server,
        tempfile.TemporaryDirectory() as scratch,
    ):
        furnish(server)
        report = Path(scratch, "report.ndjson")
        done = subprocess.run(command(server, report), cwd=scratch, env=server.env)
        operations, cases, failures = count(report)
    if done.returncode and not failures:
        print("schemathesis itself failed")
        failures = 1
    print(f"fuzz: operations={operations} cases={cases} failures={failures}")
    return 1 if failures else 0


def furnish(server: Live) -> None:
    """Some jobs, so that requests find something."""
    for number, document in enumerate(documents(server.repository)):
        path = server.data / f"{number}.json"
        path.write_text(json.dumps(document))
        done = server.engine("submit", str(path))
        if done.returncode:
            raise RuntimeError(done.stderr)


def command(server: Live, report: Path) -> list[str]:
    program = Path(sys.executable).with_name("schemathesis")
    words = [
        str(program),
        "--config-file",
        str(CONFIG),
        "run",
        f"{server.url}/api/v1/openapi.json",
        "--header",
        f"Authorization: Bearer {server.token}",
        "--max-examples",
        str(CASES),
        "--workers",
        "2",
        "--continue-on-failure",
        "--report-ndjson-path",
        str(report),
        "--report",
        "ndjson",
        "--warnings",
        "off",
        "--no-color",
        "--request-timeout",
        "20",
    ]
    for operation in ENDLESS:
        words += ["--exclude-operation-id", operation]
    for check in NOT_APPLICABLE:
        words += ["--exclude-checks", check]
    return words


def count(report: Path) -> tuple[int, int, int]:
    """Operations, requests and failed requests, from schemathesis' own record."""
    operations: set[str] = set()
    cases = failures = 0
    for line in report.read_text().splitlines():
        for kind, event in json.loads(line).items():
            if kind != "ScenarioFinished":
                continue
            recorder = event.get("recorder") or {}
            label = str(event.get("label") or recorder.get("label", ""))
            if "/api/" in label:  # chains of requests have a label of their own
                operations.add(label)
            cases += len(recorder.get("cases", {}))
            for checks in recorder.get("checks", {}).values():
                failures += any(check.get("status") == "failure" for check in checks)
    return len(operations), cases, failures


if __name__ == "__main__":
    sys.exit(main())
