"""`engine seed`: a long history for demonstrations and measurements."""

from typing import Annotated

import typer
from rich.progress import Progress

from engine_site.cli.app import app
from engine_site.seed import seed as plant


@app.command()
def seed(
    jobs: Annotated[int, typer.Option(min=1, max=5_000_000, help="How many finished jobs to add.")] = 10_000,
) -> None:
    """Fill the database with finished sample jobs, in bulk, to see Engine with a long history."""
    with Progress(transient=True) as progress:
        bar = progress.add_task("Seeding", total=jobs)
        plant(jobs, lambda done: progress.update(bar, completed=done))
    typer.echo(f"{jobs} jobs added.")
