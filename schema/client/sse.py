"""Server-sent events, as far as Engine speaks them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from .shapes import Message


def messages(lines: Iterable[str]) -> Iterator[Message]:
    """Whole messages; one that was cut off by the end of the connection is left out and comes again on resuming."""
    event, number = "", ""
    data: list[str] = []
    for line in lines:
        if not line:
            if data:
                yield Message(event, number, json.loads("\n".join(data)))
            event, number, data = "", "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            event = value
        elif name == "id":
            number = value
        elif name == "data":
            data.append(value)
