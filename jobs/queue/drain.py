"""How far the stop of this cluster has come. A plain byte in shared memory: readable by every forked child, no lock to die with."""

import multiprocessing

RUN, DRAIN, HAND_BACK, HOLD = 0, 1, 2, 3
_stage = multiprocessing.get_context("fork").Value("b", RUN, lock=False)

busy = False  # this worker runs a job; set around it by `execute`


def set_stage(stage: int) -> None:
    _stage.value = stage


def stopping() -> bool:
    """Start nothing new."""
    return bool(_stage.value >= DRAIN)


def hand_back_now() -> bool:
    """End what runs, and let it run again later."""
    return bool(_stage.value == HAND_BACK)


def holding() -> bool:
    """A planned restart: leave what runs to its keepers, for the next runner."""
    return bool(_stage.value == HOLD)
