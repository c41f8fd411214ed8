"""The forms with which operators pause and limit tools and queues."""

from django import forms
from django.http import HttpRequest

from jobs.errors import InvalidDocument

MAX_LIMIT = 10_000


class LimitForm(forms.Form):
    limit = forms.IntegerField(
        label="Jobs at once",
        required=False,
        min_value=0,
        max_value=MAX_LIMIT,
        widget=forms.TextInput(attrs={"size": 5, "inputmode": "numeric", "placeholder": "none"}),
        error_messages=dict.fromkeys(
            ("invalid", "min_value", "max_value"),
            f"A limit is a whole number up to {MAX_LIMIT:,}, or empty for none.",
        ),
    )


def reason_of(request: HttpRequest) -> str:
    return request.POST.get("reason", "")[:200]


def unknown(action: str) -> InvalidDocument:
    return InvalidDocument(f"Unknown action {action!r}.")
