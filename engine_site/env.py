"""Readers of environment variables that fail with a sentence."""

import os
import re
import stat
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from adapters import umask
from jobs import private_file
from jobs.sqlite import database as sqlite_database

UNREADABLE_URL = (
    "DATABASE_URL cannot be read; in its user and password write / as %2F, ? as %3F, # as %23, @ as %40 and : as %3A."
)


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def flag(name: str, default: bool) -> bool:
    value = text(name).lower()
    if value in ("", "1", "true", "yes", "on", "0", "false", "no", "off"):
        return default if not value else value in ("1", "true", "yes", "on")
    raise ImproperlyConfigured(f"{name} is {value!r}; use 1 or 0.")


def word(name: str, words: tuple[str, ...]) -> str:
    """One of `words`; the first unless the variable is set."""
    value = text(name, words[0])
    if value not in words:
        raise ImproperlyConfigured(f"{name} is {value!r}; use {', '.join(words[:-1])} or {words[-1]}.")
    return value


def number(name: str, default: float, least: float = 0) -> float:
    value = text(name)
    try:
        found = float(value) if value else default
    except ValueError:
        raise ImproperlyConfigured(f"{name} is {value!r}; use a number.") from None
    if found < least:
        raise ImproperlyConfigured(f"{name} is {found:g}; use {least:g} or more.")
    return found


def choice(name: str, default: str, choices: tuple[str, ...]) -> str:
    value = text(name, default)
    if value not in choices:
        raise ImproperlyConfigured(f"{name} is {value!r}; use {', '.join(choices[:-1])} or {choices[-1]}.")
    return value


def names(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def path(name: str, default: str | Path) -> Path:
    return _expanded(name, text(name, str(default)))


def directories(name: str, default: str | Path) -> list[str]:
    """With symbolic links resolved."""
    return [str(_expanded(name, given).resolve()) for given in names(name, str(default))]


def _expanded(name: str, given: str) -> Path:
    """`~` is a home directory, as in a shell."""
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise ImproperlyConfigured(f"{name} is {given!r}; this host has no such user. Write the whole path.") from None


def whole_numbers(name: str, example: str) -> dict[str, int]:
    """Pairs such as `nofile=1024`, with commas between them."""
    found = {}
    for pair in names(name):
        key, _, value = (part.strip() for part in pair.partition("="))
        if not key or not re.fullmatch(r"[0-9]{1,18}", value):
            raise ImproperlyConfigured(f"{name} has {pair!r}; use a name and a whole number, such as {example}.")
        found[key] = int(value)
    return found


def data_directory(base: Path, *, in_checkout: bool) -> Path:
    """Where data lie unless ENGINE_DATA_DIR names a place: `var` of the checkout, or the user's data directory (XDG)."""
    if in_checkout:
        return base / "var"
    return Path(text("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "engine"


def mask(name: str) -> int:
    """A file mode creation mask in octal digits; without one, that of the server."""
    value = text(name)
    if not value:
        return umask.current()
    if not re.fullmatch(r"0?o?[0-7]{1,3}", value):
        raise ImproperlyConfigured(f"{name} is {value!r}; use octal digits, such as 022.")
    return int(value.replace("o", ""), 8)


def private_directory(path: Path) -> Path:
    """`path`, made if it is missing, and closed to every user but its owner: it holds the database and the keys."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.stat()
    if found.st_mode & stat.S_ISVTX:
        raise ImproperlyConfigured(f"ENGINE_DATA_DIR is {path}, which all users share; name a directory of its own.")
    if found.st_uid == os.geteuid() and stat.S_IMODE(found.st_mode) & 0o077:
        path.chmod(0o700)
    return path


def sqlite(path: Path) -> dict[str, object]:
    """The database at `path`. Its file is made here, readable by its owner alone: SQLite would follow the umask."""
    if str(path) != ":memory:":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    return sqlite_database(str(path), full_sync=flag("ENGINE_SQLITE_FULL_SYNC", False))


def database(url: str) -> dict[str, object]:
    """A DATABASE_URL as Django wants it: postgres://user:password@host:port/name?sslmode=require, or sqlite:///path."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # what stands behind the first colon is no port, but half of a password
        raise ImproperlyConfigured(UNREADABLE_URL) from None
    if parts.scheme == "sqlite":
        return sqlite(_expanded("DATABASE_URL", unquote(parts.path.removeprefix("/")) or ":memory:"))
    if parts.scheme not in ("postgres", "postgresql"):
        raise ImproperlyConfigured(f"DATABASE_URL starts with {parts.scheme!r}; use sqlite:/// or postgresql://.")
    # What follows a raw / ? or # in a password is read as a path, a query or a fragment, and takes the @ with it.
    if "@" in parts.path + parts.query + parts.fragment:
        raise ImproperlyConfigured(UNREADABLE_URL)
    if not parts.path.strip("/"):
        raise ImproperlyConfigured("DATABASE_URL names no database; use postgresql://user:password@host/name.")
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": unquote(parts.hostname or ""),
        "PORT": str(port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 5, **dict(parse_qsl(parts.query))},
    }


def secret_key(data_dir: Path) -> str:
    """ENGINE_SECRET_KEY, or one that is made once and kept beside the data, readable by its owner alone."""
    given = text("ENGINE_SECRET_KEY")
    if given:
        return given
    path = data_dir / "secret_key"
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return private_file.create(path, os.urandom(48).hex()).strip()
