"""What the database does for a statement: by which index it reads each table."""

import json
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection

EXPLAINED = re.compile(r"\s*(SELECT|UPDATE|INSERT|DELETE|WITH)\b", re.I)
STEP = re.compile(r"(SEARCH|SCAN) (\w+)(?: USING (?:COVERING )?(?:INDEX (\w+)|INTEGER PRIMARY KEY))?")
ALIAS = re.compile(r'(?:FROM|JOIN|UPDATE|,)\s+"?(\w+)"?\s+(?:AS\s+)?"?([A-Z]\w*)"?(?=[\s,)])')
KEY, SCAN = "its key", "a scan"
BIG = ("jobs", "step_attempts", "events", "job_dependencies", "workstreams", "runs", "log_chunks")  # they grow


@dataclass(frozen=True)
class Explained:
    """`reads` are pairs of a table and how it is read: the name of an index of ours, the columns of another, KEY, SCAN."""

    sql: str
    reads: frozenset[tuple[str, str]]
    sorts: bool = False  # rows are put in order after they were read; known on SQLite only


@contextmanager
def explained() -> Iterator[list[Explained]]:
    """Every statement of the block with its plan, taken just before it runs."""
    found: list[Explained] = []

    def look(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
        if EXPLAINED.match(sql):
            params = list(params) if many else params
            reads, sorts = _plan(sql, params[0] if many else params)
            found.append(Explained(sql, frozenset((table, _named(table, index)) for table, index in reads), sorts))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield found


def indexes(statements: list[Explained]) -> set[tuple[str, str]]:
    """How all of the statements read the tables that grow."""
    return {(table, index) for each in statements for table, index in each.reads if table in BIG}


def _named(table: str, index: str) -> str:
    ours = {index.name for model in apps.get_app_config("jobs").get_models() for index in model._meta.indexes}
    if index in (KEY, SCAN) or index in ours:
        return index
    with connection.cursor() as cursor:
        below = cursor.cursor
        if connection.vendor == "postgresql":
            columns = connection.introspection.get_constraints(below, table)[index]["columns"]
        else:
            columns = [name for (name,) in below.execute("SELECT name FROM pragma_index_info(%s)", [index])]
    return ", ".join(columns)


def _plan(sql: str, params: Any) -> tuple[frozenset[tuple[str, str]], bool]:
    """How it reads, and whether it sorts for its order."""
    with connection.cursor() as cursor:
        below = cursor.cursor  # of the driver, or the wrapper would meet its own question
        if connection.vendor == "postgresql":
            below.execute(f"EXPLAIN (FORMAT JSON) {sql}", params)
            ((answer,),) = below.fetchall()
            plan = json.loads(answer) if isinstance(answer, str) else answer
            return frozenset(_of_nodes(plan[0]["Plan"], "")), False
        below.execute(f"EXPLAIN QUERY PLAN {sql}", params)
        lines = [row[3] for row in below.fetchall()]
    names = {alias: table for table, alias in ALIAS.findall(sql)}
    steps = [match for line in lines if (match := STEP.match(line))]
    reads = ((names.get(step[2], step[2]), step[3] or (KEY if step[1] == "SEARCH" else SCAN)) for step in steps)
    return frozenset(reads), "USE TEMP B-TREE FOR ORDER BY" in lines


def _of_nodes(node: dict[str, Any], above: str) -> Iterator[tuple[str, str]]:
    table = node.get("Relation Name", above)  # what scans the bitmap of an index has the table's name
    if node["Node Type"] == "Seq Scan":
        yield table, SCAN
    elif name := node.get("Index Name"):
        yield table, KEY if name.endswith("_pkey") else name
    for below in node.get("Plans", ()):
        yield from _of_nodes(below, table)
