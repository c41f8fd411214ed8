"""Server-sent events: the one encoder, for logs and events and for every interface."""

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import Any

# The first bytes of a stream: a client that lost it comes again after so many milliseconds.
OPENING = b"retry: 1000\n\n"
KEEP_ALIVE = b": keep-alive\n\n"
LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Message:
    """One event. `data` is sent as it is if it is a text, else as JSON; without `event` the client's default holds.

    Any number of watchers may be sent the same message: it is encoded once.
    """

    event: str
    id: str
    data: Any

    @cached_property
    def encoded(self) -> bytes:
        text = self.data if isinstance(self.data, str) else json.dumps(self.data)
        fields = [f"id: {self.id}"] if self.id else []
        fields += [f"event: {self.event}"] if self.event else []
        fields += [f"data: {line}" for line in LINE_END.split(text)]
        return ("\n".join(fields) + "\n\n").encode("utf-8", "replace")
