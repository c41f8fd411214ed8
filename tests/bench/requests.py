"""CPU of the web process for one request: a job submitted, a job read, lists and pages of 50 jobs."""

from collections.abc import Callable, Iterator

from tests.bench.figures import Figure, figure
from tests.bench.processes import cpu_s, pss_mb
from tests.bench.scratch import DATABASES, Bench
from tests.bench.servers import Unavailable
from tests.bench.site import Site, engine_up

HISTORY = 2000  # finished jobs that are there already
WARM = 30


def measure(bench: Bench) -> Iterator[Figure]:
    for kind in DATABASES:
        try:
            with bench.installation(kind) as made:
                made.seed(HISTORY)
                with engine_up(made) as site:
                    yield from _requests(bench, kind, site)
        except Unavailable as why:
            yield figure("post_ms" + _end(kind), f"POST a job, {kind}", "ms CPU", note=str(why))


def _end(kind: str) -> str:
    return "" if kind == "SQLite" else "_postgresql"


def _requests(bench: Bench, kind: str, site: Site) -> Iterator[Figure]:
    api, rounds = site.api(), bench.pick(3, 1)
    count = bench.pick(200, 100)
    finished = api.get_json("/api/v1/jobs?limit=1")["items"][0]["job_id"]
    person = site.client()
    person.sign_in()

    posted: list[int] = []

    def submit(number: int) -> None:
        posted.append(number)
        api.submit(site.installation.body(number, queue="unserved"))  # nothing but the web process works

    asked: list[tuple[str, str, Callable[[int], object]]] = [
        ("healthz_ms", "GET /healthz", lambda _: api.get("/healthz")),
        ("post_ms", "POST a job", submit),
        ("get_ms", "GET a finished job", lambda _: api.get(f"/api/v1/jobs/{finished}")),
        (
            "get_queued_ms",
            "GET a queued job",
            lambda number: api.get(f"/api/v1/jobs/bench-{posted[number % count]:07}"),
        ),
        ("list_ms", "GET 50 jobs", lambda _: api.get("/api/v1/jobs")),
        ("page_ms", "Page of 50 finished jobs", lambda _: person.get("/jobs?status=completed")),
        ("page_queued_ms", "Page of 50 queued jobs", lambda _: person.get("/jobs")),
        ("job_page_ms", "Page of a finished job", lambda _: person.get(f"/jobs/{finished}")),
        ("overview_ms", "Overview", lambda _: person.get("/")),
    ]
    numbers = iter(range(10**6))
    for key, title, ask in asked:
        values = [_cpu_ms(site.web, ask, numbers, count) for _ in range(rounds)]
        yield figure(key + _end(kind), f"{title}, {kind}", "ms CPU", *values)
    yield figure("busy_mb" + _end(kind), f"Memory of the system after that, {kind}", "MB PSS", pss_mb(site.pids))


def _cpu_ms(web: int, ask: Callable[[int], object], numbers: Iterator[int], count: int) -> float:
    for _ in range(WARM):
        ask(next(numbers))
    before = cpu_s([web])
    for _ in range(count):
        ask(next(numbers))
    return (cpu_s([web]) - before) * 1000 / count
