"""Filters of the jobs list, as written in the address: repeat a key for "or"."""

from dataclasses import dataclass, replace
from typing import Any

from django.http import QueryDict

from jobs.models.job import JobQuerySet
from jobs.services.reading.job_filter import JobFilter
from jobs.states import ALIVE, FAILURES, JobStatus

_S = JobStatus
# The tabs, in the order of a job's life; a tab may stand for several states.
TABS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Running", ALIVE),
    ("Queued", (_S.QUEUED,)),
    ("Waiting", (_S.WAITING,)),
    ("Retrying", (_S.RETRYING,)),
    ("Review", (_S.REVIEW,)),
    ("Quarantined", (_S.QUARANTINED,)),
    ("Failed", FAILURES),
    ("Blocked", (_S.BLOCKED,)),
    ("Completed", (_S.COMPLETED,)),
    ("Cancelled", (_S.CANCELLED,)),
)
SINCE = {"1h": "Last hour", "24h": "Last 24 h", "7d": "Last 7 days", "30d": "Last 30 days"}
SORTS = {"": "Newest first", "oldest": "Oldest first"}
LABELS = {
    "status": "Status",
    "tool": "Tool",
    "run": "Run",
    "ws": "Workstream",
    "submitter": "Submitter",
    "since": "Time",
    "q": "Search",
}


@dataclass(frozen=True)
class Filters:
    status: tuple[str, ...] = ()
    tool: tuple[str, ...] = ()
    run: tuple[str, ...] = ()
    ws: tuple[str, ...] = ()
    submitter: tuple[str, ...] = ()
    since: str = ""
    q: str = ""
    sort: str = ""
    me: str = ""

    @classmethod
    def read(cls, params: QueryDict, me: str = "") -> "Filters":
        def many(key: str) -> tuple[str, ...]:
            """Repeated keys and commas both mean "or"."""
            words = (word.strip()[:120] for value in params.getlist(key)[:20] for word in value.split(",")[:20])
            return tuple(dict.fromkeys(word for word in words if word))

        since, sort = params.get("since", ""), params.get("sort", "")
        return cls(
            status=tuple(s for s in many("status") if s in JobStatus.values),
            tool=many("tool"),
            run=many("run"),
            ws=many("ws"),
            submitter=many("submitter"),
            since=since if since in SINCE else "",
            q=params.get("q", "").replace("\0", "").strip()[:200],
            sort=sort if sort in SORTS else "",
            me=me,
        )

    def apply(self, jobs: JobQuerySet) -> JobQuerySet:
        names = [self.me if name == "me" else name for name in self.submitter]
        several = {"status": self.status, "tool": self.tool, "run": self.run, "ws": self.ws, "submitter": names}
        given = {key: ",".join(values) for key, values in several.items()}
        return JobFilter.of({**given, "since": self.since, "q": self.q}).apply(jobs)

    @property
    def applied(self) -> list[str]:
        """Names of the filters in use, the tab aside."""
        return [key for key in ("tool", "run", "ws", "submitter", "since", "q") if getattr(self, key)]

    def without(self, key: str) -> "Filters":
        empty: Any = "" if isinstance(getattr(self, key), str) else ()
        return replace(self, **{key: empty})

    def words(self, key: str) -> str:
        """What a button says: `Tool: aider, codex`."""
        value = getattr(self, key)
        if key == "since":
            return SINCE[value] if value else "Any time"
        return f"{LABELS[key]}: {', '.join(value)}" if value else LABELS[key]

    def tab(self) -> str:
        """The tab that shows just these states; "All" without any; none if the address mixes them."""
        if not self.status:
            return "All"
        return next((name for name, states in TABS if set(states) == set(self.status)), "")
