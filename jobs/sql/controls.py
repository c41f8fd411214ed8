"""What operators set for tools and queues, and the circuits of tools. There are few of them: their tables are read whole."""

from collections.abc import Sequence

from jobs.models import QueueControl, ToolControl
from jobs.sql import statement
from jobs.sql.model_rows import to_time

BOTH = """
SELECT 'tool', name, paused, paused_reason, "limit", circuit, retry_at FROM tools
UNION ALL SELECT 'queue', name, paused, paused_reason, "limit", '', NULL FROM queues
"""
TRY = "UPDATE tools SET circuit = 'half_open' WHERE name IN (%(names)s) AND circuit = 'open'"
IN_TROUBLE = "SELECT name FROM tools WHERE name IN (%(names)s) AND NOT (circuit = 'closed' AND failures = 0)"


def both() -> tuple[list[ToolControl], list[QueueControl]]:
    """As far as limits look at them."""
    tools, queues = [], []
    for table, name, paused, why, limit, circuit, retry_at in statement.rows(BOTH):
        common = {"name": name, "paused": bool(paused), "paused_reason": why, "limit": limit}
        if table == "queue":
            queues.append(QueueControl(**common))
        else:
            tools.append(ToolControl(**common, circuit=circuit, retry_at=to_time(retry_at)))
    return tools, queues


def begin_trials(tools: Sequence[str]) -> None:
    """A job starts although the circuit of its tool is open: it is the trial."""
    statement.change(TRY, names=list(tools))


def in_trouble(tools: Sequence[str]) -> list[str]:
    """Those with failures to forget."""
    return [row[0] for row in statement.rows(IN_TROUBLE, names=list(tools))]
