"""What this machine has for the tests: each function returns an address or a path, or "" where there is nothing."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import psycopg
import redis

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
REDIS = "redis://127.0.0.1:6379/5"
AIDER_PYTHONS = ("python3.12", "python3.11", "python3.10")  # what aider 0.86 runs on


def find() -> dict[str, str]:
    """The environment variables by which the tests find programs and servers."""
    return {
        "ENGINE_TEST_POSTGRES": postgres(),
        "ENGINE_TEST_REDIS": redis_server(),
        "ENGINE_TEST_AIDER": aider(),
        "ENGINE_TEST_CHROMIUM": shutil.which("chromium") or shutil.which("chromium-browser") or "",
    }


def postgres() -> str:
    """The address of a server whose role may make databases, or ""."""
    url = os.environ.get("ENGINE_TEST_POSTGRES", POSTGRES)
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.Error:
        return ""
    return url


def redis_server() -> str:
    url = os.environ.get("ENGINE_TEST_REDIS", REDIS)
    try:
        with redis.Redis.from_url(url, socket_connect_timeout=2) as client:
            client.ping()
    except (redis.RedisError, OSError):
        return ""
    return url


def aider() -> str:
    """The real aider in an environment of its own, made once for these pins; "" where it cannot be installed."""
    given = os.environ.get("ENGINE_TEST_AIDER")
    if given:
        return given
    pins = ROOT / "requirements" / "aider.txt"
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "engine"
    home = cache / f"aider-{hashlib.sha256(pins.read_bytes()).hexdigest()[:12]}"
    program = home / "bin" / "aider"
    if (home / ".complete").exists():
        return str(program)
    python = older_python()
    if python is None:
        return ""
    print("Installing aider into an environment of its own (once, about 550 MB) ...", flush=True)
    shutil.rmtree(home, ignore_errors=True)
    try:
        subprocess.run([python, "-m", "venv", str(home)], check=True)
        subprocess.run(
            [
                str(home / "bin" / "python"),
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--require-hashes",
                "-r",
                str(pins),
            ],
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as fault:
        print(f"aider cannot be installed here: {fault}", flush=True)
        return ""
    (home / ".complete").touch()
    return str(program)


def older_python() -> str | None:
    """A Python that aider supports; pyenv hides those that the project does not name, so its folders are looked at too."""
    places = [shutil.which(name) for name in AIDER_PYTHONS]
    versions = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    places += [
        str(found) for name in AIDER_PYTHONS for found in versions.glob(f"{name.removeprefix('python')}*/bin/{name}")
    ]
    places += [f"/usr/bin/{name}" for name in AIDER_PYTHONS]
    check = "import sys, venv; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 12))"
    for place in places:
        if place and Path(place).exists() and not subprocess.run([place, "-c", check], capture_output=True).returncode:
            return place
    return None
