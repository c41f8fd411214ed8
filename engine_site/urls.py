"""The map of the site."""

from django.contrib import admin
from django.urls import include, path

from engine_site import health
from engine_site.api import api
from jobs.api.docs import docs

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("healthz/workers", health.workers),
    path("admin/", admin.site.urls),
    path("api/docs", docs, name="api-docs"),
    path("api/v1/", api.urls),
    path("", include("jobs.pages.urls")),
]
handler403 = "jobs.pages.shared.error_pages.forbidden"
handler404 = "jobs.pages.shared.error_pages.not_found"
handler500 = "jobs.pages.shared.error_pages.broken"
