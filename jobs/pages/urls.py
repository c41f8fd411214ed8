"""Every address of the dashboard. Those under /-/ are parts for polling: never linked, never kept."""

from django.contrib.auth.views import LogoutView
from django.urls import path

from jobs.pages import act, bulk, job, jobs, log, overview, session, stream, submit, submit_json
from jobs.pages.soon import soon

urlpatterns = [
    path("login", session.SignIn.as_view(), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("settings/theme", session.theme, name="theme"),
    path("settings/keys", session.keys, name="settings-keys"),
    path("jobs", jobs.jobs, name="jobs"),
    path("-/jobs/rows", jobs.rows, name="jobs-rows"),
    path("jobs/bulk", bulk.bulk, name="jobs-bulk"),
    path("jobs/check", submit.check, name="jobs-check"),
    path("jobs/new", submit.new, name="job-new"),
    path("-/jobs/new/fields", submit.fields, name="job-new-fields"),
    path("jobs/new/json", submit_json.submit_json, name="job-new-json"),
    path("jobs/<str:job_id>", job.summary, name="job"),
    path("-/jobs/<str:job_id>/head", job.head, name="job-head"),
    path("jobs/<str:job_id>/log", log.log, name="job-log"),
    path("jobs/<str:job_id>/log/raw", log.raw, name="job-log-raw"),
    path("jobs/<str:job_id>/log/go", log.go, name="job-log-go"),
    path("-/jobs/<str:job_id>/log", log.part, name="job-log-part"),
    path("-/stream/jobs/<str:job_id>/log", stream.log_stream, name="job-log-stream"),
    path("jobs/<str:job_id>/events", job.events, name="job-events"),
    path("jobs/<str:job_id>/json", job.as_json, name="job-json"),
    path("jobs/<str:job_id>/<slug:verb>", act.act, name="job-act"),
    path("runs", soon, name="runs"),
    path("runs/<str:run_id>", soon, name="run"),
    path("runs/<str:run_id>/ws/<str:ws_id>", soon, name="workstream"),
    path("errors", soon, name="errors"),
    path("errors/<str:signature>", soon, name="error"),
    path("tools", soon, name="tools"),
    path("tools/<slug:name>", soon, name="tool"),
    path("workers", soon, name="workers"),
    path("queues/<str:name>", soon, name="queue"),
    path("events", soon, name="events"),
    path("settings/<slug:tab>", soon, name="settings"),
    path("search", soon, name="search"),
    path("-/palette", soon, name="palette"),
    path("help/keys", soon, name="keys"),
    path("", overview.overview, name="overview"),
    path("-/overview/<slug:part>", overview.part, name="overview-part"),
]
