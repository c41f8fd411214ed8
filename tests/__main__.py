"""`make test`: the whole suite with what this machine has. In CI nothing may be missing.

Passes: the suite on SQLite; what touches the database again on PostgreSQL; then what drives real programs.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import psycopg
import redis

ROOT = Path(__file__).resolve().parent.parent
POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres"
REDIS = "redis://127.0.0.1:6379/5"
AIDER_PYTHONS = ("python3.12", "python3.11", "python3.10")  # what aider 0.86 runs on


def main() -> int:
    ci = os.environ.get("CI") == "true"
    found = {
        "ENGINE_TEST_POSTGRES": postgres(),
        "ENGINE_TEST_REDIS": redis_server(),
        "ENGINE_TEST_AIDER": aider(),
        "ENGINE_TEST_CHROMIUM": shutil.which("chromium") or shutil.which("chromium-browser") or "",
    }
    for name, value in found.items():
        if value:
            os.environ[name] = value
    missing = [name.removeprefix("ENGINE_TEST_").lower() for name, value in found.items() if not value]
    if missing:
        print(f"Not on this machine, so their tests are skipped: {', '.join(missing)}.", flush=True)
        if ci:
            print("In CI that is a failure.", flush=True)
            return 1
    extra = sys.argv[1:]
    # Without a database of its own name each, passes and workers would meet: pytest-django adds a suffix per worker.
    codes = [pytest("The suite on SQLite", "-n", "2", "-m", "not (cluster or browser or aider)", *extra)]
    codes.append(pytest("Clusters and real tools", "-n", "2", "-m", "cluster or aider", *extra))
    # Apart: the browser's event loop would stand in the way of the others' database calls.
    codes.append(pytest("Browsers", "-m", "browser", *extra))
    if found["ENGINE_TEST_POSTGRES"]:
        codes.append(
            pytest(
                "The same rules on PostgreSQL",
                "tests/jobs",
                "-m",
                "not (browser or aider or sqlite)",
                *extra,
                DATABASE_URL=found["ENGINE_TEST_POSTGRES"],
            )
        )
    if ci:
        codes += [drill(""), drill(found["ENGINE_TEST_POSTGRES"])]
    return next((code for code in codes if code), 0)


def drill(database: str) -> int:
    """The short form of the fault drill."""
    print(f"\n== The drill on {'PostgreSQL' if database else 'SQLite'}", flush=True)
    environment = {"JOBS": "60", **os.environ, "DATABASE_URL": database}
    return subprocess.run([sys.executable, "-m", "tests.drill"], cwd=ROOT, env=environment).returncode


def pytest(title: str, *arguments: str, **environment: str) -> int:
    """One pass. In CI a pass that fails is run once more and both are shown: a busy machine must not decide, a defect must."""
    print(f"\n== {title}", flush=True)
    command = [sys.executable, "-m", "pytest", *arguments]
    for last in (os.environ.get("CI") != "true", True):
        code = subprocess.run(command, cwd=ROOT, env={**os.environ, **environment}).returncode
        if code == 0 or last:
            return code
        print(f"\n== {title}: failed, and run once more; look at what failed above", flush=True)
    return 1


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


if __name__ == "__main__":
    sys.exit(main())
