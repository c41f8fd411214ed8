"""Recorded jobs a second: Engine on both databases and other queues, as a share of the bare spawn limit of the run."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from tests.bench.contest import Entrant, Result, engine, limit, peer, run
from tests.bench.figures import Figure, figure
from tests.bench.scratch import Bench
from tests.bench.servers import Unavailable

ENTRANTS: dict[str, tuple[str, Callable[[Bench], AbstractContextManager[Entrant]]]] = {
    "engine": ("Engine, SQLite, 32 slots", lambda bench: engine(bench, "SQLite")),
    "engine_postgresql": ("Engine, PostgreSQL, 32 slots", lambda bench: engine(bench, "PostgreSQL")),
    "django_q2": ("django-q2, SQLite (WAL)", lambda bench: peer(bench, "django_q2")),
    "celery_redis": ("Celery + Redis", lambda bench: peer(bench, "celery_redis")),
    "huey_sqlite": ("Huey + SQLite", lambda bench: peer(bench, "huey_sqlite")),
    "huey_redis": ("Huey + Redis", lambda bench: peer(bench, "huey_redis")),
    "procrastinate": ("Procrastinate + PostgreSQL", lambda bench: peer(bench, "procrastinate_postgresql")),
}


def measure(bench: Bench) -> Iterator[Figure]:
    """Rounds in which each has its turn, so that a load that comes and goes meets all; ratios are taken in each round."""
    rounds, jobs = bench.pick(3, 1), bench.pick(1000, 300)
    results: dict[str, list[Result | None]] = {name: [] for name in ("limit", *ENTRANTS)}
    missing: dict[str, str] = {}
    for _ in range(rounds):
        results["limit"].append(limit(jobs))
        for name, (_, enter) in ENTRANTS.items():
            result = None
            if name not in missing:
                try:
                    with enter(bench) as entrant:
                        result = run(entrant, jobs)
                except (Unavailable, RuntimeError) as why:  # one that fails here does not end the contest
                    missing[name] = " ".join(str(why).split())[-300:]
            results[name].append(result)
    yield from _rates(results, missing)
    yield from _ratios(results, missing)


def _rates(results: dict[str, list[Result | None]], missing: dict[str, str]) -> Iterator[Figure]:
    titles = {
        "limit": "Limit: only start `true`, one loop per core",
        **{name: title for name, (title, _) in ENTRANTS.items()},
    }
    for name, title in titles.items():
        done = [result for result in results[name] if result]
        yield figure(f"rate_{name}", title, "jobs/s", *(one.rate for one in done), note=missing.get(name, ""))
        yield figure(
            f"cpu_{name}", f"{title}, CPU", "ms/job", *(one.cpu_ms for one in done), note=missing.get(name, "")
        )


def _ratios(results: dict[str, list[Result | None]], missing: dict[str, str]) -> Iterator[Figure]:
    def ratio(
        key: str, title: str, one: str, other: str, of: Callable[[Result], float] = lambda result: result.rate
    ) -> Figure:
        pairs = [(mine, theirs) for mine, theirs in zip(results[one], results[other], strict=True) if mine and theirs]
        note = missing.get(one, "") or missing.get(other, "")
        return figure(key, title, "", *(of(mine) / of(theirs) for mine, theirs in pairs), note=note)

    yield ratio("of_limit", "Engine, SQLite, of the limit", "engine", "limit")
    yield ratio("of_limit_cpu", "The same by CPU (limit / Engine)", "limit", "engine", lambda result: result.cpu_ms)
    yield ratio("of_limit_postgresql", "Engine, PostgreSQL, of the limit", "engine_postgresql", "limit")
    yield ratio("vs_django_q2", "Engine, SQLite, against django-q2", "engine", "django_q2")
    yield ratio("vs_celery_redis", "Engine, SQLite, against Celery + Redis", "engine", "celery_redis")
    yield ratio("vs_huey_sqlite", "Engine, SQLite, against Huey + SQLite", "engine", "huey_sqlite")
    yield ratio("vs_huey_redis", "Engine, SQLite, against Huey + Redis", "engine", "huey_redis")
    yield ratio("vs_procrastinate", "Engine, PostgreSQL, against Procrastinate", "engine_postgresql", "procrastinate")
