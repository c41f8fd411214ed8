"""The site as an ASGI application, for `engine up`, `engine web`, or another ASGI server."""

from jobs import boot  # isort: skip  # sets Django up before what needs it is imported
from engine_site.web.bridge import Bridge  # isort: skip

__all__ = ["application", "boot"]
application = Bridge()
