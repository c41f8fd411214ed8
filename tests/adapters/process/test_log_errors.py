"""Disks that are full, logs that cannot be opened: a defined end and a sentence, never a hang."""

import os
import resource
import signal
from pathlib import Path

import pytest

from adapters.process import EndedBy, Ending, read_ending, run_process
from adapters.process.keeper.log.error_scanner import looks_bad
from tests.adapters.process.conftest import SIGN_IN, Bench, log_of

WRITES_ON = SIGN_IN + "deaf(); sign_in()\nwhile True: os.write(1, b'line\\n' * 1000)"


def copied(bench: Bench, copy_to: Path, **changes: object) -> tuple[Ending, bytes]:
    spec = bench.spec(
        ["sh", "-c", "echo ran; touch ran"], copy_to=copy_to, **{"copy_roots": [str(bench.root)], **changes}
    )
    return run_process(spec), log_of(spec) if (Path(spec.attempt_dir) / "output.log").exists() else b""


def test_a_full_disk_ends_the_run_with_a_sentence_and_a_record(bench: Bench) -> None:
    spec = bench.spec(bench.tool(WRITES_ON))
    shim = bench.shim()
    resource.prlimit(shim.pid, resource.RLIMIT_FSIZE, (100_000, 100_000))
    shim.start(spec)
    ending = shim.wait(8)
    assert ending is not None
    assert (ending.ended_by, ending.survivors) == (EndedBy.LOG_ERROR, 0)
    assert "output.log cannot be written: File too large" in ending.error
    assert ending.log_skipped_bytes > 0
    assert (ending.log_bytes, ending.log_lines) == (100_000, 20_000)
    assert len(log_of(spec)) == 100_000
    assert read_ending(spec.attempt_dir) == ending
    os.kill(shim.pid, signal.SIGKILL)  # the keeper has the small limit: no other attempt may get it


def test_a_full_disk_under_the_copy_names_the_log_file_of_the_job(bench: Bench) -> None:
    spec = bench.spec(bench.tool(WRITES_ON), copy_to="/dev/full", copy_roots=["/dev"])
    ending = run_process(spec)
    assert ending.ended_by == EndedBy.LOG_ERROR
    assert "/dev/full (paths.log_file) cannot be written: No space left on device" in ending.error


def test_a_log_lost_at_the_very_end_is_not_called_a_good_end(bench: Bench) -> None:
    spec = bench.spec(["echo", "one line"], copy_to="/dev/full", copy_roots=["/dev"])
    ending = run_process(spec)
    assert ending.ended_by == EndedBy.LOG_ERROR


def test_the_copy_has_the_same_masked_bytes(bench: Bench) -> None:
    target = bench.root / "deep" / "er" / "job.log"
    spec = bench.spec(
        ["echo", "s3cr3t-value here"], secrets=["s3cr3t-value"], copy_to=target, copy_roots=[str(bench.root)]
    )
    assert run_process(spec).exit_code == 0
    assert target.read_bytes() == log_of(spec) == b"*** here\n"


@pytest.mark.parametrize(("append", "wanted"), [(False, "ran\n"), (True, "before\nran\n")])
def test_an_old_copy_is_replaced_or_continued(bench: Bench, append: bool, wanted: str) -> None:
    target = bench.root / "job.log"
    target.write_text("before\n")
    assert copied(bench, target, copy_append=append)[0].exit_code == 0
    assert target.read_text() == wanted


def test_a_copy_over_the_limit_keeps_head_and_tail_like_the_log(bench: Bench) -> None:
    target = bench.root / "job.log"
    spec = bench.spec(["seq", "20000"], copy_to=target, copy_roots=[str(bench.root)], max_log_bytes=20_000)
    ending = run_process(spec)
    assert target.read_bytes() == log_of(spec)
    assert ending.log_skipped_bytes > 0
    assert log_of(spec).endswith(b"20000\n")
    assert b"left out here" in log_of(spec)


def outside(root: Path) -> dict[str, Path]:
    """Ways out of the allowed directory; all of them lead to the same file."""
    inside, away = root / "inside", root / "away"
    inside.mkdir()
    away.mkdir()
    (away / "precious").write_text("precious")
    (inside / "link").symlink_to(away / "precious")
    (inside / "dir").symlink_to(away)
    return {
        "plain": away / "precious",
        "dots": inside / ".." / "away" / "precious",
        "link": inside / "link",
        "directory": inside / "dir" / "precious",
        "new": inside / "dir" / "new" / "file",
        "prefix": Path(f"{inside}-not") / "file",
    }


@pytest.mark.parametrize("way", ["plain", "dots", "link", "directory", "new", "prefix"])
def test_no_way_leads_out_of_the_allowed_directories(bench: Bench, way: str) -> None:
    ways = outside(bench.root)
    ending, _ = copied(bench, ways[way], copy_roots=[str(bench.root / "inside")])
    assert ending.ended_by == EndedBy.LOG_ERROR
    assert "paths.log_file" in ending.error
    assert (bench.root / "away" / "precious").read_text() == "precious"
    assert not (bench.root / "away" / "new").exists()
    assert not (bench.root / "inside-not").exists()
    assert not (bench.root / "ran").exists(), "the tool must not start"


def test_without_allowed_directories_no_copy_is_written(bench: Bench) -> None:
    ending, _ = copied(bench, bench.root / "job.log", copy_roots=[])
    assert ending.ended_by == EndedBy.LOG_ERROR


def test_a_root_that_is_itself_a_link_is_allowed(bench: Bench) -> None:
    (bench.root / "real").mkdir()
    (bench.root / "alias").symlink_to(bench.root / "real")
    ending, _ = copied(bench, bench.root / "alias" / "job.log", copy_roots=[str(bench.root / "alias")])
    assert ending.exit_code == 0
    assert (bench.root / "real" / "job.log").read_text() == "ran\n"


@pytest.mark.parametrize("kind", ["fifo", "directory"])
def test_what_is_no_file_is_refused_and_never_waited_for(bench: Bench, kind: str) -> None:
    target = bench.root / "target"
    os.mkfifo(target) if kind == "fifo" else target.mkdir()
    ending, _ = copied(bench, target)
    assert ending.ended_by == EndedBy.LOG_ERROR
    assert "paths.log_file" in ending.error


def test_codex_not_knowing_a_model_is_no_error() -> None:
    warning = (
        b'{"type":"item.completed","item":{"id":"1","type":"error","message":"Model metadata for `x` not found."}}'
    )
    assert not looks_bad(warning)
    assert looks_bad(warning.replace(b"Model metadata for `x` not found.", b"cannot write"))
