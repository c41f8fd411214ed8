"""`engine up` and `engine worker`: the long-running commands."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from django.conf import settings
from django.core.checks import run_checks
from django.core.management import call_command
from rich.console import Console

from engine_site import demo as demonstration
from engine_site import first_steps
from engine_site.cli.app import app
from engine_site.up import Failed, open_port, prepare
from engine_site.up import up as run_site
from engine_site.web.server import serve
from jobs.checks import TAG
from jobs.services.execution import confinement

out = Console(highlight=False, soft_wrap=True)
EX_CONFIG = 78


Port = Annotated[int, typer.Option(envvar="PORT", help="Port of the web server.")]
Host = Annotated[str, typer.Option(envvar="ENGINE_BIND", help="Address that the web server listens on.")]


@app.command()
def up(
    port: Port = 8750,
    host: Host = "127.0.0.1",
    demo: Annotated[bool, typer.Option(help="Make a sample repository and run real jobs in it.")] = False,
) -> None:
    """Start everything: database, web and cluster, in the foreground. Ctrl-C ends all of it."""

    def ready(address: str) -> None:
        if demo:
            user, password = demonstration.user_and_password()
            out.print("Running the sample jobs ...")
            jobs = demonstration.play(out.print)
            out.print(f"\n[bold]Engine is ready:[/] {address}\n  user      {user}\n  password  {password}\n")
            _to_paste(first_steps.after_demo(address, Path(jobs[0].paths["repo_root"]), user))
        else:
            out.print(f"\n[bold]Engine is ready:[/] {address}\n")
            somebody = demonstration.anybody()
            if not somebody:
                out.print("No user exists yet; the first of these lines makes one.")
            _to_paste(first_steps.after_up(anybody=somebody))
            out.print(f"Jobs may work in {', '.join(settings.ENGINE_ROOTS)}; ENGINE_ROOTS names other directories.")
        confined, sentence = confinement.state()
        if not confined:
            out.print(f"[red]{sentence}[/]\n")
        out.print("Ctrl-C stops it.")

    refuse_bad_configuration()
    with _one_sentence():
        run_site(host, port, ready, out.print)


def _to_paste(lines: list[str]) -> None:
    out.print("In another terminal, in this directory:")
    for line in lines:
        out.print(f"  {line}", markup=False)
    out.print("")


@app.command()
def web(port: Port = 8750, host: Host = "127.0.0.1") -> None:
    """Serve pages and API until a signal: the web process alone, to start beside workers."""
    refuse_bad_configuration()
    with _one_sentence():
        listener = open_port(host, port)
        prepare()
        serve(listener)


@contextmanager
def _one_sentence() -> Iterator[None]:
    try:
        yield
    except Failed as failure:
        Console(stderr=True, highlight=False).print(f"[red]engine:[/] {failure}")
        raise typer.Exit(1) from None


@app.command()
def worker() -> None:
    """Run jobs on this host until a signal: the cluster alone, for one more worker host."""
    refuse_bad_configuration()
    call_command("cluster")


def refuse_bad_configuration() -> None:
    """Run Engine's own system checks, as `manage.py check` does with all: name each variable and the way out."""
    err = Console(stderr=True, highlight=False, soft_wrap=True)
    found = run_checks(tags=[TAG])
    for message in found:
        err.print(f"engine: {message.msg} {message.hint} ({message.id})", markup=False)
    if any(message.is_serious() for message in found):
        raise typer.Exit(EX_CONFIG)
