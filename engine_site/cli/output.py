"""How answers look: tables for people, JSON for programs."""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

out = Console(highlight=False, soft_wrap=True)
err = Console(stderr=True, highlight=False, soft_wrap=True)
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
    """`columns`: heading by field; a field that ends with _at is shown as an age. Long cells are cut, ids never."""
    if not rows:
        err.print(empty)
        return
    grid = Table(box=None, pad_edge=False, header_style="bold")
    for field, heading in columns.items():
        long = field in ("title", "message")
        grid.add_column(heading, overflow="ellipsis" if long else "fold", no_wrap=True, max_width=60 if long else None)
    for row in rows:
        grid.add_row(*(_cell(field, row.get(field)) for field in columns))
    Console(highlight=False, width=None if sys.stdout.isatty() else 200).print(grid)


def _cell(field: str, value: Any) -> Text:
    if field in ("status", "state"):
        return coloured(str(value))
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


def problems(found: Sequence[Mapping[str, Any]], tone: str = "red") -> None:
    for problem in found:
        where = f"line {problem['line']}: " if problem.get("line") else ""
        suggestion = problem.get("suggestion") or ""
        hint = f" ({suggestion})" if suggestion and suggestion not in problem["message"] else ""
        err.print(Text("  ").append(where, tone).append(f"{problem['message']}{hint}"))
