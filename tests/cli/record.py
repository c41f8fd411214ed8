"""Writes docs/cli-session.md by doing what it shows. `python -m tests.cli.record`"""

import json
import shlex

from tests.factories_plain import document
from tests.live import ROOT, Live, live

PAGE = ROOT / "docs" / "cli-session.md"
HEAD = """# A session with the `engine` command

Recorded from a running server by `python -m tests.cli.record`. Without `ENGINE_URL` the same commands ask the database
beside them: same words, same exit codes.

| Exit code | Meaning |
| --- | --- |
| 0 | done |
| 1 | refused: wrong state, duplicate id, locked workstream |
| 2 | the command line itself is wrong |
| 65 | bad input: the document, a filter, a value |
| 66 | there is no such job, file, attempt |
| 69 | the server or database is not there |
| 75 | too many requests; try again later |
| 77 | not signed in, or not allowed |
| 79 | `--timeout` is over and the job is not; it goes on |
| 124 | the job ran out of time |
| 130 | the job was cancelled |
| other | the tool's own, when a job failed |

"""
SESSION = (
    "engine check good.json",
    "engine check bad.json",
    "engine submit good.json --wait",
    "engine submit good.json",
    "engine submit failing.json --follow",
    "engine list",
    "engine status failing",
    "engine logs good",
    'engine retry failing --command \'{"args": ["-c", "print(1)"]}\'',
    "engine errors",
    "engine runs",
    "engine run live-run",
    "engine pause queue night --reason backup",
    "engine queues",
    "engine resume queue night",
    "engine events --type queue. --limit 2",
    "engine status nonesuch",
)


def play(server: Live) -> str:
    good = document(server.repository, "good", ["-c", "print('hello from the job')"])
    failing = document(server.repository, "failing", ["-c", "print('looking'); raise SystemExit(7)"])
    bad = json.dumps({**good, "tool": "shel", "priority": "high"}, indent=1)
    for name, text in (("good", json.dumps(good)), ("failing", json.dumps(failing)), ("bad", bad)):
        (server.repository / f"{name}.json").write_text(text)
    told = ["export ENGINE_URL=http://localhost:8750 ENGINE_TOKEN=eng_…\n"]
    for line in SESSION:
        words = shlex.split(line)[1:]
        words = [str(server.repository / word) if word.endswith(".json") else word for word in words]
        done = server.engine(*words, ENGINE_URL=server.url, ENGINE_TOKEN=server.token, COLUMNS="110", merged=True)
        told.append(f"$ {line}\n{done.stdout}" + (f"[exit code {done.returncode}]\n" if done.returncode else ""))
    text = "\n".join(told)
    told_as = {str(server.data.parent): "/srv/engine", server.url: "http://localhost:8750", str(ROOT): "/opt/engine"}
    for found, shown in told_as.items():
        text = text.replace(found, shown)
    return HEAD + "```console\n" + "\n".join(line.rstrip() for line in text.splitlines()) + "\n```\n"


if __name__ == "__main__":
    with live(cluster=True, ENGINE_ALLOW_SHELL="1", ENGINE_EXECUTABLES="*") as running:
        PAGE.write_text(play(running))
