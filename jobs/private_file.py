"""Small files that only their owner may read, such as keys: whole or not there, whoever writes at the same time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


def create(path: Path, content: str) -> str:
    """Write the file unless it is there; returns what it holds. Of two first starts at once, both get the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with _written(path, content) as scratch:
        try:
            os.link(scratch, path)
        except FileExistsError:
            pass
    return path.read_text()


def replace(path: Path, content: str) -> None:
    """Readers find the old content or the new."""
    with _written(path, content) as scratch:
        scratch.replace(path)


@contextmanager
def _written(path: Path, content: str) -> Iterator[Path]:
    scratch = path.with_suffix(f".{uuid4().hex}")
    try:
        with open(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        yield scratch
    finally:
        scratch.unlink(missing_ok=True)
