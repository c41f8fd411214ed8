"""The filter of the list of jobs as an address has it: repeat a key for "or"."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from django.http import QueryDict
from django.utils.http import urlencode

from jobs.errors import InvalidFilter
from jobs.models.job import JobQuerySet
from jobs.services.reading.job_filter import FACETS, JobFilter, split
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
SORTS = {"": "Newest first", "oldest": "Oldest first"}
# By its name in an address. The API's longer names are accepted too.
FIELDS = {facet.short or name: facet for name, facet in FACETS.items()}
_SHORT = {name: facet.short or name for name, facet in FACETS.items()}


@dataclass(frozen=True)
class Filters:
    """The words of each filter as they were typed; `faults` says of which ones there is something wrong."""

    given: Mapping[str, Sequence[str]]
    sort: str = ""
    me: str = ""

    @classmethod
    def read(cls, params: QueryDict, me: str = "") -> "Filters":
        given: dict[str, list[str]] = {}
        for key in params:
            name = _SHORT.get(key, key)
            if name in FIELDS and (words := _words(name, params.getlist(key))):
                given[name] = [*given.get(name, []), *words]
        sort = params.get("sort", "")
        return cls(given, sort if sort in SORTS else "", me)

    @cached_property
    def _parsed(self) -> JobFilter | InvalidFilter:
        try:
            return JobFilter.read({name: ",".join(words) for name, words in self.given.items()})
        except InvalidFilter as refusal:
            return refusal

    @property
    def faults(self) -> dict[str, str]:
        return self._parsed.faults if isinstance(self._parsed, InvalidFilter) else {}

    def apply(self, jobs: JobQuerySet) -> JobQuerySet:
        """No job where a filter has a fault: the page says which."""
        return jobs.none() if isinstance(self._parsed, InvalidFilter) else self._parsed.apply(jobs, me=self.me)

    @property
    def applied(self) -> list[str]:
        """Names of the filters in use, the tab aside."""
        return [name for name in FIELDS if name != "status" and self.words(name)]

    def words(self, name: str) -> list[str]:
        return list(self.given.get(name, ()))

    def with_words(self, name: str, words: Sequence[str]) -> "Filters":
        return replace(self, given={**self.given, name: list(words)})

    def without(self, name: str) -> "Filters":
        return self.with_words(name, ())

    @property
    def q(self) -> str:
        return "".join(self.words("q"))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        return [(name, word) for name in FIELDS for word in self.words(name)]

    @property
    def query(self) -> str:
        """The address's part after the question mark."""
        return urlencode([*self.pairs, *([("sort", self.sort)] if self.sort else [])])

    def label(self, name: str) -> str:
        """`Tool: aider, codex`."""
        facet, words = FIELDS[name], self.words(name)
        return f"{facet.label}: {', '.join(facet.choices.get(word, word) for word in words)}" if words else facet.label

    def tab(self) -> str:
        """The tab that shows just these states; "All" without any; none if the address mixes them."""
        states = self.words("status")
        return next((name for name, of_tab in TABS if set(of_tab) == set(states)), "") if states else "All"


def _words(name: str, values: Sequence[str]) -> list[str]:
    """Repeated keys and commas both mean "or"; of what takes one value, the last counts."""
    texts = [text.replace("\0", "").strip() for text in values]
    if not FIELDS[name].several:
        return [text for text in texts[-1:] if text]
    return split(",".join(texts))
