"""The results in docs/benchmarks.md: written from the JSON of a run, between two marks; the rest is prose."""

from collections.abc import Iterator
from pathlib import Path

from tests.bench.figures import Figure, number
from tests.bench.picture import draw
from tests.bench.report import Report
from tests.bench.servers import ROOT

DOCUMENT = ROOT / "docs/benchmarks.md"
PICTURE = ROOT / "docs/benchmarks.svg"
BEGIN, END = "<!-- results: `make bench-docs` writes them -->\n", "<!-- end of results -->\n"
HEADINGS = {
    "throughput": "Recorded jobs per second",
    "http": "Over HTTP",
    "requests": "CPU of a request",
    "waiting": "Jobs that wait",
    "watchers": "Watchers of a log",
    "logpath": "The log path",
    "idle": "Start and rest",
    "growth": "Growth with history",
}


def update(report: Report, document: Path = DOCUMENT, picture: Path = PICTURE) -> None:
    before, _, rest = document.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    document.write_text(f"{before}{BEGIN}{results(report)}{END}{after}")
    picture.write_text(draw(report))


def results(report: Report) -> str:
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"Run of {report.started}{', `make bench-quick`' if report.quick else ''}: {report.machine}."
    yield f"\n```\n{report.last_line()}\n```\n\n![The figures of this run that have a goal](benchmarks.svg)"
    for section in report.sections:
        yield f"\n### {HEADINGS[section.topic]}\n"
        yield f"Load {section.load_before:.1f} before, {section.load_after:.1f} after; {section.seconds:.0f} s."
        if section.failure:
            yield f"\n**Failed: {section.failure}**"
        yield "\n| Figure | Median | Unit | Spread | Goal | Met |\n| --- | ---: | --- | --- | --- | --- |"
        yield from (_row(one) for one in section.figures)


def _row(one: Figure) -> str:
    title = f"{one.title} ({one.note})" if one.note else one.title
    goal = str(one.goal).replace(">=", "≥").replace("<=", "≤") if one.goal else ""
    return f"| {title} | {number(one.value)} | {one.unit} | {one.spread} | {goal} | {one.verdict} |"
