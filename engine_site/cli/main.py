"""Entry point of the `engine` command: sets up Django, runs the command, prints refusals as one sentence."""

import sys

from rich.markup import escape

from jobs import boot
from jobs.errors import InvalidDocument, Refused
from schema.client import EngineError

from engine_site.cli import output  # isort: skip
from engine_site.cli.app import app  # isort: skip

# Each registers its commands; in the order of the help.
from engine_site.cli import jobs, inspection, records, operate, doctor  # noqa: F401  # isort: skip
from engine_site.cli import run_job, servers, credentials, django_commands, seed  # noqa: F401  # isort: skip

__all__ = ["boot", "main"]
err = output.err


def main() -> None:
    """Exit codes: 0 well, the tool's own for a failed job, 124 timeout, 130 cancelled, and those of jobs/errors.py."""
    try:
        app()
    except Refused as refusal:
        complain(refusal)
        sys.exit(refusal.exit_code)
    except EngineError as refusal:  # a server's
        err.print(f"[red]engine:[/] {escape(refusal.detail)}")
        output.problems(refusal.problems)
        sys.exit(refusal.exit_code)


def complain(refusal: Refused) -> None:
    """One sentence; for a document, each problem on a line of its own."""
    err.print(f"[red]engine:[/] {escape(refusal.message)}", markup=True)
    if isinstance(refusal, InvalidDocument):
        for problem in refusal.problems:
            err.print(f"  {problem}", markup=False)
