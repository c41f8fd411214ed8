"""Settings of the test suite: quick hashes, plain static files, short times, a data directory of its own."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

DATA = tempfile.mkdtemp(prefix="engine-tests-")
OWNER = os.getpid()
atexit.register(lambda: shutil.rmtree(DATA, ignore_errors=True) if os.getpid() == OWNER else None)
os.environ["ENGINE_DATA_DIR"] = DATA
os.environ.setdefault("ENGINE_SECRET_KEY", "only-for-tests")
os.environ["ENGINE_ROOTS"] = tempfile.gettempdir()
os.environ["ENGINE_ALLOW_SHELL"] = "1"
os.environ["ENGINE_EXECUTABLES"] = "*"
os.environ.pop("PIPELINE_DB_PATH", None)

from engine_site.settings import *  # noqa: E402, F403
from engine_site.settings import DATABASES, STORAGES  # noqa: E402

if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    # A file, as in production: the in-memory database that Django would make has other locks.
    DATABASES["default"]["TEST"] = {"NAME": str(Path(DATA, "test.db"))}
else:
    # No test loses power: what is committed need not be on the disk before the next statement.
    DATABASES["default"] |= {"ENGINE": "tests.postgresql"}
    DATABASES["default"]["OPTIONS"] |= {"options": "-c synchronous_commit=off"}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
WHITENOISE_AUTOREFRESH = True
ENGINE_NODE = "test-node"
ENGINE_HEARTBEAT_S = 0.2
ENGINE_STOP_GRACE_S = 2
ENGINE_API_RATE = 100_000  # tests about it set their own
ENGINE_CANCEL_GRACE_S = 1
AXES_ENABLED = False
Path(DATA, "static").mkdir(exist_ok=True)
