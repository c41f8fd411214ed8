"""Where a program and what it needs to run are installed: what a confined tool may read besides its own working tree.

No place that holds keys is among them: of /etc and of the home directory only what is named here can be read.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from fnmatch import fnmatch
from pathlib import Path

SYSTEM = (
    *("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/snap"),
    *("/run/systemd/resolve", "/run/resolvconf", "/proc", "/sys"),
)
# Patterns of names in /etc. A service's keys lie there too: /etc/engine/env, /etc/ssl/private.
ETC = (
    *(
        "alternatives",
        "bash.bashrc",
        "ca-certificates",
        "ca-certificates.conf",
        "debian_version",
        "environment",
        "fonts",
    ),
    *("gai.conf", "gitconfig", "group", "host.conf", "hostname", "hosts", "inputrc", "java*", "ld.so.*", "locale*"),
    *(
        "localtime",
        "login.defs",
        "machine-id",
        "magic*",
        "mime.types",
        "networks",
        "nsswitch.conf",
        "os-release",
        "passwd",
    ),
    *(
        "perl",
        "php",
        "profile",
        "profile.d",
        "protocols",
        "python*",
        "resolv.conf",
        "rpc",
        "services",
        "shells",
        "skel",
    ),
    *("ssl/certs", "ssl/openssl.cnf", "ssl/cert.pem", "pki/ca-trust", "pki/tls/certs", "pki/tls/openssl.cnf"),
    *("crypto-policies", "ssh/ssh_config*", "ssh/ssh_known_hosts", "terminfo", "timezone", "vim", "xdg", "xml"),
)
# Below the home directory; not .ssh, .aws, .netrc, .npmrc, nor the parts of these that hold credentials.
HOME = (
    *(".gitconfig", ".config/git/config", ".config/git/ignore", ".config/git/attributes"),
    *(".local/bin", ".local/lib", ".local/share/pipx", ".local/share/uv/python", ".local/share/uv/tools"),
    *(".local/share/mise", ".pyenv", ".asdf", ".nvm", ".volta", ".bun/bin", ".deno/bin", ".rbenv", ".sdkman"),
    *(".cargo/bin", ".cargo/env", ".cargo/config.toml", ".cargo/registry", ".cargo/git", ".rustup"),
    *(".gem/ruby", "go/bin", "go/pkg"),
)
MAX_INTERPRETERS = 4  # a script whose interpreter is a script, and so on


def readable(program: str, path: str, home: Path) -> tuple[str, ...]:
    """What `program` and the programs of `path`, a PATH, may read."""
    found = [*SYSTEM, *_etc(), *(str(home / name) for name in HOME)]
    found += [str(place) for place in _installations(program, path, home)]
    return tuple(_outermost(name for name in found if Path(name).exists()))


def _outermost(names: Iterable[str]) -> Iterator[str]:
    """Without what lies in another one."""
    last = None
    for place in sorted({Path(name) for name in names}):
        if last is None or not place.is_relative_to(last):
            yield str(place)
            last = place


def _etc() -> Iterator[str]:
    for pattern in ETC:
        folder = Path("/etc", pattern).parent
        if folder.is_dir():
            yield from (str(place) for place in folder.iterdir() if fnmatch(place.name, Path(pattern).name))


def _installations(program: str, path: str, home: Path) -> Iterator[Path]:
    """The directories of PATH, and where the programs in them, the tool's own and their interpreters are installed."""
    for folder in path.split(os.pathsep):
        if folder.startswith("/"):
            yield from _installation(Path(folder), home)
    place = Path(program)
    for _ in range(MAX_INTERPRETERS):
        yield from _installation(place.parent, home)
        yield from _installation(place.resolve().parent, home)
        interpreter = _interpreter(place)
        if interpreter is None:
            return
        place = interpreter


def _installation(folder: Path, home: Path) -> Iterator[Path]:
    """A directory of programs, and what stands around it if it is some installation's `bin`; with a virtualenv's base."""
    if home.is_relative_to(folder):
        return  # a home directory on PATH: nothing there is a toolchain by its place
    yield folder
    around = folder.parent
    if folder.name not in ("bin", ".bin") or home.is_relative_to(around):
        return
    base = _base_of_virtualenv(around / "pyvenv.cfg")
    if base is not None or around.parent != home:  # ~/.local and ~/.cargo hold more than programs, keys among it
        yield around
    if base is not None and base != folder:
        yield from _installation(base.resolve(), home)


def _base_of_virtualenv(config: Path) -> Path | None:
    try:
        lines = config.read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError):
        return None
    homes = [line.partition("=")[2].strip() for line in lines if line.partition("=")[0].strip() == "home"]
    return Path(homes[0]) if homes and homes[0].startswith("/") else None


def _interpreter(script: Path) -> Path | None:
    """The program in a script's first line."""
    try:
        with script.open("rb") as file:
            line = file.readline(512)
    except OSError:
        return None
    words = line[2:].split() if line.startswith(b"#!") else []
    return Path(os.fsdecode(words[0])) if words and words[0].startswith(b"/") else None
