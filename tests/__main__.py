"""`make test`: the whole suite with what this machine has. In CI nothing may be missing.

Passes run side by side where one mostly waits. None shares a database, a data directory or a port with another.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.installed import ROOT, find

CI = os.environ.get("CI") == "true"
SHORT_DRILL = {"SHORT": "60", "LONG": "6"}  # jobs


@dataclass(frozen=True)
class Pass:
    title: str
    command: list[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    tries: int = 1

    def run(self) -> int:
        """The exit code. What the pass prints appears when it has ended, because another one may run beside it."""
        for again in reversed(range(self.tries)):
            began = time.monotonic()
            with tempfile.TemporaryFile() as output:
                environment = {**os.environ, **self.environment}
                code = subprocess.run(
                    self.command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
                ).returncode
                output.seek(0)
                text = output.read().decode(errors="replace")
            failed = f": failed with code {code}" if code else ""
            failed += ", and run once more; look at what failed" if code and again else ""
            print(f"\n== {self.title}, {time.monotonic() - began:.0f} s{failed}\n{text}", end="", flush=True)
            if not code:
                break
        return code


def main() -> int:
    found = find()
    os.environ.update({name: value for name, value in found.items() if value})
    missing = [name.removeprefix("ENGINE_TEST_").lower() for name, value in found.items() if not value]
    if missing:
        print(f"Not on this machine, so their tests are skipped: {', '.join(missing)}.", flush=True)
        if CI:
            print("In CI that is a failure.", flush=True)
            return 1
    codes: list[int] = []
    for group in plan(found["ENGINE_TEST_POSTGRES"], sys.argv[1:]):
        print(f"\nRunning: {'; '.join(each.title for each in group)} ...", flush=True)
        with ThreadPoolExecutor(len(group)) as pool:
            codes += pool.map(Pass.run, group)
    return next((code for code in codes if code), 0)


def plan(postgres: str, extra: list[str]) -> list[list[Pass]]:
    """Groups of passes: a group starts when the one before has ended; its passes run side by side."""
    groups = [
        [
            pytest("The suite on SQLite", "-n", "2", "-m", "not (cluster or browser or aider)", *extra),
            # A process of its own: the browser's event loop would stand in the way of the others' database calls.
            pytest("Browsers", "-m", "browser", "tests/browser", *extra),
        ],
        [pytest("Clusters and real tools", "-n", "3", "-m", "cluster or aider", *extra)],
    ]
    if postgres:
        rules = ("-n", "2", "-m", "not (browser or aider or sqlite)", "tests/jobs")
        groups[1].append(pytest("The same rules on PostgreSQL", *rules, *extra, DATABASE_URL=postgres))
    if CI:
        groups.append([Pass("make check", ["make", "check"]), drill("SQLite", ""), drill("PostgreSQL", postgres)])
        redis = os.environ.get("ENGINE_TEST_REDIS", "")
        groups.append([drill("SQLite over Redis", "", ENGINE_BROKER="redis", ENGINE_REDIS_URL=redis)])
    return groups


def pytest(title: str, *arguments: str, **environment: str) -> Pass:
    """In CI a pass that fails is run once more and both are shown: a busy machine must not decide, a defect must."""
    return Pass(title, [sys.executable, "-m", "pytest", *arguments], environment, tries=2 if CI else 1)


def drill(name: str, database: str, **more: str) -> Pass:
    """The short form of the fault drill."""
    jobs = {name: os.environ.get(name, number) for name, number in SHORT_DRILL.items()}
    environment = {**jobs, "DATABASE_URL": database, **more}
    return Pass(f"The drill on {name}", [sys.executable, "-m", "tests.drill"], environment)


if __name__ == "__main__":
    sys.exit(main())
