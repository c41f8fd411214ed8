"""Which worker of pytest-xdist gets which test."""

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Each has a fixture for the whole module that takes far longer to make than its tests take.
ON_ONE_WORKER = frozenset({"tests/cli/test_live.py", "tests/site/test_wheel.py"})


class Scheduling(LoadScopeScheduling):
    """Each test goes to the worker that is free, but the modules above stay whole.

    `--dist loadgroup` would be the usual way; it reads a node id that pytest 9.2 no longer keeps where xdist 3.8 puts it.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return module if module in ON_ONE_WORKER else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    return Scheduling(config, log)
