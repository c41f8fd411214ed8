"""The map of the API."""

from jobs.api import (
    attempts,
    error_kinds,
    errors,
    events,
    jobs,
    logs,
    queues,
    runs,
    templates,
    tokens,
    tools,
    verbs,
    workers,
    workstreams,
)
from jobs.api.openapi import new_api

api = new_api()
errors.install(api)
# Verbs first: /jobs/bulk is no job.
for prefix, router in (
    ("/jobs", verbs.router),
    ("/jobs", jobs.router),
    ("/jobs", logs.router),
    ("/runs", runs.router),
    ("/workstreams", workstreams.router),
    ("/attempts", attempts.router),
    ("/events", events.router),
    ("/errors", error_kinds.router),
    ("/tools", tools.router),
    ("/workers", workers.router),
    ("/queues", queues.router),
    ("/tokens", tokens.router),
    ("/templates", templates.router),
):
    api.add_router(prefix, router)
