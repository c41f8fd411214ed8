"""The options of a command that lists jobs, one for each field of the filter."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

from jobs.services.reading.job_filter import FACETS, JobFilter


def with_filter_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for each field; it gets those that were used as its first argument, by name."""

    @wraps(command)
    def run(**given: Any) -> None:
        filters = {name: given.pop(name) for name in FACETS}
        command({name: text for name, text in filters.items() if text}, **given)

    own = list(inspect.signature(command).parameters.values())[1:]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default="", annotation=_option(name)) for name in FACETS
    ]
    with_signature: Any = run
    with_signature.__signature__ = inspect.Signature(
        [*options, *(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own)]
    )
    return run


def _option(name: str) -> Any:
    facet = FACETS[name]
    sentence = JobFilter.model_fields[name].description or ""
    names = facet.options or (f"--{name.replace('_', '-')}",)
    return Annotated[str, typer.Option(*names, help=f"{sentence[:1].upper()}{sentence[1:]}.")]
