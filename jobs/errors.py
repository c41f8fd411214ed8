"""Exceptions: one class per refusal. Each interface turns them into its own answers."""

from collections.abc import Mapping, Sequence
from typing import Any


class Refused(Exception):
    """Engine will not do what was asked. `code` is the field's word, `status` the HTTP answer, `exit_code` the shell's."""

    code = "refused"
    status = 409
    exit_code = 1

    def __init__(self, message: str, **extra: Any) -> None:
        super().__init__(message)
        self.message = message
        self.extra = extra


class WrongState(Refused):
    """The thing is not in a state from which this can follow, or another caller was faster."""

    code = "wrong_state"


class LostLease(Refused):
    """The attempt is no longer ours: a newer fence, or it has been closed."""

    code = "lost_lease"


class InvalidDocument(Refused):
    """The submitted document breaks the schema; `problems` names every fault."""

    code = "invalid_document"
    status = 422
    exit_code = 65  # EX_DATAERR

    def __init__(self, message: str, problems: Sequence[Any] = ()) -> None:
        super().__init__(message)
        self.problems = list(problems)


class InvalidFilter(Refused):
    """A filter has a value that does not exist; `faults` has a sentence for each field."""

    code = "invalid_request"
    status = 422
    exit_code = 65

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{name}: {fault}" for name, fault in faults.items()) + ".")
        self.faults = dict(faults)


class DuplicateJob(Refused):
    """A job with this id is already on record; nothing was changed."""

    code = "duplicate_job"


class LockedWorkstream(Refused):
    """The workstream is locked and takes no new jobs."""

    code = "locked_workstream"


class DependencyCycle(Refused):
    """The jobs would wait for each other forever; the message names the ring."""

    code = "dependency_cycle"
    status = 422
    exit_code = 65


class NotFound(Refused):
    """No such row, or none that the caller may see."""

    code = "not_found"
    status = 404
    exit_code = 66  # EX_NOINPUT


class NotAllowed(Refused):
    """The caller lacks the permission."""

    code = "not_allowed"
    status = 403
    exit_code = 77  # EX_NOPERM
