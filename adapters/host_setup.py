"""Whether a tool is set up on this host: installed, and with a key or a login. Looks only; asks no provider."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from adapters.environment import PASSED_ON, matches


def missing(executables: Sequence[str], keys: Sequence[str], logins: Sequence[str], env: Mapping[str, str]) -> str:
    """What is not there, to complete a sentence; empty if nothing is. `env` is what the job adds to the server's."""
    here = {name: text for name, text in os.environ.items() if matches(name, PASSED_ON)}
    whole = {**here, **env}
    if executables and not any(shutil.which(name, path=whole.get("PATH")) for name in executables):
        return f"{executables[0]} is not installed on this host"
    if not keys or any(matches(name, keys) for name in whole):
        return ""
    home = Path(whole.get("HOME") or "/nonexistent")
    if any((home / place).exists() for place in logins):
        return ""
    return f"no key is given ({keys[0]}), and it is not logged in on this host"
