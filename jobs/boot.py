"""Lets a plain script use Engine's parts: `from jobs.store import JobStateStore` is enough."""

import os

import django
from django.apps import apps


def ensure_django() -> None:
    """Set Django up unless somebody did; the settings module may be named by DJANGO_SETTINGS_MODULE."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engine_site.settings")
    if not apps.ready and not apps.loading:
        django.setup()


ensure_django()
