"""The command's root; the modules beside it add to it."""

from importlib.metadata import version
from typing import Annotated

import typer

# One line for each paragraph: typer keeps line breaks.
HELP = (
    "Hand jobs to AI coding tools and other programs, and see what came of them.\n\n"
    "With ENGINE_URL the commands ask that server, as the owner of the token in ENGINE_TOKEN. "
    "Without it they work on the database of this installation."
)
EPILOG = (
    "Environment: ENGINE_URL, a server's address, such as http://localhost:8750. "
    "ENGINE_TOKEN, a token that begins with eng_ (Settings, API tokens). COLUMNS, the width of tables. "
    "The README has the settings of a server.\n\n"
    "Exit codes: 0 done; 1 refused, or the job failed without a code of its own; 2 wrong command line; 65 bad input; "
    "66 not found; 69 server or database not there; 75 too many requests; 77 not allowed; "
    "79 the time to wait is over and the job is not; 124 the job ran out of time; 130 the job was cancelled; "
    "other codes are the tool's own."
)

app = typer.Typer(
    name="engine",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"engine {version('engine-jobs')}")
        raise typer.Exit


@app.callback(help=HELP, epilog=EPILOG)
def root(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass
