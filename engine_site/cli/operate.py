"""`engine pause`, `resume`, `limit`, `drain` and the other controls of operators."""

from enum import StrEnum
from typing import Annotated, Any

import typer

from engine_site.cli import output
from engine_site.cli.app import app
from engine_site.cli.backend import Backend, Row, backend
from engine_site.cli.jobs import Json
from engine_site.cli.kinds import Kind
from jobs.errors import InvalidDocument, NotFound


class Pausable(StrEnum):
    QUEUE = "queue"
    TOOL = "tool"


class Resumable(StrEnum):
    QUEUE = "queue"
    TOOL = "tool"
    WORKER = "worker"


What = Annotated[Pausable, typer.Argument(help="queue or tool", metavar="queue|tool")]
Name = Annotated[str, typer.Argument(metavar="NAME")]
Reason = Annotated[str, typer.Option("--reason", "-m", help="Shown wherever the pause or lock matters.")]
NO_LIMIT = "none"


def _control(kind: Kind, name: str, verb: str, as_json: bool, said: str, **order: Any) -> None:
    row = backend().control(kind, name, verb, order)
    output.as_json(row) if as_json else output.err.print(f"{kind.capitalize()} {name} {said}.", markup=False)


@app.command()
def pause(what: What, name: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Start no more jobs of a queue or tool; running ones go on."""
    _control(Kind(what), name, "pause", as_json, "is paused", **({"reason": reason} if reason else {}))


@app.command()
def resume(
    what: Annotated[Resumable, typer.Argument(help="queue, tool or worker", metavar="queue|tool|worker")],
    name: Name,
    as_json: Json = False,
) -> None:
    """Start jobs of a queue or tool again, or let a drained worker claim again."""
    _control(Kind(what), name, "resume", as_json, "takes jobs again")


@app.command()
def limit(
    what: What,
    name: Name,
    number: Annotated[str, typer.Argument(help="Jobs at once; none lifts the limit.", metavar="N|none")],
    as_json: Json = False,
) -> None:
    """Set how many jobs of a queue or tool run at once."""
    if number != NO_LIMIT and not number.isdecimal():
        raise InvalidDocument(f"{number!r} is not a limit; give a whole number, or {NO_LIMIT}.")
    most = None if number == NO_LIMIT else int(number)
    said = "has no limit" if most is None else f"runs at most {most} jobs at once"
    _control(Kind(what), name, "limit", as_json, said, limit=most)


@app.command("close-circuit")
def close_circuit(tool: Name, as_json: Json = False) -> None:
    """Trust a tool again whose circuit breaker is open."""
    _control(Kind.TOOL, tool, "close-circuit", as_json, "is trusted again")


@app.command("try")
def try_tool(tool: Name, as_json: Json = False) -> None:
    """Let one trial of a tool start although its circuit breaker is open."""
    _control(Kind.TOOL, tool, "try", as_json, "may try one job")


@app.command()
def drain(worker: Name, as_json: Json = False) -> None:
    """Let a worker finish what it runs and claim nothing more."""
    _control(Kind.WORKER, worker, "drain", as_json, "is draining")


@app.command()
def forget(worker: Name, as_json: Json = False) -> None:
    """Remove a worker that has stopped or is lost from the list."""
    _control(Kind.WORKER, worker, "forget", as_json, "is forgotten")


@app.command()
def lock(workstream: Name, reason: Reason = "", as_json: Json = False) -> None:
    """Take no new jobs for a workstream, whatever run they name."""
    order = {"reason": reason} if reason else {}
    _control(Kind.WORKSTREAM, workstream, "lock", as_json, "is locked", **order)


@app.command()
def unlock(workstream: Name, as_json: Json = False) -> None:
    """Take jobs for a workstream again."""
    _control(Kind.WORKSTREAM, workstream, "unlock", as_json, "is unlocked")


Signature = Annotated[str, typer.Argument(help="An error group, or the begin of its signature.", metavar="ERROR")]


def _signature(engine: Backend, begin: str) -> str:
    """The whole signature. Raises NotFound, or InvalidDocument when several begin like this."""
    found = [row["signature"] for row in engine.errors({}, 10_000) if row["signature"].startswith(begin)]
    if not found:
        raise NotFound(f"Error group {begin} not found.")
    if len(found) > 1:
        raise InvalidDocument(f"{len(found)} error groups begin with {begin}; give more of the signature.")
    return str(found[0])


def _judge(begin: str, verb: str, as_json: bool, said: str, **order: Any) -> None:
    engine = backend()
    row: Row = engine.control(Kind.ERROR, _signature(engine, begin), verb, order)
    output.as_json(row) if as_json else output.err.print(f"Error group {begin} {said}.", markup=False)


@app.command()
def resolve(error: Signature, as_json: Json = False) -> None:
    """Say that an error is fixed; when it is seen again it is open as a regression."""
    _judge(error, "resolve", as_json, "is resolved")


@app.command()
def mute(
    error: Signature,
    more: Annotated[int | None, typer.Option(min=1, help="Until it was seen so often again.")] = None,
    as_json: Json = False,
) -> None:
    """Keep an error out of the open ones."""
    _judge(error, "mute", as_json, "is muted", **({"more": more} if more else {}))


@app.command()
def reopen(error: Signature, as_json: Json = False) -> None:
    """Open a resolved or muted error again."""
    _judge(error, "reopen", as_json, "is open")
