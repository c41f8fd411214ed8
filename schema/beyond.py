"""What a JSON Schema cannot say: sizes in bytes, tools that exist, and what is allowed but doubtful."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from .limits import ARG_BYTES, ARGS, ENV_BYTES
from .near import nearest
from .problems import Path, Problem, counted, pointer_to, shortened, shown, spoken
from .sentences import listed

_ESCALATE = "escalate_to_"
_TOOL = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_LOOKED_AT = 1_000  # keys: comparing words is slow
_ALIKE = 0.8  # keys of one's own are welcome in metadata: only a close likeness is worth a warning


def beyond_schema(document: Any, tools: Sequence[str] | None) -> Iterator[Problem]:
    """Problems beside the schema's. The document may have any shape: what has the wrong one is told elsewhere."""
    args = _at(document, "command", "args")
    for index, arg in enumerate(islice(args, ARGS) if isinstance(args, list) else ()):
        if isinstance(arg, str) and len(arg) <= ARG_BYTES < (size := len(arg.encode())):
            yield _too_many_bytes(("command", "args", index), size, ARG_BYTES, "use command.stdin for long text.")
    env = _at(document, "env")
    if isinstance(env, dict) and (size := _env_bytes(env)) > ENV_BYTES:
        yield _too_many_bytes(("env",), size, ENV_BYTES, "put long values into files.")
    if tools is not None:
        yield from (_unknown_tool(path, begin, name, tools) for path, begin, name in _tools_in(document, tools))


def doubtful(document: Any, known: Sequence[str]) -> Iterator[Problem]:
    """Warnings: what Engine takes as it stands although something else was probably meant."""
    exe = _at(document, "command", "exe")
    if isinstance(exe, str) and re.search(r"\S\s+\S", exe) and not re.search(r"[/\\]", exe):
        first = exe.split()[0]
        message = f'command.exe is {shown(exe)}: if that is a whole command line, keep "{shortened(first)}"'
        message += " and move the other words into command.args."
        yield Problem("/command/exe", message, shown(exe), "one executable, without arguments", first)
    metadata = _at(document, "metadata")
    for key in islice(metadata, _LOOKED_AT) if isinstance(metadata, dict) else ():
        if key not in known and (meant := nearest(key, [name for name in known if name not in metadata], _ALIKE)):
            path = ("metadata", key)
            message = f"{spoken(path)} is kept, but Engine does not read it. Did you mean {meant}?"
            yield Problem(pointer_to(path), message, f'the key "{key}"', "any key", meant)


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _env_bytes(env: dict[str, Any]) -> int:
    # Two more for each: the equals sign and the zero byte that the operating system counts too.
    texts = [(name, value) for name, value in env.items() if isinstance(value, str)]
    return sum(len(name.encode()) + len(value.encode()) + 2 for name, value in texts)


def _too_many_bytes(path: Path, size: int, limit: int, way_out: str) -> Problem:
    found, allowed = counted(size, "byte"), f"at most {counted(limit, 'byte')}"
    message = f"{spoken(path)} has {found}; it takes {allowed}: {way_out}"
    return Problem(pointer_to(path), message, found, allowed)


def _tools_in(document: Any, tools: Sequence[str]) -> Iterator[tuple[Path, str, str]]:
    """Path, what stands before the name, and name of each well-formed tool name that nobody knows."""
    policy = _at(document, "metadata", "retry_policy")
    named: list[tuple[Path, str, Any]] = [(("tool",), "", _at(document, "tool"))]
    if isinstance(policy, str) and policy.startswith(_ESCALATE):
        named.append((("metadata", "retry_policy"), _ESCALATE, policy.removeprefix(_ESCALATE)))
    rungs = _at(policy, "escalate_to")
    for index, rung in enumerate(rungs[:8] if isinstance(rungs, list) else ()):
        named.append((("metadata", "retry_policy", "escalate_to", index), "", rung))
    for path, begin, name in named:
        if isinstance(name, str) and _TOOL.fullmatch(name) and name not in tools:
            yield path, begin, name


def _unknown_tool(path: Path, begin: str, name: str, tools: Sequence[str]) -> Problem:
    near = nearest(name, tools)
    allowed = listed(sorted(begin + tool for tool in tools)) if tools else "nothing: no tool is set up"
    hint = f"did you mean {begin}{near}?" if near else f"it takes {shortened(allowed, 200)}."
    message = f'{spoken(path)} names the unknown tool "{name}": {hint}'
    return Problem(pointer_to(path), message, f'"{begin}{name}"', allowed, begin + near if near else "")
