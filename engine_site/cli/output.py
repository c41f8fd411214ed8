"""Output: tables for people, JSON for programs."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
TEXTS = frozenset({"title", "message", "path", "subject"})  # what may be cut
GAP = 2  # characters between two columns
SHORTEST_TEXT, LONGEST_TEXT = 8, 60
SHORT_SIGNATURE = 8  # enough to name an error group
COLOURS = {
    "completed": "green",
    "failed": "red",
    "timeout": "red",
    "rejected": "red",
    "blocked": "red",
    "running": "cyan",
    "cancelling": "yellow",
    "cancelled": "yellow",
    "retrying": "yellow",
    "quarantined": "magenta",
    "review": "magenta",
    "open": "red",
    "resolved": "green",
    "muted": "yellow",
}


def as_json(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer, indent=2, default=str) + "\n")


def json_line(answer: Any) -> None:
    """One line for each answer of a stream."""
    sys.stdout.write(json.dumps(answer, default=str) + "\n")
    sys.stdout.flush()


def coloured(status: str) -> Text:
    return Text(status, COLOURS.get(status, ""))


def age(moment: str | None) -> str:
    """`3 m`: how long ago."""
    if not moment:
        return "–"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(moment.replace("Z", "+00:00"))).total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def table(columns: Mapping[str, str], rows: Sequence[Mapping[str, Any]], empty: str) -> None:
    """`columns`: heading by field; a field that ends with _at is shown as an age.

    Where the terminal is too narrow, texts give way: they are cut with a sign, or left out. Nothing else is ever cut.
    """
    if not rows:
        err.print(empty)
        return
    cells = {field: [_cell(field, row.get(field)) for row in rows] for field in columns}
    widths = {field: max(len(columns[field]), *(cell.cell_len for cell in cells[field])) for field in columns}
    terminal = Console().width if sys.stdout.isatty() or "COLUMNS" in os.environ else 200
    shown = _fitting(widths, terminal)
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for field, width in shown.items():
        grid.add_column(columns[field], overflow="ellipsis", no_wrap=True, width=width)
    for line in zip(*(cells[field] for field in shown), strict=True):
        grid.add_row(*line)
    # Wider than the terminal where ids need it: the terminal wraps the line, and nothing is lost.
    Console(highlight=False, width=max(terminal, sum(shown.values()) + GAP * len(shown))).print(grid)


def _fitting(widths: Mapping[str, int], most: int) -> dict[str, int]:
    """The width of each column that is shown; texts share what the others leave."""
    texts = [field for field in widths if field in TEXTS]
    free = most - sum(width + GAP for field, width in widths.items() if field not in TEXTS)
    shown = dict(widths)
    for number, field in enumerate(texts):
        room = min(widths[field], LONGEST_TEXT, (free // (len(texts) - number)) - GAP)
        if room >= min(widths[field], SHORTEST_TEXT):
            shown[field] = room
            free -= room + GAP
        else:
            del shown[field]
    return shown


def _cell(field: str, value: Any) -> Text:
    if field in ("status", "state"):
        return coloured(str(value))
    if field == "signature":
        return Text(str(value)[:SHORT_SIGNATURE])
    if isinstance(value, list):
        return Text(", ".join(map(str, value)) or "–")
    if field == "health":
        return Text(str(value).replace("_", " "))
    if field.endswith("_at"):
        return Text(age(value))
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    return Text("–" if value is None or value == "" else str(value))


def job(row: Mapping[str, Any]) -> None:
    """One job, in a few lines."""
    out.print(Text.assemble((str(row["job_id"]), "bold"), "  ", coloured(row["status"]), f"  {row['title']}"))
    if row.get("summary"):
        out.print(f"  {row['summary']}", markup=False)
    if row.get("waiting"):
        out.print(f"  {row['waiting']['sentence']}", markup=False)
    out.print(
        f"  run {row['run_id']}, workstream {row['workstream_id']}, submitted {age(row['created_at'])} ago by "
        f"{row['submitted_by'] or 'nobody'}",
        markup=False,
    )
    for attempt in row.get("attempts") or []:
        code = "" if attempt["exit_code"] is None else f", exit code {attempt['exit_code']}"
        why = f": {attempt['summary']}" if attempt["summary"] else ""
        out.print(
            f"  attempt {attempt['number']} with {attempt['tool']}: ",
            coloured(attempt["status"]),
            f" after {attempt['duration_s']:.1f} s{code}{why}",
            sep="",
            markup=False,
        )


def run(row: Mapping[str, Any]) -> None:
    """One run, in a few lines."""
    out.print(Text.assemble((str(row["run_id"]), "bold"), "  ", coloured(row["status"]), f"  {row['title']}"))
    counts = ", ".join(f"{number} {status}" for status, number in row["jobs"].items()) or "no jobs"
    out.print(f"  {counts}; submitted {age(row['created_at'])} ago", markup=False)
    if row["workstreams"]:
        out.print(f"  workstreams {', '.join(row['workstreams'])}", markup=False)


def problems(found: Sequence[Mapping[str, Any]], tone: str = "red") -> None:
    for problem in found:
        where = f"line {problem['line']}: " if problem.get("line") else ""
        suggestion = problem.get("suggestion") or ""
        hint = f" ({suggestion})" if suggestion and suggestion not in problem["message"] else ""
        err.print(Text("  ").append(where, tone).append(f"{problem['message']}{hint}"))
