"""What `engine validate` looks at: the Quick Reference's seven checks, and what an operator meets beside them."""

import sys
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.transaction import atomic
from django.utils.module_loading import import_string

import adapters
import schema
from adapters.base import Adapter
from adapters.process import Spec, run_process
from jobs.queue.broker import MONITOR, RUN_NEXT
from jobs.queue.notifier import Listener, notify
from jobs.store import JobStateStore

MODULES = (
    "engine.orchestrator.orchestrator.Orchestrator",
    "engine.state_store.job_state_store.JobStateStore",
    "engine.types.JobResult",
    "jobs.orchestrator.Orchestrator",
    "jobs.store.JobStateStore",
    "adapters.JobResult",
)
TABLES = ("runs", "workstreams", "step_attempts", "events", "errors", "jobs")


@dataclass(frozen=True)
class Check:
    """`run` returns a few words, or raises with the reason."""

    name: str
    run: Callable[[], str | None]


def checks() -> list[Check]:
    return [
        Check("Python is new enough", python),
        Check("the parts can be imported", imports),
        Check("the job schema is a schema", job_schema),
        Check("every example is a valid job", examples),
        Check("every tool has an adapter that keeps the interface", interfaces),
        Check("the state store has its tables", tables),
        Check("the state store keeps a run and its events", store),
        Check("the database is up to date", migrations),
        Check("wake-ups lead to their functions", dotted_names),
        Check("notifications arrive", notifications),
        Check("the data directory can be written", data_directory),
        Check("the allowed directories exist", roots),
        Check("a program runs under the shim", shim),
    ]


def demand(truth: object, otherwise: str) -> None:
    if not truth:
        raise RuntimeError(otherwise)


def python() -> str:
    demand(sys.version_info >= (3, 12), f"this is {sys.version.split()[0]}; use 3.12 or newer")
    return sys.version.split()[0]


def imports() -> str:
    for name in MODULES:
        import_string(name)
    return ", ".join(dict.fromkeys(name.partition(".")[0] for name in MODULES))


def job_schema() -> None:
    found = schema.load_schema()
    demand(found.get("$schema") == "https://json-schema.org/draft/2020-12/schema", "it does not name draft 2020-12")


def examples() -> str:
    for name, document in schema.examples().items():
        report = schema.check(document, tools=sorted(adapters.adapters()))
        demand(report.ok, f"{name}: {report.problems[0].message}" if report.problems else name)
    return f"{len(schema.examples())} examples"


def interfaces() -> str:
    for name, adapter in adapters.adapters().items():
        demand(isinstance(adapter, Adapter), f"{name} lacks a method of adapters.base.Adapter")
    return ", ".join(sorted(adapters.adapters()))


def tables() -> str:
    missing = set(TABLES) - set(connection.introspection.table_names())
    demand(not missing, f"{', '.join(sorted(missing))} missing; run: engine manage migrate")
    return f"{connection.vendor}, {len(apps.get_app_config('jobs').models)} models"


class _Undo(Exception):
    pass


def store() -> None:
    """Written and read back in a transaction that is undone."""
    try:
        with atomic():
            state = JobStateStore()
            run_id = state.create_run("ws-validate", metadata={"version": "1.0"})
            state.update_run_status(run_id, "running")
            state.record_event("validated", run_id=run_id)
            run = state.get_run(run_id)
            demand(run and run["status"] == "running", "a run did not come back as it was written")
            demand(state.get_job_status(f"job-{uuid.uuid4().hex}") == "not_found", "an unknown job is not not_found")
            raise _Undo
    except _Undo:
        pass


def migrations() -> None:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    demand(not plan, f"{len(plan)} migrations are missing; run: engine manage migrate")


def dotted_names() -> None:
    for name in (RUN_NEXT, MONITOR):
        demand(callable(import_string(name)), f"{name} is not callable")


def notifications() -> None:
    ear = Listener()
    try:
        notify()
        demand(ear.wait(1.0), "a notification did not arrive within a second")
    finally:
        ear.close()


def data_directory() -> str:
    path = Path(settings.ENGINE_DATA_DIR)
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path) as file:
        file.write(b"engine")
    return str(path)


def roots() -> str:
    missing = [root for root in settings.ENGINE_ROOTS if not Path(root).is_dir()]
    demand(not missing, f"{', '.join(missing)} missing; set ENGINE_ROOTS")
    return ", ".join(settings.ENGINE_ROOTS)


def shim() -> str:
    with tempfile.TemporaryDirectory() as home:
        ending = run_process(
            Spec(
                argv=[sys.executable, "-c", "print('well')"],
                env={},
                cwd=home,
                attempt_dir=home,
                marker=uuid.uuid4().hex,
                timeout_s=20,
            )
        )
        log = (Path(home) / "output.log").read_bytes()
    demand(ending.exit_code == 0 and log == b"well\n", f"it ended as {ending.ended_by}: {ending.error or log!r}")
    return f"{ending.duration_s * 1000:.0f} ms"
