"""The API: its routers, middleware and OpenAPI document."""

from jobs.api import (
    attempts,
    error_groups,
    errors,
    events,
    job_actions,
    jobs,
    logs,
    queues,
    runs,
    templates,
    tokens,
    tools,
    workers,
    workstreams,
)
from jobs.api.openapi import new_api

api = new_api()
errors.install(api)
# Actions first: /jobs/bulk is not a job.
for prefix, router in (
    ("/jobs", job_actions.router),
    ("/jobs", jobs.router),
    ("/jobs", logs.router),
    ("/runs", runs.router),
    ("/workstreams", workstreams.router),
    ("/attempts", attempts.router),
    ("/events", events.router),
    ("/errors", error_groups.router),
    ("/tools", tools.router),
    ("/workers", workers.router),
    ("/queues", queues.router),
    ("/tokens", tokens.router),
    ("/templates", templates.router),
):
    api.add_router(prefix, router)
