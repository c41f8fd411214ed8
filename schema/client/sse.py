"""Parser of server-sent events, for the fields that Engine sends."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

from .types import Message


def messages(lines: Iterable[str]) -> Iterator[Message]:
    """The complete messages. One that the end of the connection cut off is left out; it is sent again on resuming."""
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
