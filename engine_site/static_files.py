"""Static files, collected for serving: compressed and named by their content, once for each change."""

import hashlib
from importlib.metadata import version
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles.apps import StaticFilesConfig
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


class StaticFiles(StaticFilesConfig):
    """Leaves out what no page uses."""

    ignore_patterns = [*StaticFilesConfig.ignore_patterns, "redoc*"]


def collect() -> bool:
    """Collect unless nothing has changed since the last time; returns whether something had."""
    record = Path(settings.ENGINE_DATA_DIR) / "static.sha256"
    now = fingerprint()
    if _read(record) == now and Path(settings.STATIC_ROOT).is_dir():
        return False
    record.unlink(missing_ok=True)  # a collection that is interrupted is done again
    call_command("collectstatic", verbosity=0, interactive=False)
    record.write_text(now)
    return True


def fingerprint() -> str:
    """Of what is collected: the sources by name, size and time of change, and what collects them."""
    backend = settings.STORAGES["staticfiles"]["BACKEND"]
    digest = hashlib.sha256(f"{django.__version__} {version('whitenoise')} {backend}".encode())
    for finder in get_finders():
        for name, storage in finder.list(StaticFiles.ignore_patterns):
            found = Path(storage.path(name)).stat()
            digest.update(f"\n{name} {found.st_size} {found.st_mtime_ns}".encode())
    return digest.hexdigest()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except FileNotFoundError:
        return ""
