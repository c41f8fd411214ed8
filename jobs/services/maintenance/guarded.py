"""One step of maintenance at a time: a step that fails does not keep the others from being done."""

import logging
from collections.abc import Callable

from django.db import DataError, IntegrityError
from django.db import Error as DatabaseFault

from jobs.errors import Refused

log = logging.getLogger("engine.maintenance")


def guarded(step: Callable[[], object]) -> None:
    """Do it, and log what goes wrong. Raises when the database is unavailable, as all other steps would."""
    try:
        step()
    except Refused as refusal:
        log.info("maintenance: %s", refusal)  # another node was faster, or the worker came back in time
    except (DataError, IntegrityError):
        log.exception("maintenance: the database refuses a row; the other steps go on")
    except DatabaseFault:
        raise
    except Exception:
        log.exception("maintenance: a step failed; the others go on")
