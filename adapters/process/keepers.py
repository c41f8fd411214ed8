"""Keepers of this process: idle ones for one attempt at a time, and a pool for many attempts."""

import atexit
import os
import threading
import weakref

from adapters.process.client import Keeper, Running
from adapters.process.spec import Spec

MAX_IDLE = 1
MAX_ATTEMPTS = 50  # in one keeper: so many fall with it

_lock = threading.Lock()
_idle: list[Keeper] = []
_all: "weakref.WeakSet[Keeper]" = weakref.WeakSet()


def spawn() -> Keeper:
    """A keeper that ends with this process, and that no child of this process keeps alive."""
    keeper = Keeper.spawn()
    _all.add(keeper)
    return keeper


def prepare() -> None:
    """Have a keeper in this process, so that the first attempt does not wait for an interpreter to start."""
    with _lock:
        if not any(not keeper.gone for keeper in _all):
            _idle.append(spawn())


def take() -> Keeper:
    """An idle keeper for the caller alone; `give_back` it."""
    with _lock:
        while _idle:
            keeper = _idle.pop()
            keeper.poll()
            if not keeper.gone:
                return keeper
            keeper.reap()
        return spawn()


def give_back(keeper: Keeper) -> None:
    """Keep it for the next attempt, or end it if it is gone or not needed."""
    with _lock:
        keeper.poll()
        if not keeper.gone and not keeper.running and len(_idle) < MAX_IDLE:
            _idle.append(keeper)
            return
    keeper.close()


def close_idle() -> None:
    with _lock:
        idle, _idle[:] = list(_idle), []
    for keeper in idle:
        keeper.close()


class KeeperPool:
    """Keepers for the many attempts of one runner. For one thread.

    Attempts with the same key (their repository) share a keeper, so that a dead disk stops those that use it, until
    the keeper is full. Poll each of `keepers`; hand one that is gone to `replace`.
    """

    def __init__(self, max_attempts: int = MAX_ATTEMPTS) -> None:
        self._max_attempts = max_attempts
        self._by_key: dict[str, Keeper] = {}
        self.keepers: list[Keeper] = []

    def warm(self) -> None:
        """Have an idle keeper, so that the first attempt does not wait for an interpreter to start."""
        if not self.keepers:
            self.keepers.append(spawn())

    def start(self, spec: Spec, key: str) -> tuple[Keeper, Running]:
        """Raises ShimError if no keeper can be started."""
        keeper = self._by_key.get(key)
        if keeper is None or self._is_full(keeper):
            keeper = self._by_key[key] = self._with_room()
        return keeper, keeper.start(spec)

    def adopt(self, keeper: Keeper, key: str) -> None:
        """Have a keeper that another process has started."""
        _all.add(keeper)
        self.keepers.append(keeper)
        self._by_key.setdefault(key, keeper)

    def leave(self, keeper: Keeper) -> None:
        """Let go of a keeper that holds; it is not ended with this pool."""
        self._forget(keeper)
        keeper.leave()

    def heartbeat(self, seconds: float) -> None:
        for keeper in self.keepers:
            keeper.heartbeat(seconds)

    def replace(self, keeper: Keeper) -> list[Running]:
        """Reap a keeper that is gone; returns the attempts that were lost with it."""
        self._forget(keeper)
        return keeper.reap()

    def _forget(self, keeper: Keeper) -> None:
        self.keepers.remove(keeper)
        self._by_key = {key: other for key, other in self._by_key.items() if other is not keeper}

    def close(self) -> None:
        for keeper in self.keepers:
            keeper.close()
        self.keepers.clear()
        self._by_key.clear()

    def _is_full(self, keeper: Keeper) -> bool:
        return keeper.gone or len(keeper.running) >= self._max_attempts

    def _with_room(self) -> Keeper:
        """An empty keeper of another key, or a new one: keys share only what nobody uses."""
        for keeper in self.keepers:
            if not keeper.running and not keeper.gone:
                return keeper
        keeper = spawn()
        self.keepers.append(keeper)
        return keeper


def _after_fork() -> None:
    for keeper in list(_all):
        keeper.forget()
    _idle.clear()


os.register_at_fork(after_in_child=_after_fork)
atexit.register(close_idle)
