"""Dependencies: whether anything waits for what has ended."""

from collections.abc import Sequence

from jobs.sql import statement

# The indexes of needs_id and needs_workstream_id.
WAITED_FOR = """
SELECT 'job', needs_id FROM job_dependencies WHERE needs_id IN (%(job_ids)s) AND NOT met
UNION SELECT 'workstream', needs_workstream_id FROM job_dependencies
WHERE needs_workstream_id IN (%(workstream_ids)s) AND NOT met
"""


def waited_for(job_ids: Sequence[int], workstream_ids: Sequence[int]) -> tuple[set[int], set[int]]:
    """Of these jobs, and of these workstreams, those that something waits for."""
    found: dict[str, set[int]] = {"job": set(), "workstream": set()}
    for kind, key in statement.rows(WAITED_FOR, job_ids=list(job_ids), workstream_ids=list(workstream_ids)):
        found[kind].add(key)
    return found["job"], found["workstream"]
