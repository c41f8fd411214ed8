import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "engine_site.settings")
os.environ.setdefault(
    "ENGINE_KEEP_CONNECTIONS", "0"
)  # under ASGI each request has a thread, and a connection, of its own
application = get_asgi_application()
