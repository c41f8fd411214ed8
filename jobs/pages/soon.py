from django.http import HttpResponse
from django.shortcuts import render

from jobs.pages.door import Visit, page


@page()
def soon(request: Visit, **_: str) -> HttpResponse:
    return render(request, "404.html", {"layout": "base.html"}, status=404)
