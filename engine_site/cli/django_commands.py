"""`engine manage`: Django's own commands, for an installation that has no `manage.py`."""

import typer
from django.core.management import execute_from_command_line

from engine_site.cli.app import app


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []},
    add_help_option=False,
)
def manage(context: typer.Context) -> None:
    """Run a command of Django, such as createsuperuser or migrate; without arguments it lists them."""
    execute_from_command_line(["engine manage", *context.args])
