"""`make leaks`: run jobs that print their secret in many ways, then look for it in everything that Engine keeps or shows."""

import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

from tests.factories_plain import document
from tests.leaks.places import BEYOND_MASKING, Place, everywhere, forms, processes
from tests.live import Live, live

TOOL = Path(__file__).with_name("tool.py")
PROOFS = {  # that the places hold what they should: an empty one would prove nothing
    "API jobs/leak-good/log": b"base64 at 2:",
    "page /jobs/leak-good": b"leak-good",
    "data: attempts": b"base64 at 2:",
    "table log_chunks": b"base64 at 2:",
    "repository: leak-good.log": b"base64 at 2:",
    "process list": b"tool.py",
}
ENDS = ("completed", "failed", "timeout", "cancelled", "quarantined")


def main() -> int:
    secret = f'sk-{secrets.token_urlsafe(12)}/+&%"{secrets.token_urlsafe(12)}'
    if missed := [
        form for form, text in forms(secret).items() if text not in unmasked(secret) and form not in BEYOND_MASKING
    ]:
        print(f"leaks: the tool does not print {', '.join(missed)}, so the search would prove nothing")
        return 1
    with live(cluster=True, ENGINE_ALLOW_SHELL="1", ENGINE_EXECUTABLES="*") as server:
        store(server, secret)
        jobs = [submit(server, "leak-good", []), submit(server, "leak-bad", ["fail"])]
        listed: list[bytes] = []
        shown = wait(server, jobs, listed)
        if [job["status"] for job in shown] != ["completed", "failed"]:
            print(json.dumps(shown, indent=1)[:4000])
            print("leaks: the jobs did not end as they should")
            return 1
        seen = [Place("process list", b"\n".join(listed)), *everywhere(server, jobs, server.data.parent / "server.log")]
        for start, sign in PROOFS.items():
            if not any(place.name.startswith(start) and sign in place.content for place in seen):
                print(f"leaks: {start} does not hold {sign.decode()}, so nothing was searched there")
                return 1
    found = [
        (place.name, form)
        for place in seen
        for form, text in forms(secret).items()
        if text in place.content and form not in BEYOND_MASKING
    ]
    for name, form in found:
        print(f"  {form} in {name}")
    for place in sorted({place.name for place in seen}):
        print(f"searched {place}")
    print(f"leaks: places={len(seen)} found={len(found)}")
    return 1 if found else 0


def unmasked(secret: str) -> bytes:
    """What the tool prints when nobody masks it: the search must find every form there."""
    done = subprocess.run([sys.executable, TOOL, "fail"], env={**os.environ, "MODEL_KEY": secret}, capture_output=True)
    return done.stdout + done.stderr


def store(server: Live, secret: str) -> None:
    for words, stdin in (("set MODEL_KEY", secret), ("grant MODEL_KEY --tool shell", "")):
        done = server.engine("secret", *words.split(), stdin=stdin)
        if done.returncode:
            raise RuntimeError(done.stderr)


def submit(server: Live, job_id: str, more: list[str]) -> str:
    path = server.data / f"{job_id}.json"
    spec = document(server.repository, job_id, [str(TOOL), *more], env={"MODEL_KEY": {"secret": "MODEL_KEY"}})
    spec["paths"] |= {"log_file": f"{job_id}.log", "error_report": f"{job_id}.error.json"}
    path.write_text(json.dumps(spec))
    done = server.engine("submit", str(path))
    if done.returncode:
        raise RuntimeError(done.stderr)
    return job_id


def wait(server: Live, jobs: list[str], listed: list[bytes]) -> list[dict[str, str]]:
    until = time.monotonic() + 60
    while True:
        listed.append(processes())
        rows = [json.loads(server.engine("status", job, "--json").stdout) for job in jobs]
        if all(row["status"] in ENDS for row in rows) or time.monotonic() > until:
            return rows
        time.sleep(0.5)


if __name__ == "__main__":
    sys.exit(main())
