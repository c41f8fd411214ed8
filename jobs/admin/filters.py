"""Filters by words that are known beforehand: Django's own would read a whole table for the values of a column."""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.http import HttpRequest

from adapters import registry
from adapters.verdict import Reason
from jobs.models import Node
from jobs.services.reading.queue_status import queue_statuses
from jobs.services.reading.viewer import UNRESTRICTED


class KnownWords(admin.SimpleListFilter):
    """`column` is one of `words()`."""

    column: ClassVar[str]
    title: str
    parameter_name: str

    def words(self) -> Iterable[str]:
        raise NotImplementedError

    @classmethod
    def of(cls, column: str) -> "type[KnownWords]":
        """The same words, in a table whose column has another name."""
        return type(cls.__name__, (cls,), {"column": column, "parameter_name": f"{column}__exact"})

    def __init_subclass__(cls) -> None:
        # The parameter of Django's own filter: links from other tables keep their meaning.
        cls.parameter_name = f"{cls.column}__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(word, word) for word in self.words()]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(**{self.column: self.value()}) if self.value() else queryset


class ToolFilter(KnownWords):
    column, title = "tool", "tool"

    def words(self) -> Iterable[str]:
        return sorted(registry.adapters())


class QueueFilter(KnownWords):
    column, title = "queue", "queue"

    def words(self) -> Iterable[str]:
        return [queue.name for queue in queue_statuses(UNRESTRICTED)]


class ReasonFilter(KnownWords):
    column, title = "reason", "reason"

    def words(self) -> Iterable[str]:
        return [reason.value for reason in Reason]


class NodeFilter(KnownWords):
    column, title = "node", "worker"

    def words(self) -> Iterable[str]:
        return Node.objects.values_list("name", flat=True).order_by("name")
