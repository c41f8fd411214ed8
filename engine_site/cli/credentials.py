"""`engine secret` and `engine token`: on the server's own machine only."""

import getpass
import os
import sys
from datetime import timedelta
from typing import Annotated

import typer
from cryptography.fernet import Fernet
from django.contrib.auth.models import User

from engine_site.cli import output
from engine_site.cli.app import app
from jobs import audit, db
from jobs.errors import NotFound, Refused
from jobs.models import ApiToken, Secret
from jobs.roles import TOKEN_SCOPES
from jobs.services.accounts import secrets, tokens

secret = typer.Typer(help="Values that jobs may use and that cannot be read again.", no_args_is_help=True)
token = typer.Typer(help="Tokens for scripts.", no_args_is_help=True)
app.add_typer(secret, name="secret")
app.add_typer(token, name="token")
Name = Annotated[str, typer.Argument(metavar="NAME")]


def who() -> str:
    if os.environ.get("ENGINE_URL"):
        raise Refused("This works on the server's own machine only; unset ENGINE_URL there.")
    audit.set_via("command")
    return getpass.getuser()


@secret.command("set")
def set_secret(name: Name) -> None:
    """Store a value, read from standard input or asked for without showing it; never from the command line."""
    by = who()
    value = getpass.getpass(f"Value of {name}: ") if sys.stdin.isatty() else sys.stdin.read().rstrip("\r\n")
    secrets.put(name, value, by=by)
    output.err.print(f"Stored {name}. Grant it: engine secret grant {name} --tool TOOL", markup=False)


@secret.command()
def grant(
    name: Name,
    tool: Annotated[str, typer.Option(help="The tool that may use it.")] = "",
    repository: Annotated[str, typer.Option(help="The repository whose jobs may use it.")] = "",
) -> None:
    """Let a tool, a repository's jobs, or that tool in that repository use it."""
    row = secrets.grant(name, tool=tool, repository=repository, by=who())
    output.err.print(f"{name} is granted to {row}.", markup=False)


@secret.command("remove")
def remove_secret(name: Name) -> None:
    """Forget a secret and its grants."""
    secrets.remove(name, by=who())
    output.err.print(f"Removed {name}.", markup=False)


@secret.command("list")
def list_secrets() -> None:
    """Names and grants; never values."""
    who()
    rows = [
        {
            "name": row.name,
            "grants": ", ".join(map(str, row.grants.all())),
            "set_by": row.set_by,
            "updated_at": row.updated_at.isoformat(),
        }
        for row in Secret.objects.prefetch_related("grants")
    ]
    output.table({"name": "SECRET", "grants": "GRANTED TO", "set_by": "BY", "updated_at": "AGE"}, rows, "No secrets.")


@secret.command()
def rotate() -> None:
    """Seal every secret with a new key: the first of ENGINE_SECRETS_KEY, else one that is made now."""
    count = secrets.rotate(by=who())
    output.err.print(f"{count} secrets re-encrypted.")


@secret.command("new-key")
def new_key() -> None:
    """Print a key for ENGINE_SECRETS_KEY."""
    print(Fernet.generate_key().decode())


@token.command("create")
def create_token(
    name: Name,
    user: Annotated[str, typer.Option(help="Whose token it is.")],
    scope: Annotated[list[str], typer.Option(help=f"{', '.join(TOKEN_SCOPES)}; repeat for several.")],
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires.")] = None,
) -> None:
    """Make a token and print it; it cannot be shown again."""
    by = who()
    owner = User.objects.filter(username=user).first()
    if owner is None:
        raise NotFound(f"User {user} not found.")
    until = db.now() + timedelta(days=days) if days else None
    _, value = tokens.create(owner, name, scope, by=by, expires_at=until)
    print(value)


@token.command("list")
def list_tokens() -> None:
    """Everybody's tokens, without the tokens themselves."""
    who()
    rows = [
        {
            "name": row.name,
            "prefix": row.prefix,
            "user": row.user.get_username(),
            "scopes": ", ".join(row.scopes),
            "status": row.state,
            "last_used_at": row.last_used_at and row.last_used_at.isoformat(),
        }
        for row in ApiToken.objects.select_related("user")
    ]
    columns = {
        "name": "TOKEN",
        "prefix": "BEGINS",
        "user": "USER",
        "scopes": "SCOPES",
        "status": "STATE",
        "last_used_at": "USED",
    }
    output.table(columns, rows, "No tokens.")


@token.command()
def revoke(name: Name, user: Annotated[str, typer.Option(help="Whose token it is.")]) -> None:
    """End a token at once."""
    by = who()
    row = ApiToken.objects.select_related("user").filter(name=name, user__username=user).first()
    if row is None:
        raise NotFound(f"{user} has no token named {name}.")
    tokens.revoke(row, by=by)
    output.err.print(f"Revoked {name}.", markup=False)
