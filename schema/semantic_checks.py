"""Semantic checks, which a JSON Schema cannot express: sizes in bytes, known tools, and what is probably a mistake."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Any

from .limits import ARG_BYTES, ARGS, ENV_BYTES, HIDDEN
from .messages import alternatives
from .problems import Path, Problem, path_text, pointer_to, quantity, truncated, value_text
from .suggestions import closest_match

_ESCALATE_TO = "escalate_to_"
_TOOL = re.compile(r"[a-z][a-z0-9_-]{0,39}")
_MAX_KEYS_COMPARED = 1_000  # comparing words is slow
_MIN_SIMILARITY = 0.8  # custom keys are welcome in metadata: only a very similar one is worth a warning


def semantic_problems(document: Any, tools: Sequence[str] | None) -> Iterator[Problem]:
    """Problems that the schema does not find. The document may have any shape; the schema reports wrong types."""
    args = _at(document, "command", "args")
    for index, arg in enumerate(islice(args, ARGS) if isinstance(args, list) else ()):
        if isinstance(arg, str) and len(arg) <= ARG_BYTES < (size := len(arg.encode())):
            yield _too_many_bytes(("command", "args", index), size, ARG_BYTES, "use command.stdin for long text.")
    env = _at(document, "env")
    if isinstance(env, dict) and (size := _env_bytes(env)) > ENV_BYTES:
        yield _too_many_bytes(("env",), size, ENV_BYTES, "move long values to files.")
    for place, values in _environments(document):
        yield from (_hidden_value((*place, name)) for name, value in values.items() if value == HIDDEN)
    if tools is not None:
        yield from (_unknown_tool(path, prefix, name, tools) for path, prefix, name in _tools_in(document, tools))


def semantic_warnings(document: Any, known: Sequence[str]) -> Iterator[Problem]:
    """Warnings: what Engine accepts although something else was probably meant."""
    exe = _at(document, "command", "exe")
    if isinstance(exe, str) and re.search(r"\S\s+\S", exe) and not re.search(r"[/\\]", exe):
        first = exe.split()[0]
        message = f"command.exe is {value_text(exe)}, which looks like a command line: "
        message += f'keep "{truncated(first)}" and move the arguments to command.args.'
        yield Problem("/command/exe", message, value_text(exe), "one executable, without arguments", first)
    metadata = _at(document, "metadata")
    for key in islice(metadata, _MAX_KEYS_COMPARED) if isinstance(metadata, dict) else ():
        if key not in known and (
            match := closest_match(key, [name for name in known if name not in metadata], _MIN_SIMILARITY)
        ):
            path = ("metadata", key)
            message = f"Engine stores {path_text(path)} but does not use it. Did you mean {match}?"
            yield Problem(pointer_to(path), message, f'the key "{key}"', "any key", match)


def _at(document: Any, *keys: str) -> Any:
    for key in keys:
        document = document.get(key) if isinstance(document, dict) else None
    return document


def _environments(document: Any) -> Iterator[tuple[Path, dict[str, Any]]]:
    """The document's own, and those of the steps of its escalation."""
    steps = _at(document, "metadata", "retry_policy", "escalate_to")
    place: Path = ("metadata", "retry_policy", "escalate_to")
    found: list[tuple[Path, Any]] = [(("env",), _at(document, "env"))]
    found += [
        ((*place, index, "env"), _at(step, "env"))
        for index, step in enumerate(steps[:8] if isinstance(steps, list) else ())
    ]
    yield from ((path, env) for path, env in found if isinstance(env, dict))


def _env_bytes(env: dict[str, Any]) -> int:
    # Two more for each: the equals sign and the zero byte that the operating system counts too.
    texts = [(name, value) for name, value in env.items() if isinstance(value, str)]
    return sum(len(name.encode()) + len(value.encode()) + 2 for name, value in texts)


def _too_many_bytes(path: Path, size: int, limit: int, remedy: str) -> Problem:
    found, allowed = quantity(size, "byte"), f"at most {quantity(limit, 'byte')}"
    message = f"{path_text(path)} has {found}; expected {allowed}: {remedy}"
    return Problem(pointer_to(path), message, found, allowed)


def _hidden_value(path: Path) -> Problem:
    message = (
        f'{path_text(path)} is "{HIDDEN}", which stands for a value that was not shown: write the value, or name a '
    )
    message += "stored secret."
    return Problem(pointer_to(path), message, f'"{HIDDEN}"', "the value itself, or a stored secret")


def _tools_in(document: Any, tools: Sequence[str]) -> Iterator[tuple[Path, str, str]]:
    """Path, prefix and name of each well-formed tool name that is unknown."""
    policy = _at(document, "metadata", "retry_policy")
    named: list[tuple[Path, str, Any]] = [(("tool",), "", _at(document, "tool"))]
    if isinstance(policy, str) and policy.startswith(_ESCALATE_TO):
        named.append((("metadata", "retry_policy"), _ESCALATE_TO, policy.removeprefix(_ESCALATE_TO)))
    chain = _at(policy, "escalate_to")
    for index, entry in enumerate(chain[:8] if isinstance(chain, list) else ()):
        place: Path = ("metadata", "retry_policy", "escalate_to", index)
        named.append(((*place, "tool"), "", entry.get("tool")) if isinstance(entry, dict) else (place, "", entry))
    for path, prefix, name in named:
        if isinstance(name, str) and _TOOL.fullmatch(name) and name not in tools:
            yield path, prefix, name


def _unknown_tool(path: Path, prefix: str, name: str, tools: Sequence[str]) -> Problem:
    match = closest_match(name, tools)
    allowed = (
        alternatives(sorted(prefix + tool for tool in tools)) if tools else "nothing, because no tools are configured"
    )
    hint = f"did you mean {prefix}{match}?" if match else f"expected {truncated(allowed, 200)}."
    message = f'Unknown tool "{name}" in {path_text(path)}: {hint}'
    return Problem(pointer_to(path), message, f'"{prefix}{name}"', allowed, prefix + match if match else "")
