"""The admin site: the place to repair what is on record. Status is never edited: actions call the services."""

from jobs.admin import access, controls, history, job, runs, saved_views, third_party, users

__all__ = ["access", "controls", "history", "job", "runs", "saved_views", "third_party", "users"]
