"""Hold: a keeper waits for its next runner, with its tools running, while the old one is replaced by a planned restart.

It listens on a socket in a directory of Engine's own user. A caller is believed if it runs as the same user and says the
secret that the old runner handed over through its own socket; no tool has seen it.
"""

import json
import os
import select
import socket
import struct
from _operator import _compare_digest  # hmac's own, without the import of OpenSSL

from .poller import Poller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_CALLERS = 8  # of whom none has said the secret yet
MAX_HELLO_BYTES = 4096
PEER = struct.Struct("3i")  # struct ucred: pid, uid, gid


class Hold:
    """Raises OSError if it cannot listen, KeyError or ValueError for an order that makes no sense."""

    def __init__(self, order: "dict[str, Any]", poller: Poller, now: float) -> None:
        self.until = now + float(order["s"])
        self._secret, self._poller = str(order["secret"]), poller
        self._listener = _listen(str(order["path"]))
        self._callers: dict[int, tuple[socket.socket, bytearray]] = {}
        poller.register(self._listener.fileno(), select.POLLIN)

    def owns(self, fd: int) -> bool:
        return fd == self._listener.fileno() or fd in self._callers

    def handle(self, fd: int) -> int:
        """A file is ready. The descriptor of the new runner's connection once it is known, else -1."""
        if fd == self._listener.fileno():
            self._accept()
            return -1
        caller, said = self._callers[fd]
        try:
            piece = caller.recv(MAX_HELLO_BYTES)
        except BlockingIOError:
            return -1
        except OSError:
            piece = b""
        said += piece
        if b"\n" not in said and piece and len(said) <= MAX_HELLO_BYTES:
            return -1
        self._poller.unregister(fd)
        del self._callers[fd]
        if self._is_runner(bytes(said)):
            return caller.detach()
        caller.close()
        return -1

    def _accept(self) -> None:
        try:
            caller, _ = self._listener.accept()
        except OSError:
            return  # it went away again
        _, uid, _ = PEER.unpack(caller.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
        if uid != os.geteuid() or len(self._callers) >= MAX_CALLERS:
            caller.close()
            return
        caller.setblocking(False)
        self._callers[caller.fileno()] = caller, bytearray()
        self._poller.register(caller.fileno(), select.POLLIN)

    def _is_runner(self, said: bytes) -> bool:
        try:
            hello = json.loads(said)
        except ValueError:
            return False
        return isinstance(hello, dict) and _compare_digest(str(hello.get("secret")).encode(), self._secret.encode())

    def close(self) -> None:
        """The name of the socket stays: the runner removes it when the attempts are its own."""
        for sock in (self._listener, *(caller for caller, _ in self._callers.values())):
            self._poller.unregister(sock.fileno())
            sock.close()
        self._callers.clear()


def _listen(path: str) -> socket.socket:
    """From inside the directory: the name of a socket may have 107 bytes only."""
    directory, name = os.path.split(path)
    listener = socket.socket(socket.AF_UNIX)
    try:
        os.chdir(directory)
        try:
            if os.path.exists(name):  # noqa: PTH110 - of an earlier hold
                os.unlink(name)  # noqa: PTH108
            listener.bind(name)
        finally:
            os.chdir("/")
        listener.listen(MAX_CALLERS)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener
