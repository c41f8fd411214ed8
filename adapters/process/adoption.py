"""Adoption: a new runner takes over keepers that the last one told to hold before a planned restart."""

import os
import socket
import struct
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from adapters.process.channel import Channel
from adapters.process.client import IDENTITIES, Keeper, Running
from adapters.process.guard_process import OtherGuard
from adapters.process.keeper import tree
from adapters.process.keeper.protocol import VERSION
from adapters.process.sweep import Identity

CONNECT_TIMEOUT_S = 1.0
ANSWER_TIMEOUT_S = 3.0
PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid


class NotAdopted(Exception):
    """The keeper cannot be taken over; the sentence says why. It ends its tools by itself."""


def socket_path(directory: Path, shim: Identity) -> Path:
    return directory / f"keeper-{shim[0]}-{shim[1]}"


def is_held(directory: Path, shim: Identity) -> bool:
    """Whether this keeper lives and waits for a runner."""
    return tree.alive(*shim) and socket_path(directory, shim).exists()


def adopt(directory: Path, shim: Identity, guard: Identity, secret: str, attempts: Mapping[str, str]) -> Keeper:
    """Take over a keeper with what it runs; what ended meanwhile is not among it. Raises NotAdopted.

    `attempts` are the directories of the attempts that it ran, by their marker.
    """
    connection = _connect(socket_path(directory, shim), shim[0])
    channel = Channel(connection)
    channel.send({"op": "hello", "version": VERSION, "secret": secret})
    answer = _answer(channel)
    version, told = answer.get("version"), tuple(answer.get(name) for name in IDENTITIES)
    if version != VERSION or told != (*shim, *guard):
        channel.close()
        raise NotAdopted(
            f"Keeper {shim[0]} speaks version {version} of the protocol, not {VERSION}, or is another one."
        )
    running = [
        Running(int(one["id"]), attempts.get(one["marker"], ""), str(one["marker"])) for one in answer["attempts"]
    ]
    return Keeper.adopted(OtherGuard(*guard), channel, dict(zip(IDENTITIES, (*shim, *guard), strict=True)), running)


def remove_socket(directory: Path, shim: Identity) -> None:
    """The rows are the new runner's: upkeep need not wait any more."""
    socket_path(directory, shim).unlink(missing_ok=True)


def remove_stale(directory: Path) -> None:
    """Names of sockets whose keepers are gone."""
    for path in directory.glob("keeper-*-*"):
        with suppress(ValueError):
            pid, starttime = map(int, path.name.split("-")[1:])
            if not tree.alive(pid, starttime):
                path.unlink(missing_ok=True)


def _connect(path: Path, pid: int) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(CONNECT_TIMEOUT_S)
    directory = -1
    try:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        connection.connect(f"/proc/self/fd/{directory}/{path.name}")  # the whole path may be too long
        peer, uid, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    except OSError as error:
        connection.close()
        raise NotAdopted(f"Keeper {pid} cannot be reached: {error}.") from error
    finally:
        if directory >= 0:
            os.close(directory)
    if (peer, uid) != (pid, os.geteuid()):  # it must not hear the secret
        connection.close()
        raise NotAdopted(f"Process {peer} of user {uid} answers in place of keeper {pid}.")
    return connection


def _answer(channel: Channel) -> dict[str, Any]:
    until = time.monotonic() + ANSWER_TIMEOUT_S
    while not channel.ended and time.monotonic() < until:
        channel.wait(max(0.0, until - time.monotonic()))
        messages = channel.receive()
        if messages and messages[0].get("event") == "ready":
            channel.put_back(messages[1:])
            return messages[0]
    channel.close()
    raise NotAdopted("The keeper does not answer.")
