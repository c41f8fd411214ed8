"""The environment that a tool gets: an allow-list of the server's, constants, the adapter's own, and the job's.

Nothing else of the server's environment reaches a tool. HOME is the server user's, because the tools keep their logins
there; a job may name its own in `env`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from typing import Any
from urllib.parse import unquote, urlsplit

from adapters.errors import DangerousName, MissingSecret

PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "LC_*",
    "TZ",
    "TMPDIR",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
    "XDG_CACHE_HOME",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
    "OLLAMA_API_BASE",  # the address of the team's model server, set once for all jobs
)

# No colours, no questions, no pager, no editor: nobody sits in front of it.
CONSTANTS = {
    "TERM": "dumb",
    "NO_COLOR": "1",
    "CI": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_EDITOR": "true",
    "GIT_PAGER": "cat",
    "PAGER": "cat",
}

# Names that make a program load or run something else than the job says. `Context.allowed_env` lets some through.
DANGEROUS = (
    "PATH",
    "LD_*",
    "DYLD_*",
    "GLIBC_TUNABLES",
    "GCONV_PATH",
    "BASH_ENV",
    "ENV",
    "BASH_FUNC_*",
    "SHELLOPTS",
    "BASHOPTS",
    "PS4",
    "IFS",
    "PROMPT_COMMAND",
    "PYTHONPATH",
    "PYTHONHOME",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    "PYTHONBREAKPOINT",
    "PYTHONUSERBASE",
    "PERL5OPT",
    "PERL5LIB",
    "PERL5DB",
    "RUBYOPT",
    "RUBYLIB",
    "NODE_OPTIONS",
    "NODE_PATH",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "_JAVA_OPTIONS",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_PROXY_COMMAND",
    "GIT_EXTERNAL_DIFF",
    "GIT_CONFIG*",
    "GIT_EXEC_PATH",
    "GIT_TEMPLATE_DIR",
    "GIT_ASKPASS",
    "SSH_ASKPASS",
    "GIT_EDITOR",
    "GIT_SEQUENCE_EDITOR",
    "GIT_PAGER",
    "EDITOR",
    "VISUAL",
    "PAGER",
)

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
SECRET_NAME = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?)$", re.IGNORECASE)


@dataclass(frozen=True)
class Environment:
    values: dict[str, str]
    secrets: tuple[str, ...]  # the values that must not reach a log


def build(
    job_env: Mapping[str, Any],
    *,
    server_env: Mapping[str, str],
    own: Mapping[str, str],
    secrets: Mapping[str, str],
    allowed: Collection[str],
    job_id: str,
    marker: str,
) -> Environment:
    """Raises DangerousName, MissingSecret. The job's `env` wins over the adapter's own values."""
    passed_on = {name: value for name, value in server_env.items() if matches(name, PASSED_ON)}
    wanted = {name: resolved(name, value, secrets, allowed) for name, value in job_env.items()}
    values = {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        **passed_on,
        **CONSTANTS,
        **own,
        **wanted,
        "ENGINE_JOB_ID": job_id,
        "ENGINE_ATTEMPT_MARKER": marker,
    }
    masked = [*secrets_of(job_env, secrets), *filter(None, map(password_in, values.values()))]
    return Environment(values, tuple(dict.fromkeys(masked)))


def secrets_of(job_env: Mapping[str, Any], secrets: Mapping[str, str]) -> tuple[str, ...]:
    """The values in a job's `env` that must not be shown: stored secrets, and what is named like one."""
    found = []
    for name, value in job_env.items():
        if isinstance(value, Mapping):
            found.append(secrets.get(str(value.get("secret")), ""))
        elif SECRET_NAME.search(name):
            found.append(str(value))
    return tuple(filter(None, found))


def examine(job_env: Mapping[str, Any], allowed: Collection[str]) -> None:
    """What a job may not set, whatever secrets there are. Raises DangerousName."""
    for name, value in job_env.items():
        stand_in = {str(value.get("secret")): ""} if isinstance(value, Mapping) else {}
        resolved(name, value, stand_in, allowed)


def resolved(name: str, value: Any, secrets: Mapping[str, str], allowed: Collection[str]) -> str:
    if not NAME.fullmatch(name):
        raise DangerousName(f"env.{name!r} is not a name for a variable; use letters, digits and _")
    if name.startswith("ENGINE_"):
        raise DangerousName(f"env.{name} is reserved for the engine; use another name")
    if isinstance(value, Mapping):
        secret = str(value.get("secret"))
        if secret not in secrets:
            raise MissingSecret(f"env.{name} names the secret {secret!r}, which is not there; store it or correct it")
        text = secrets[secret]
    else:
        text = str(value)
    if matches(name, DANGEROUS) and not matches(name, allowed) and CONSTANTS.get(name) != text:
        raise DangerousName(
            f"env.{name} makes programs load or run other code, so a job may not set it; "
            "remove it, or let the administrator allow the name"
        )
    if "\0" in text:
        raise DangerousName(f"env.{name} holds a NUL character; remove it")
    return text


def matches(name: str, patterns: Collection[str]) -> bool:
    return _any_of(tuple(patterns)).match(name) is not None


@lru_cache(maxsize=64)
def _any_of(patterns: tuple[str, ...]) -> re.Pattern[str]:
    """One expression for all shell patterns: every start matches some hundred names."""
    return re.compile("|".join(map(translate, patterns)) or r"(?!)")


def password_in(value: str) -> str:
    """The password of an address such as a proxy's."""
    if "://" not in value or "@" not in value:
        return ""
    try:
        return unquote(urlsplit(value).password or "")
    except ValueError:
        return ""
