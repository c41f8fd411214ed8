"""Attacks of a confined tool on what is not its own, each with the rights that the worker has."""

import os
import socket
import sys
from pathlib import Path
from typing import Any

import pytest

from adapters.process import Confine, EndedBy, Spec
from adapters.process.keeper import landlock
from tests.adapters.process.conftest import Bench, log_of

pytestmark = pytest.mark.skipif(landlock.version() == 0, reason="this kernel has no Landlock")

SYSTEM = ("/usr", "/bin", "/lib", "/lib64", "/etc", "/proc", "/opt", sys.base_prefix, sys.base_exec_prefix)
TRY = """
def attempt(name, action):
    try:
        action()
        print("done", name)
    except OSError as refusal:
        print("refused", name)
"""


@pytest.fixture(params=["vfork", "fork"])
def attack(request: pytest.FixtureRequest, bench: Bench) -> Any:
    """Run a tool's source, confined to its directory `inside`; returns the lines that it printed."""
    inside = bench.root / "inside"
    inside.mkdir()

    def run(source: str, *arguments: object) -> list[str]:
        tool = bench.tool(TRY + source, *arguments)
        confine = Confine((*SYSTEM, tool[4]), (str(inside), "/dev/null"))
        limits = {"nofile": 256} if request.param == "fork" else None
        spec = bench.spec(tool, cwd=str(inside), confine=confine, rlimits=limits)
        ending = bench.shim(spec).wait(20)
        assert ending is not None and ending.ended_by == EndedBy.EXIT, ending
        return log_of(spec).decode().splitlines()

    return run


def test_files_outside_can_neither_be_read_nor_changed(attack: Any, bench: Bench) -> None:
    key = bench.root / "secret_key"
    key.write_text("key")
    printed = attack(
        f"""
key = {str(key)!r}
attempt("read", lambda: open(key).read())
attempt("write", lambda: open(key, "w"))
attempt("append", lambda: open(key, "a"))
attempt("truncate", lambda: os.truncate(key, 0))
attempt("delete", lambda: os.unlink(key))
attempt("rename", lambda: os.rename(key, "mine"))
attempt("replace", lambda: os.rename(__file__, key))
attempt("hard link", lambda: os.link(key, "mine"))
attempt("create", lambda: open(key + "2", "w"))
attempt("directory", lambda: os.mkdir(key + "3"))
attempt("list", lambda: os.listdir(os.path.dirname(key)))
os.symlink(key, "link")
attempt("symlink", lambda: open("link").read())
print("child", subprocess.run(["cat", key], stderr=subprocess.DEVNULL).returncode)
"""
    )
    assert [line for line in printed if not line.startswith("refused")] == ["child 1"]
    assert len(printed) == 13
    assert key.read_text() == "key" and sorted(path.name for path in (bench.root / "inside").iterdir()) == ["link"]


def test_its_own_directory_and_the_system_are_open(attack: Any) -> None:
    printed = attack(
        """
attempt("write", lambda: open("file", "w").write("x"))
attempt("directory", lambda: os.makedirs("a/b"))
attempt("rename", lambda: os.rename("file", "a/b/file"))
attempt("link", lambda: os.link("a/b/file", "hard"))
attempt("program", lambda: subprocess.run(["git", "init", "-q"], check=True))
attempt("null", lambda: open("/dev/null", "w").write("x"))
attempt("own process", lambda: open("/proc/self/environ").read())
"""
    )
    assert len(printed) == 7 and all(line.startswith("done") for line in printed), printed


def test_other_processes_can_be_neither_signalled_nor_traced_nor_read(attack: Any) -> None:
    printed = attack(
        f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def trace(pid):
    if libc.ptrace(16, pid, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")
for name, pid in (("worker", {os.getpid()}), ("keeper", os.getppid())):
    attempt(name + " stop", lambda: os.kill(pid, signal.SIGSTOP))
    attempt(name + " probe", lambda: os.kill(pid, 0))
    attempt(name + " environment", lambda: open(f"/proc/{{pid}}/environ").read())
    attempt(name + " memory", lambda: open(f"/proc/{{pid}}/mem", "rb"))
    attempt(name + " files", lambda: os.readlink(f"/proc/{{pid}}/fd/0"))
    attempt(name + " trace", lambda: trace(pid))
"""
    )
    assert len(printed) == 12 and all(line.startswith("refused") for line in printed), printed


def test_a_grandchild_with_a_session_of_its_own_is_no_freer(attack: Any, bench: Bench) -> None:
    key = bench.root / "secret_key"
    key.write_text("key")
    printed = attack(
        f"""
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        attempt("read", lambda: open({str(key)!r}).read())
        attempt("stop", lambda: os.kill({os.getpid()}, signal.SIGSTOP))
        sys.stdout.flush()
    os._exit(0)
time.sleep(0.5)
"""
    )
    assert sorted(printed) == ["refused read", "refused stop"]


def test_abstract_sockets_of_others_are_closed_to_it(attack: Any) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        name = f"\0engine-test-{os.getpid()}"
        server.bind(name)
        server.listen()
        assert attack(
            f"import socket\nattempt('connect', lambda: socket.socket(socket.AF_UNIX).connect({name!r}))\n"
        ) == ["refused connect"]


def test_it_can_gain_no_privilege(attack: Any) -> None:
    printed = attack(
        """
fields = dict(line.split(":\\t") for line in open("/proc/self/status").read().splitlines() if ":\\t" in line)
print(fields["NoNewPrivs"], int(fields["CapEff"], 16) & ~sum(1 << n for n in (0, 1, 3, 4, 6, 7, 10)))
"""
    )
    assert printed == ["1 0"]


def test_a_tool_that_cannot_be_confined_is_not_started(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(landlock, "version", lambda: 0)
        with pytest.raises(landlock.NotConfined, match="no Landlock"):
            landlock.restrict({"read": [], "write": []})
    Path(bench.root / "still").write_text("free")  # nothing was restricted here


def test_the_keeper_itself_is_never_confined(bench: Bench) -> None:
    confined = bench.spec(["true"], confine=Confine(SYSTEM, ()), cwd="/")
    shim = bench.shim(confined)
    assert shim.wait(20) is not None
    free = Spec(
        argv=["cat", str(bench.root / "note")],
        env={"PATH": os.environ["PATH"]},
        cwd=str(bench.root),
        attempt_dir=bench.root / "second",
        marker="m" * 20,
    )
    (bench.root / "note").write_text("seen")
    second = bench.shim(free)
    ending = second.wait(20)
    assert ending is not None and ending.exit_code == 0
