"""Evidence: what an attempt left behind, read lazily, because a log may have 200 MB."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from adapters.gitinfo import GitChange
from adapters.process.keeper.log.secret_encodings import MIN_SECRET_LENGTH as MIN_SECRET_LENGTH

LOG = "output.log"
TOOL_DIR = "tool"  # of an attempt's directory: what the tool may write there
LONGEST_LINE = 4 * 1024 * 1024  # JSON lines hold whole tool outputs; beyond this a line is cut, never kept in memory
LONGEST_FILE = 20 * 1024 * 1024

# Colours, cursor moves, titles: some tools print them on a pipe, NO_COLOR or not.
ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_78=>])")


def mapping(value: Any) -> dict[str, Any]:
    """`value` if it is a JSON object, else an empty one: a tool's next version may send anything."""
    return value if isinstance(value, dict) else {}


def plain(raw: bytes) -> str:
    text = raw.decode("utf-8", "replace").rstrip("\r\n")
    return ESCAPES.sub("", text) if "\x1b" in text else text


def _no_link(path: str, options: int) -> int:
    return os.open(path, options | os.O_NOFOLLOW | os.O_NONBLOCK)  # nor wait for the writer of a pipe


def masked(text: str, secrets: Iterable[str]) -> str:
    """The text without these values, where they are long enough to be told from ordinary words."""
    for secret in secrets:
        if len(secret) >= MIN_SECRET_LENGTH:
            text = text.replace(secret, "***")
    return text


class Evidence:
    def __init__(
        self,
        attempt_dir: Path,
        git: GitChange | None = None,
        secrets: Iterable[str] = (),
        git_trouble: str = "",
        shared: bool = False,
    ) -> None:
        self.attempt_dir = Path(attempt_dir)
        self.git = git
        self.git_trouble = git_trouble  # git's own words, where it did not answer
        self.shared = shared  # another job used the tree meanwhile: a change need not be this job's
        self._secrets = tuple(secret.encode() for secret in secrets if len(secret) >= MIN_SECRET_LENGTH)

    def lines(self) -> Iterator[str]:
        """Every line of the log as plain text, without terminal codes."""
        for raw in self._raw_lines():
            yield plain(raw)

    def json_lines(self) -> Iterator[dict[str, Any]]:
        """Every line that is a JSON object; notes between them (stderr, terminal resets) are skipped."""
        for raw in self._raw_lines():
            if not raw.startswith(b"{"):
                continue
            try:
                found = json.loads(raw)
            except (ValueError, RecursionError):
                continue
            if isinstance(found, dict):
                yield found

    def tail(self, n_bytes: int = 8192) -> str:
        """The end of the log, beginning with a whole line where there is one."""
        try:
            with (self.attempt_dir / LOG).open("rb") as log:
                size = log.seek(0, 2)
                log.seek(max(0, size - n_bytes))
                raw = log.read(n_bytes)
        except OSError:
            return ""
        if size > n_bytes and b"\n" in raw[:-1]:
            raw = raw.split(b"\n", 1)[1]
        return "\n".join(plain(line) for line in raw.splitlines())

    def notes(self, n_bytes: int = 32 * 1024) -> list[str]:
        """The lines in the end of the log that are not JSON: what a tool of events says beside them, on stderr."""
        return [line for line in self.tail(n_bytes).splitlines() if not line.startswith("{")]

    def last_line(self) -> str:
        return next((line.strip() for line in reversed(self.tail().splitlines()) if line.strip()), "")

    def file(self, name: str) -> bytes:
        """A file that the tool was told to write into its directory; empty if there is none, or a link to another place."""
        try:
            with open(self.attempt_dir / TOOL_DIR / name, "rb", opener=_no_link) as source:
                content = source.read(LONGEST_FILE)
        except OSError:
            return b""
        for secret in self._secrets:  # the log was masked as it was written, the tool's own files were not
            content = content.replace(secret, b"***")
        return content

    def _raw_lines(self) -> Iterator[bytes]:
        try:
            log = (self.attempt_dir / LOG).open("rb")
        except OSError:
            return
        with log:
            while raw := log.readline(LONGEST_LINE):
                yield raw
                while len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
                    raw = log.readline(LONGEST_LINE)
