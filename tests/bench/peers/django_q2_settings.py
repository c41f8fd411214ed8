"""Settings of plain django-q2 on SQLite, opened as Engine opens it: WAL, and transactions that lock at their start."""

from tests.bench.peers.roles import HOME, WORKERS

SECRET_KEY = "only for this benchmark, and of no use anywhere else"
INSTALLED_APPS = ["django_q"]
USE_TZ = True
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(HOME / "q2.db"),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL;PRAGMA synchronous=NORMAL;PRAGMA temp_store=MEMORY;"
            "PRAGMA cache_size=-16000;PRAGMA mmap_size=134217728",
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
Q_CLUSTER = {
    "name": "bench",
    "orm": "default",
    "workers": int(WORKERS),
    "timeout": 60,
    "retry": 120,
    "save_limit": 0,  # all results are kept, as Engine keeps its records
    "log_level": "ERROR",
}
