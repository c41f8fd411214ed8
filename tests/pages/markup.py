"""HTML as the reader of a page gets it: white space collapsed."""

from django.http import HttpResponse


def squeezed(answer: HttpResponse) -> str:
    """The body with each run of white space as one space, and none beside a tag's end."""
    return " ".join(answer.content.decode().split()).replace(" >", ">").replace("> ", ">").replace(" <", "<")
