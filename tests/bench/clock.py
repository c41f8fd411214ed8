"""The clock of the contest, the same for each entrant; runs in the environment of any of them."""

import json
import time
from collections.abc import Callable

LOOK_S = 0.02
PATIENCE_S = 120


def timed(submit: Callable[[int], object], stored: Callable[[], int], count: int, warm: int = 20) -> None:
    """Run `warm` jobs, print `ready`, wait for a line, then print the seconds until `count` more have their results."""
    submit(warm)
    wait_for(stored, warm)
    print("ready", flush=True)
    input()
    began = time.monotonic()
    submit(count)
    wait_for(stored, warm + count)
    print(json.dumps({"seconds": time.monotonic() - began}), flush=True)


def wait_for(stored: Callable[[], int], count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while stored() < count:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{stored()} of {count} results after {PATIENCE_S} s")
        time.sleep(LOOK_S)
