"""The command's root; the modules beside it add to it."""

import typer

app = typer.Typer(
    name="engine",
    help="Hand jobs to AI coding tools and other programs, and see what came of them.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
