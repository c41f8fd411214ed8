"""The filter of the list of jobs: the one place where a filter is declared.

The parameters of the API, the addresses and menus of the page and the options of the command derive from `JobFilter`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal

from django.db.models import Q, Value
from django.db.models.functions import Concat
from django.db.models.lookups import In
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationError, field_validator
from pydantic.annotated_handlers import GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticCustomError

from adapters import registry
from adapters.verdict import Reason
from jobs import db
from jobs.errors import InvalidFilter
from jobs.models import Job
from jobs.models.job import JobQuerySet
from jobs.services.reading.moments import DATE, Moment
from jobs.states import FINAL, NEEDS_ATTENTION, UNSUCCESSFUL, JobStatus, Priority

GROUPS: Mapping[str, Sequence[str]] = {
    "active": [status for status in JobStatus if status not in FINAL],
    "final": FINAL,
    "attention": NEEDS_ATTENTION,
    "unsuccessful": UNSUCCESSFUL,
}
SINCE = {"1h": timedelta(hours=1), "24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
ME = "me"  # as a submitter: the person who asks

Condition = Callable[[Any], Q]
Text = Annotated[str, StringConstraints(max_length=500, pattern=r"^[^\x00]*$")]
Words = Annotated[str, StringConstraints(max_length=2000, pattern=r"^[^\x00]*$")]
Lately = Literal["1h", "24h", "7d", "30d"]


def split(text: str) -> list[str]:
    """The words of a list with commas between, each once."""
    return list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))


@dataclass(frozen=True)
class Facet:
    """How one field of the filter is named and checked, and the condition that it sets."""

    label: str
    condition: Condition
    short: str = ""  # its name in the addresses of the pages; the API accepts both
    options: tuple[str, ...] = ()  # of the command; by default made of the name
    choices: Mapping[str, str] = field(default_factory=dict)  # all its words, and what a menu calls them
    known: Callable[[str], bool] = lambda word: True  # where there are no choices: whether a word exists
    several: bool = True  # a list of words, commas between; else one value
    menu: bool = False  # whether the page offers it before it is used

    def check(self, value: str) -> None:
        """Raises PydanticCustomError for a word that does not exist."""
        for word in split(value):
            if word not in self.choices if self.choices else not self.known(word):
                words = {"word": word, "words": ", ".join(self.choices or sorted(registry.adapters()))}
                raise PydanticCustomError("unknown", "unknown value '{word}'; use {words}", words)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        shown = handler(schema)
        if self.choices and self.several:
            one = "|".join(self.choices)
            shown["pattern"] = f"^ *(({one}) *(, *({one}) *)*)?$"
        return shown


def _one_of(column: str) -> Condition:
    return lambda words: Q(**{f"{column}__in": words})


def _same(words: Sequence[str]) -> dict[str, str]:
    return {word: word for word in words}


def _statuses(words: Sequence[str]) -> Q:
    """SQLite reads several statuses by their index and then sorts all of these jobs, to show the newest.

    Most jobs are completed. With these among them the newest jobs are soon enough: an expression, which no index has,
    makes it read by key.
    """
    statuses = [status for word in words for status in GROUPS.get(word, [word])]
    if JobStatus.COMPLETED in statuses and len(statuses) > 1:
        return Q(In(Concat("status", Value("")), statuses))
    return Q(status__in=statuses)


def _text(text: str) -> Q:
    found = Q(title__icontains=text) | Q(job_id__icontains=text) | Q(summary__icontains=text)
    return found | Q(submitted_by__iexact=text)


def _since(start: datetime | str) -> Q:
    return Q(created_at__gte=db.now() - SINCE[start] if isinstance(start, str) else start)


def _known_tool(word: str) -> bool:
    """A tool that is registered, or one that was when its jobs ran."""
    return word in registry.adapters() or Job.objects.filter(tool=word).exists()


def _span_or_moment(value: Any) -> Any:
    if isinstance(value, str) and value not in SINCE and not DATE.match(value):
        words = ", ".join(SINCE)
        raise PydanticCustomError("time", "use {words}, or a time such as 2026-01-31T12:00:00Z", {"words": words})
    return value


STATUS = Facet("Status", _statuses, choices=_same([*JobStatus.values, *GROUPS]))
TOOL = Facet("Tool", _one_of("tool"), known=_known_tool, menu=True)
RUN = Facet("Run", _one_of("run_id"), short="run", options=("--run",), menu=True)
WORKSTREAM = Facet("Workstream", _one_of("workstream__ws_id"), short="ws", options=("--workstream",))
QUEUE = Facet("Queue", _one_of("queue"))
PRIORITY = Facet("Priority", _one_of("priority"), choices=_same(Priority.values), menu=True)
REASON = Facet("Reason", _one_of("reason"), choices=_same([*Reason, "dependency"]))
SUBMITTER = Facet("Submitter", _one_of("submitted_by"), short="submitter", options=("--submitter",), menu=True)
SPANS = {"1h": "Last hour", "24h": "Last 24 h", "7d": "Last 7 days", "30d": "Last 30 days"}
START = Facet("Time", _since, choices=SPANS, several=False, menu=True)
END = Facet("Until", lambda end: Q(created_at__lt=end), several=False)
SEARCH = Facet("Search", _text, options=("--search", "-s"), several=False)


class JobFilter(BaseModel):
    """Values of one field are alternatives, separated by commas; the fields together narrow."""

    model_config = ConfigDict(frozen=True)

    status: Annotated[Words, STATUS] = Field(
        "", description="states, or active, final, attention, unsuccessful; commas between"
    )
    tool: Annotated[Words, TOOL] = Field("", description="tools, commas between")
    run_id: Annotated[Words, RUN] = Field("", description="runs, commas between")
    workstream_id: Annotated[Words, WORKSTREAM] = Field("", description="workstreams, commas between")
    queue: Annotated[Words, QUEUE] = Field("", description="queues, commas between")
    priority: Annotated[Words, PRIORITY] = Field("", description="critical, high, normal, low; commas between")
    reason: Annotated[Words, REASON] = Field("", description="reasons, commas between")
    submitted_by: Annotated[Words, SUBMITTER] = Field("", description="people, commas between; me is who asks")
    run: Words = Field("", description="the same as run_id, as in the addresses of the pages")
    ws: Words = Field("", description="the same as workstream_id")
    submitter: Words = Field("", description="the same as submitted_by")
    since: Annotated[Lately | Moment | None, BeforeValidator(_span_or_moment), START] = Field(
        None, description="submitted at this time or later, or within 1h, 24h, 7d, 30d"
    )
    until: Annotated[Moment | None, END] = Field(None, description="submitted before this time")
    q: Annotated[Text, SEARCH] = Field("", description="a part of the title, the id or the summary; or a submitter")

    @field_validator("*")
    @classmethod
    def _known_words(cls, value: Any, info: Any) -> Any:
        facet = FACETS.get(info.field_name)
        if facet and facet.several:
            facet.check(value)
        return value

    @classmethod
    def read(cls, given: Mapping[str, str]) -> "JobFilter":
        """From text, as an address or a command line has it. Raises InvalidFilter with a sentence for each field."""
        try:
            return cls.model_validate({name: text for name, text in given.items() if text})
        except ValidationError as error:
            raise InvalidFilter({str(fault["loc"][0]): fault["msg"] for fault in error.errors()}) from None

    def value(self, name: str) -> Any:
        """Words as a list; None or an empty list if the field is not used."""
        facet, found = FACETS[name], getattr(self, name)
        if not facet.several:
            return found or None
        return split(f"{found},{getattr(self, facet.short)}" if facet.short else found)

    def apply(self, jobs: JobQuerySet, *, me: str) -> JobQuerySet:
        """The matching jobs; `me` is the name of the person who asks."""
        for name, facet in FACETS.items():
            if not (value := self.value(name)):
                continue
            if facet is SUBMITTER:
                value = [me if word == ME else word for word in value]
            jobs = jobs.filter(facet.condition(value))
        return jobs


FACETS: Mapping[str, Facet] = {
    name: facet for name, info in JobFilter.model_fields.items() for facet in info.metadata if isinstance(facet, Facet)
}
