"""User account that a tool runs as; looked up before the fork."""

import os
import pwd

from .spawn_error import SpawnError


class Account:
    """Raises SpawnError for a user that this host does not know. None: the keeper's own user."""

    def __init__(self, name: str | None) -> None:
        self.name = name
        if name is None:
            return
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            raise SpawnError(f"There is no user {name!r} on this host to run the tool as.") from None
        self.uid, self.gid = entry.pw_uid, entry.pw_gid

    def become(self) -> None:
        if self.name is not None:
            os.initgroups(self.name, self.gid)
            os.setgid(self.gid)
            os.setuid(self.uid)

    @property
    def uids(self) -> tuple[int, ...]:
        return (os.geteuid(),) if self.name is None else (os.geteuid(), self.uid)
