"""What the start of a job would refuse on any host: asked when a document is checked, and again at the start.

What a host lacks, such as a program or a directory, is not asked: another host may have it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from django.conf import settings

from adapters import registry
from adapters.errors import AdapterError, DangerousName
from adapters.interface import Context
from schema import Problem


def allowed_executables(tool: str) -> tuple[str, ...] | None:
    """Programs that an operator lists besides the adapters' own; None: the shell tool may run any."""
    allowed = tuple(settings.ENGINE_EXECUTABLES)
    return None if tool == "shell" and "*" in allowed else allowed


def refusals(document: Mapping[str, Any]) -> list[Problem]:
    """Of a document that is valid by the schema."""
    tool = document["tool"]
    if tool == "shell" and not settings.ENGINE_ALLOW_SHELL:
        sentence = "The shell tool is switched off on this server."
        way_out = "Ask an operator to set ENGINE_ALLOW_SHELL=1."
        return [Problem("/tool", sentence, "shell", "any other tool", way_out)]
    context = Context(Path(), "", allowed_executables=allowed_executables(tool))
    try:
        registry.get(tool).examine(dict(document), context)
    except AdapterError as refusal:
        return [_problem(document, refusal)]
    return []


def _problem(document: Mapping[str, Any], refusal: AdapterError) -> Problem:
    if isinstance(refusal, DangerousName):
        return Problem("/env", f"{refusal}.")
    return Problem("/command/exe", f"{refusal}.", str(document["command"]["exe"]))
