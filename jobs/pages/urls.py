"""Every address of the dashboard. Those under /-/ are parts for polling: never linked, never kept."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from jobs.pages import search
from jobs.pages.account import settings_pages, sign_in
from jobs.pages.jobs import bulk_actions, job_actions, job_detail, job_list, saved_views
from jobs.pages.logs import live_log, log_viewer
from jobs.pages.operations import error_groups, events, overview, queues, tools, workers
from jobs.pages.runs import runs
from jobs.pages.submit import form, job_templates, json_editor

urlpatterns = [
    path("login", sign_in.SignIn.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("settings/theme", sign_in.theme, name="theme"),
    path("settings/keys", sign_in.keys, name="settings-keys"),
    path("jobs", job_list.jobs, name="jobs"),
    path("-/jobs/rows", job_list.rows, name="jobs-rows"),
    path("jobs/bulk", bulk_actions.bulk, name="jobs-bulk"),
    path("jobs/check", form.check, name="jobs-check"),
    path("jobs/views/new", saved_views.new, name="view-new"),
    path("jobs/views/<int:pk>/delete", saved_views.delete, name="view-delete"),
    path("jobs/new", form.new, name="job-new"),
    path("-/jobs/new/fields", form.fields, name="job-new-fields"),
    path("jobs/new/json", json_editor.submit_json, name="job-new-json"),
    path("jobs/<str:job_id>", job_detail.summary, name="job"),
    path("-/jobs/<str:job_id>/head", job_detail.head, name="job-head"),
    path("jobs/<str:job_id>/log", log_viewer.log, name="job-log"),
    path("jobs/<str:job_id>/log/raw", log_viewer.raw, name="job-log-raw"),
    path("jobs/<str:job_id>/log/go", log_viewer.go, name="job-log-go"),
    path("-/jobs/<str:job_id>/log", log_viewer.part, name="job-log-part"),
    path("-/stream/jobs/<str:job_id>/log", live_log.log_stream, name="job-log-stream"),
    path("jobs/<str:job_id>/events", job_detail.events, name="job-events"),
    path("jobs/<str:job_id>/json", job_detail.as_json, name="job-json"),
    path("jobs/<str:job_id>/<slug:verb>", job_actions.act, name="job-act"),
    path("runs", runs.runs, name="runs"),
    path("runs/<str:run_id>", runs.run, name="run"),
    path("-/runs/<str:run_id>/radar", runs.radar, name="run-radar"),
    path("runs/<str:run_id>/graph", runs.graph, name="run-graph"),
    path("runs/<str:run_id>/timeline", runs.timeline, name="run-timeline"),
    path("-/runs/<str:run_id>/timeline", runs.timeline_part, name="run-timeline-part"),
    path("runs/<str:run_id>/report", runs.report, name="run-report"),
    path("runs/<str:run_id>/ws/<str:ws_id>", runs.workstream, name="workstream"),
    path("runs/<str:run_id>/ws/<str:ws_id>/lock", runs.lock, name="workstream-lock"),
    path("errors", error_groups.errors, name="errors"),
    path("-/errors/rows", error_groups.rows, name="errors-rows"),
    path("errors/bulk", error_groups.bulk, name="errors-bulk"),
    path("errors/<str:signature>", error_groups.error, name="error"),
    path("errors/<str:signature>/<slug:verb>", error_groups.act, name="error-act"),
    path("tools", tools.tools, name="tools"),
    path("-/tools", tools.tools_part, name="tools-part"),
    path("tools/<slug:name>", tools.tool, name="tool"),
    path("tools/<slug:name>/<slug:verb>", tools.tool_act, name="tool-act"),
    path("workers", workers.workers, name="workers"),
    path("-/workers", workers.workers_part, name="workers-part"),
    path("workers/<path:name>/<slug:verb>", workers.worker_act, name="worker-act"),
    path("queues/<str:name>", queues.queue, name="queue"),
    path("queues/<str:name>/<slug:verb>", queues.queue_act, name="queue-act"),
    path("events", events.events, name="events"),
    path("events.ndjson", events.export, name="events-export"),
    path("-/events/fresh", events.fresh, name="events-fresh"),
    path("settings/password", settings_pages.password, name="password"),
    path("settings/tokens/new", settings_pages.token_new, name="token-new"),
    path("settings/tokens/<int:pk>/revoke", settings_pages.token_revoke, name="token-revoke"),
    path("settings/templates", job_templates.listed, name="templates"),
    path("settings/templates/new", job_templates.new, name="template-new"),
    path("settings/templates/draft", job_templates.draft, name="template-draft"),
    path("settings/templates/<slug:slug>/delete", job_templates.delete, name="template-delete"),
    path("settings/<slug:tab>", settings_pages.settings, name="settings"),
    path("search", search.search, name="search"),
    path("-/palette", search.palette, name="palette"),
    path("help/keys", search.keys, name="keys"),
    path("", overview.overview, name="overview"),
    path("-/overview/<slug:part>", overview.part, name="overview-part"),
]
