"""Settings: a fresh clone runs on SQLite; the environment changes what a team needs. The README lists the variables."""

import os
from pathlib import Path

from django.utils.csp import CSP
from whitenoise.compress import Compressor

from engine_site import env
from schema.options import DEFAULTS

BASE_DIR = Path(__file__).resolve().parent.parent
_IN_CHECKOUT = (BASE_DIR / "manage.py").is_file()
_ASSETS = (
    BASE_DIR if _IN_CHECKOUT else Path(__file__).resolve().parent
)  # a wheel has templates and static beside this file
_DATA_DIR = env.path("ENGINE_DATA_DIR", env.data_directory(BASE_DIR, in_checkout=_IN_CHECKOUT))
ENGINE_DATA_DIR = env.private_directory(_DATA_DIR.resolve())
DEBUG = env.flag("ENGINE_DEBUG", False)
SECRET_KEY = env.secret_key(ENGINE_DATA_DIR)
ALLOWED_HOSTS = env.names("ENGINE_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env.names("ENGINE_TRUSTED_ORIGINS")
HTTPS = env.flag("ENGINE_HTTPS", False)

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "engine_site.static_files.StaticFiles",
    "django_htmx",
    "django_q",
    "ninja",
    "axes",
    "jobs",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.csp.ContentSecurityPolicyMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "jobs.audit.middleware",
    "jobs.api.middleware.middleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "engine_site.urls"
ASGI_APPLICATION = "engine_site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [_ASSETS / "templates"],
        "OPTIONS": {
            "loaders": [
                (
                    "django.template.loaders.cached.Loader",
                    ["engine_site.template_loader.Loader", "django.template.loaders.app_directories.Loader"],
                )
            ],
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "jobs.pages.shared.context_processors.shell",
            ],
        },
    },
]

_DATABASE_URL = env.text("DATABASE_URL")
_SQLITE_PATH = env.path("PIPELINE_DB_PATH", ENGINE_DATA_DIR / "engine.db").absolute()
DATABASES = {"default": env.database(_DATABASE_URL) if _DATABASE_URL else env.sqlite(_SQLITE_PATH)}
DATABASE_ROUTERS = ["jobs.db.Router"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# In memory: pages keep figures there for seconds, and must not fail when the disk is full.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

# --- Who may come in -------------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
AXES_FAILURE_LIMIT = 8
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_CALLABLE = "jobs.pages.account.sign_in.locked_out"
CSRF_FAILURE_VIEW = "jobs.pages.shared.error_pages.csrf_failed"
SESSION_COOKIE_AGE = int(env.number("ENGINE_SESSION_HOURS", 12, 0.1) * 3600)
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("ENGINE_BEHIND_PROXY", False) else None
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REDIRECT_EXEMPT = [r"^healthz", r"^readyz"]  # asked by the proxy itself, without TLS
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SECURE_CSP = {
    "default-src": [CSP.NONE],
    "script-src": [CSP.SELF],
    "style-src": [CSP.SELF],
    "img-src": [CSP.SELF],
    "connect-src": [CSP.SELF],
    "form-action": [CSP.SELF],
    "base-uri": [CSP.NONE],
    "frame-ancestors": [CSP.NONE],
}
# Jobs are documents of at most 1 MB (schema/limits.py); a form carries one with some head room.
DATA_UPLOAD_MAX_MEMORY_SIZE = FILE_UPLOAD_MAX_MEMORY_SIZE = 2_500_000

# --- Language, static files, logs ------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-gb"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "static/"
STATIC_ROOT = ENGINE_DATA_DIR / "static"
STATICFILES_DIRS = [_ASSETS / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
WHITENOISE_KEEP_ONLY_HASHED_FILES = True
# Compressing these would take most of the time of the first start, and no browser asks for them by itself.
WHITENOISE_SKIP_COMPRESS_EXTENSIONS = (*Compressor.SKIP_COMPRESS_EXTENSIONS, "map", "md", "txt")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.text("ENGINE_LOG_LEVEL", "WARNING")},
    "loggers": {"engine": {"level": env.text("ENGINE_LOG_LEVEL", "INFO")}},
}

# --- The web process -------------------------------------------------------------------------------------------------
ENGINE_WEB_THREADS = int(env.number("ENGINE_WEB_THREADS", 4, 1))  # for requests that read, and as many for others

