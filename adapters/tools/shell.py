"""Any program that the server allows, started as it is: no shell stands in between unless the job names one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from adapters.base import Field, Job, JobResult, ToolAdapter

SCRIPT = ("bash", "-eu", "-o", "pipefail", "-c")


class ShellAdapter(ToolAdapter):
    name = "shell"
    capabilities = ("run",)
    allowed_env = ("PYTHONPATH", "NODE_PATH", "NODE_OPTIONS", "RUBYLIB", "PERL5LIB")
    fields = (
        Field("command", "Command", "textarea", "One program with its arguments, or a script.", required=True),
        Field("script", "Run it as a bash script", "checkbox", "Needs bash among the allowed programs."),
    )

    def form_to_command(self, values: Mapping[str, str]) -> dict[str, Any]:
        if values.get("script"):
            return {"exe": SCRIPT[0], "args": [*SCRIPT[1:], values["command"]]}
        words = shlex.split(values["command"])
        return {"exe": words[0] if words else "", "args": words[1:]}


def run_shell_job(job: Job) -> JobResult:
    return ShellAdapter().run_job(job)
