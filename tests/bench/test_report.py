"""The report of the benchmark: what it says of figures that were measured, and of those that were not."""

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.bench.document import BEGIN, DOCUMENT, END, results, update
from tests.bench.figures import GOALS, figure, number, percentile
from tests.bench.machine import Machine
from tests.bench.picture import draw, how_much_better
from tests.bench.report import LAST_LINE, Report, Section, lines

MACHINE = Machine(2, "a processor", 8000, "Linux 6", {"Python": "3.13", "Redis": ""}, "abc", 0.1)


def make_report() -> Report:
    known = figure("of_limit", "Engine of the limit", "", 0.5, 0.3, 0.4)
    missed = figure("idle_mb", "Idle memory", "MB PSS", 160.0)
    unknown = figure("vs_celery_redis", "Engine against Celery", "", note="no Redis")
    return Report(MACHINE, "today", False, [Section("throughput", [known, unknown]), Section("idle", [missed])])


def test_the_last_line_has_every_key_once_and_none_for_what_is_unknown() -> None:
    line = make_report().last_line()
    assert line.startswith("bench: of_limit=0.40 vs_django_q2=none vs_celery_redis=none ")
    assert [word.partition("=")[0] for word in line.split()[1:]] == list(LAST_LINE)


def test_a_report_is_the_same_after_it_was_written_and_read(tmp_path: Path) -> None:
    report = make_report()
    report.write(tmp_path / "bench.json")
    assert Report.read(tmp_path / "bench.json") == report


def test_a_figure_is_the_median_with_its_spread_and_its_goal() -> None:
    one = figure("of_limit", "Engine of the limit", "", 0.5, 0.2, 0.25)
    assert (one.value, one.spread, one.verdict) == (0.25, "0.20 to 0.50", "no")


def test_a_figure_without_values_is_none_and_says_why() -> None:
    (line,) = lines([figure("idle_mb", "Idle memory", "MB", note="no /proc")])
    assert "none" in line
    assert line.endswith("no /proc")


@pytest.mark.parametrize(
    ("value", "told"), [(None, "none"), (812.4, "812"), (12.34, "12.3"), (1.234, "1.23"), (0.0123, "0.012")]
)
def test_numbers_have_three_digits(value: float | None, told: str) -> None:
    assert number(value) == told


def test_a_percentile_is_a_value_that_was_measured() -> None:
    assert percentile([5, 1, 3], 95) == 5


def test_the_picture_has_a_row_for_each_figure_with_a_goal() -> None:
    root = ET.fromstring(draw(make_report()))
    told = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"Engine of the limit", "Idle memory", "Engine against Celery", "none"} <= set(told)


def test_less_is_better_where_the_goal_is_a_maximum() -> None:
    assert how_much_better(figure("idle_mb", "", "", GOALS["idle_mb"].limit / 2)) == 2
    assert how_much_better(figure("of_limit", "", "", GOALS["of_limit"].limit / 2)) == 0.5


def test_the_document_keeps_its_prose_when_results_are_written(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text(f"Before\n{BEGIN}old\n{END}After\n")
    update(make_report(), document, tmp_path / "benchmarks.svg")
    text = document.read_text()
    assert text.startswith("Before\n")
    assert text.endswith("After\n")
    assert "old" not in text
    assert "| Engine against Celery (no Redis) | none |" in text


def test_the_committed_document_has_a_place_for_results() -> None:
    text = DOCUMENT.read_text()
    assert text.count(BEGIN) == text.count(END) == 1
    assert results(make_report())
