"""Spec, channel and timers by themselves."""

import ctypes
import json
import os
import sys
import time
from typing import Any

import pytest

from adapters.process import Ending, Spec
from adapters.process.keeper import clock, kernel
from adapters.process.keeper.ownership import Claim, Ownership
from adapters.process.keeper.protocol import Control
from adapters.process.keeper.stop import Stopper
from adapters.process.keeper.timers import Timers
from adapters.process.silence import Silence

GOOD: dict[str, Any] = {"argv": ["true"], "env": {}, "cwd": "/", "attempt_dir": "/tmp/x", "marker": "m" * 16}


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"argv": []}, "argv"),
        ({"argv": [""]}, "argv"),
        ({"marker": "m" * 15}, "marker"),
        ({"marker": "m m" * 9}, "marker"),
        ({"streams": "both"}, "streams"),
        ({"timeout_s": 0}, "timeout_s"),
        ({"idle_timeout_s": -1}, "idle_timeout_s"),
        ({"dead_man_s": float("nan")}, "dead_man_s"),
        ({"grace_s": -1}, "grace_s"),
        ({"max_log_bytes": 0}, "max_log_bytes"),
        ({"stdin": b"x" * 32_000_001}, "read a file"),
    ],
)
def test_a_spec_that_makes_no_sense_is_refused(change: dict[str, Any], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        Spec(**{**GOOD, **change})


def test_secrets_and_environment_are_not_shown_by_repr() -> None:
    shown = repr(Spec(**{**GOOD, "secrets": ["hush-hush"], "env": {"KEY": "hush-hush"}, "stdin": b"hush-hush"}))
    assert "hush-hush" not in shown


def test_a_spec_crosses_the_wire_as_json() -> None:
    wire = json.loads(json.dumps(Spec(**{**GOOD, "argv": ["caf\udce9"], "stdin": b"\xff"}).to_wire()))
    assert wire["env"] == {"ENGINE_ATTEMPT_MARKER": "m" * 16}
    assert os.fsencode(wire["argv"][0]) == b"caf\xe9"
    assert wire["stdin_b64"] == "/w=="


def test_an_ending_of_a_newer_shim_is_understood() -> None:
    ending = Ending.from_dict({"ended_by": "exit", "exit_code": 0, "invented_later": 1})
    assert Ending.from_dict(ending.as_dict()) == ending


def test_orders_come_whole_however_they_are_cut_and_nonsense_is_passed_over() -> None:
    reader, writer = os.pipe()
    orders = Control(reader)
    os.write(writer, b'{"op": "ext')
    assert orders.read() == []
    os.write(writer, b'end"}\nnonsense\n[1]\n{"op": "cancel"}\n{"op')
    assert [order["op"] for order in orders.read()] == ["extend", "cancel"]
    os.close(writer)
    assert not orders.ended
    assert orders.read() == []
    assert orders.ended
    os.close(reader)


def test_events_never_block_and_keep_the_last_word() -> None:
    reader, writer = os.pipe()
    events = Control(writer)
    begun = time.monotonic()
    for _ in range(10_000):
        events.tell("progress", bytes=1)
        events.push()
    events.tell("exit", exit_code=0)
    events.push()
    assert events.waiting
    assert time.monotonic() - begun < 5
    text = os.read(reader, 1 << 20)
    events.finish(1.0)
    text += os.read(reader, 1 << 20)
    rows = [json.loads(line) for line in text.splitlines()]
    assert rows[-1] == {"event": "exit", "exit_code": 0}
    assert len(rows) < 10_000
    os.close(reader)
    events.tell("exit", again=True)
    events.push()  # nobody listens: no error, nothing kept
    assert not events.waiting
    os.close(writer)


def test_a_tool_that_never_started_has_no_group_to_signal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "killpg", lambda *_: pytest.fail("group 0 is the keeper's own"))
    ownership = Ownership(has_tags=True)
    monkeypatch.setattr(ownership, "members", lambda claim: [])
    stopper = Stopper(Claim("m" * 16, 1, (os.geteuid(),)), ownership)
    stopper.begin("spawn_error", 0.0, 0.0)
    while not stopper.done:
        stopper.step(stopper.survivors + 60.0)
    assert (stopper.killed, stopper.survivors) == (0, 0)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a call of Linux")
def test_the_memory_of_a_keeper_is_hidden_from_its_tools() -> None:
    """The tool runs as the same user: it could read the secrets there, or write an event into the keeper's socket."""
    child = os.fork()
    if child == 0:
        hidden = kernel.hide_memory() and ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0
        os._exit(0 if hidden else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_a_clock_that_is_set_moves_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    timers = Timers({"timeout_s": 10, "idle_timeout_s": 5, "dead_man_s": 10}, clock.now())
    for jump in (1e9, -1e9):
        monkeypatch.setattr(time, "time", lambda jump=jump: jump)
        monkeypatch.setattr(time, "time_ns", lambda jump=jump: int(jump))
        assert timers.expired(clock.now()) is None
        assert not timers.watchdog_expired(clock.now())


def test_a_watchdog_expires_after_its_time_and_can_be_put_off() -> None:
    timers = Timers({"dead_man_s": 0.02}, 10.0)
    assert timers.next_in(10.0) == pytest.approx(0.02)
    assert timers.watchdog_expired(10.03)
    timers.extend(60, 10.03)
    assert not timers.watchdog_expired(70.0)


def test_an_attempt_without_limits_has_no_deadline() -> None:
    assert Timers({}, 10.0).next_in(10.0) is None


def test_silence_counts_only_while_somebody_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    at = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: at[0])
    silence = Silence()
    at[0] += 1.0
    assert silence.ask()
    at[0] += 3600.0  # the runner was stopped meanwhile: the keeper had no chance to be heard
    assert not silence.lasts(5.0)
    for _ in range(5):
        at[0] += 1.0
        lasts = silence.lasts(5.0)
    assert lasts
    silence.over()
    assert not silence.lasts(5.0)
