"""The OpenAPI document, and a page that shows it without anything from outside."""

import json

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.csp import CSP
from django.views.decorators.csp import csp_override
from django.views.decorators.http import require_safe

# Swagger UI draws its icons from data: addresses and styles some elements by script.
POLICY: dict[str, list[str]] = {
    **{name: [str(source.value) for source in sources] for name, sources in settings.SECURE_CSP.items()},
    "img-src": [CSP.SELF.value, "data:"],
}


@csp_override(POLICY)
@login_required
@require_safe
def docs(request: HttpRequest) -> HttpResponse:
    """The operations, to read and to try."""
    shown = {
        "url": reverse("api:openapi-json"),
        "layout": "BaseLayout",
        "deepLinking": True,
        "tryItOutEnabled": True,
        "syntaxHighlight": False,
        "validatorUrl": None,
    }
    context = {"swagger_settings": json.dumps(shown), "api": {"title": "Engine API"}, "add_csrf": True}
    return render(request, "ninja/swagger.html", context)
