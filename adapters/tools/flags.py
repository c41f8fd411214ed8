"""Reading a command line that a person wrote, without changing what it says."""

from __future__ import annotations

from collections.abc import Collection, Sequence


def has(args: Sequence[str], *names: str) -> bool:
    """Whether one of the flags is given: `--name`, `--name=value`, or for one letter also `-nvalue`."""
    return any(_is(argument, name) for argument in _before_dashes(args) for name in names)


def value(args: Sequence[str], *names: str) -> str | None:
    """The value of a flag, the last one if it is given twice."""
    found = None
    for index, argument in enumerate(_before_dashes(args)):
        for name in names:
            if argument == name:
                found = args[index + 1] if index + 1 < len(args) else None
            elif _is(argument, name):
                found = argument[len(name) :].removeprefix("=")
    return found


def positions(args: Sequence[str], valued: Collection[str]) -> list[int]:
    """Where the arguments that are no flags stand; `valued` names the flags that take the next argument."""
    found: list[int] = []
    index = 0
    while index < len(args):
        argument = args[index]
        if argument == "--":
            return found + list(range(index + 1, len(args)))
        if argument in valued:
            index += 1
        elif argument == "-" or not argument.startswith("-"):
            found.append(index)
        index += 1
    return found


def _is(argument: str, name: str) -> bool:
    if argument == name or argument.startswith(name + "="):
        return True
    return len(name) == 2 and not argument.startswith("--") and argument.startswith(name) and len(argument) > 2


def _before_dashes(args: Sequence[str]) -> Sequence[str]:
    return args[: args.index("--")] if "--" in args else args