# --- Running jobs ----------------------------------------------------------------------------------------------------
ENGINE_NODE = env.text("ENGINE_NODE", os.uname().nodename)
ENGINE_SLOTS = int(env.number("ENGINE_SLOTS", max(2, os.cpu_count() or 2), 1))
ENGINE_QUEUES = env.names("ENGINE_QUEUES", "default")
# Directories in which a job may work and write. Symbolic links are resolved before they are compared.
ENGINE_ROOTS = env.directories("ENGINE_ROOTS", Path.cwd())
# Executables that jobs may run besides those that an adapter names; "*" allows all.
ENGINE_EXECUTABLES = env.names("ENGINE_EXECUTABLES")
ENGINE_ALLOW_SHELL = env.flag("ENGINE_ALLOW_SHELL", DEBUG)
ENGINE_TOOL_LIMITS = env.whole_numbers("ENGINE_TOOL_LIMITS", "aider=2")
# A worker extends its lease every beat. The shim kills its tree when it heard nothing for the dead-man time, which is
# shorter than the lease: the tree is dead before anybody may start again. Detection stays under 30 s.
ENGINE_HEARTBEAT_S = env.number("ENGINE_HEARTBEAT_S", 2, 0.05)
ENGINE_WATCHDOG_S = env.number("ENGINE_WATCHDOG_S", 25, 0.2)
ENGINE_LEASE_S = env.number("ENGINE_LEASE_S", 28, 0.3)
ENGINE_TIMEOUT_S = env.number("ENGINE_TIMEOUT_S", DEFAULTS.timeout_seconds)
ENGINE_CANCEL_GRACE_S = env.number("ENGINE_CANCEL_GRACE_S", DEFAULTS.grace_seconds)
ENGINE_RUN_AS = env.text("ENGINE_RUN_AS")
# What tools that ask before they act may do in jobs without a person to ask: own, edit or full.
ENGINE_PERMISSIONS = env.choice("ENGINE_PERMISSIONS", "edit", ("own", "edit", "full"))
# For the files that tools and jobs make. Engine's own lie in a directory that only its user may open.
ENGINE_UMASK = env.mask("ENGINE_UMASK")
# Tools see the system, their toolchain and their working tree alone. "auto": where the kernel can; "require": or not at all.
ENGINE_CONFINE = env.word("ENGINE_CONFINE", ("auto", "require", "off"))
ENGINE_CONFINE_READ = env.names("ENGINE_CONFINE_READ")  # more that every tool may read, such as ~/.npmrc
ENGINE_CONFINE_WRITE = env.names("ENGINE_CONFINE_WRITE")  # and write, such as ~/.cache or /tmp
ENGINE_RLIMITS = env.whole_numbers("ENGINE_RLIMITS", "nofile=1024")
ENGINE_STOP_GRACE_S = env.number("ENGINE_STOP_GRACE_S", 20)
ENGINE_POLL_S = env.number("ENGINE_POLL_S", 1, 0.05)
# One level of priority is worth so much waiting: a normal job that waited longer than a high one by this goes first.
ENGINE_AGEING_S = env.number("ENGINE_AGEING_S", 900, 1)
ENGINE_LOG_LIMIT_BYTES = int(env.number("ENGINE_LOG_LIMIT_MB", 200, 1) * 1_000_000)
ENGINE_LOG_COPY_BYTES = int(env.number("ENGINE_LOG_COPY_MB", 4, 0) * 1_000_000)
ENGINE_CIRCUIT_FAILURES = int(env.number("ENGINE_CIRCUIT_FAILURES", 5, 1))
ENGINE_CIRCUIT_OPEN_S = env.number("ENGINE_CIRCUIT_OPEN_S", 60)
ENGINE_RETENTION_DAYS = int(env.number("ENGINE_RETENTION_DAYS", 90))
ENGINE_LONGEST_WAIT_S = env.number("ENGINE_LONGEST_WAIT_S", 60)  # what `?wait=` may ask for at most
# Fernet keys; the first encrypts, all decrypt. Without one, a key is made and kept beside the data.
ENGINE_SECRETS_KEY = env.names("ENGINE_SECRETS_KEY")
ENGINE_STREAMS = env.flag("ENGINE_STREAMS", True)  # off: live logs poll; for servers that cannot hold connections
ENGINE_API_RATE = int(env.number("ENGINE_API_RATE", 600))  # requests a minute for each token; 0 lifts the limit

# "engine" derives wake-ups from the job table. django-q2's own brokers work as well: "orm", or "redis" with ENGINE_REDIS_URL.
_BROKERS: dict[str, dict[str, object]] = {
    "engine": {"orm": "default", "broker_class": "jobs.queue.broker.EngineBroker"},
    "orm": {"orm": "default"},
    "redis": {"redis": env.text("ENGINE_REDIS_URL", "redis://127.0.0.1:6379/0")},
}
ENGINE_BROKER = env.word("ENGINE_BROKER", tuple(_BROKERS))
Q_CLUSTER: dict[str, object] = {
    "name": "engine",
    **_BROKERS[ENGINE_BROKER],
    "workers": 2,  # one is the node's runner, with all its slots; one is free for ordinary tasks
    "timeout": 120,  # these two are for ordinary tasks only: a job keeps its own time
    "retry": 300,
    "max_attempts": 5,
    "ack_failures": True,
    "save_limit": -1,  # a positive limit loads every success row for each task
    "queue_limit": 4,
    "bulk": 1,
    "poll": ENGINE_POLL_S,
    "guard_cycle": 0.5,  # a binary fraction: the guard compares its float timer with 0
    "recycle": 500,
    "catch_up": False,
    "log_level": env.text("ENGINE_QUEUE_LOG_LEVEL", "WARNING"),
    "label": "Queue",
}
