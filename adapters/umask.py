"""The file mode creation mask of this process, read without changing it."""

from __future__ import annotations

import os
from pathlib import Path


def current() -> int:
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    # Without /proc it can only be read by setting it, for a moment in which other threads have the strict one.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
