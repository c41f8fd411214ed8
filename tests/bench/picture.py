"""A picture of a run, as SVG: how far each figure is from its goal, on a logarithmic scale."""

import math
from collections.abc import Iterator
from html import escape

from tests.bench.figures import Figure, number
from tests.bench.report import Report

WIDTH, ROW, TOP, LABELS, VALUES = 900, 22, 64, 400, 130
DECADES = 2.0  # to each side of the goal
GOOD, BAD, INK, LINE = "#1a7f37", "#b35900", "#24292f", "#8c959f"


def draw(report: Report) -> str:
    shown = [figure for figure in report.figures() if figure.goal]
    height = TOP + ROW * len(shown) + 30
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">',
            f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
            _text(12, 22, f"make bench, {report.started}, commit {report.machine.commit}", size=15),
            _text(12, 42, "Bars to the right of the line: better than the goal. One grid line is a factor of ten."),
            *_grid(height),
            *(element for place, figure in enumerate(shown) for element in _row(figure, TOP + ROW * place)),
            "</svg>\n",
        ]
    )


def _grid(height: int) -> Iterator[str]:
    for decade in range(-int(DECADES), int(DECADES) + 1):
        x, width = _x(10.0**decade), 2 if decade == 0 else 0.5
        yield f'<line x1="{x:.0f}" y1="{TOP - 8}" x2="{x:.0f}" y2="{height - 24}" stroke="{LINE}" stroke-width="{width}"/>'
        yield _text(x, height - 8, "goal" if decade == 0 else f"{10.0**decade:g}x", anchor="middle")


def _row(figure: Figure, y: float) -> Iterator[str]:
    yield _text(12, y + 14, figure.title)
    told = f"{number(figure.value)} {figure.unit}".strip()
    yield _text(WIDTH - 12, y + 14, f"{told} ({figure.goal})" if figure.value is not None else "none", anchor="end")
    if figure.value is None:
        return
    better, start = how_much_better(figure), _x(1)
    x = _x(better)
    colour = GOOD if figure.verdict == "yes" else BAD
    left, width = min(x, start), max(abs(x - start), 1.5)
    yield f'<rect x="{left:.1f}" y="{y + 3}" width="{width:.1f}" height="{ROW - 8}" fill="{colour}"/>'


def how_much_better(figure: Figure) -> float:
    """2: twice as good as the goal. Figures of which less is better count the other way round."""
    assert figure.goal is not None
    assert figure.value is not None
    value = max(figure.value, 1e-9)
    return value / figure.goal.limit if figure.goal.at_least else figure.goal.limit / value


def _x(better: float) -> float:
    left, right = LABELS, WIDTH - VALUES - 20
    place = max(-DECADES, min(DECADES, math.log10(better)))
    return left + (place + DECADES) / (2 * DECADES) * (right - left)


def _text(x: float, y: float, text: str, *, size: int = 12, anchor: str = "start") -> str:
    return f'<text x="{x:.0f}" y="{y:.0f}" font-size="{size}" fill="{INK}" text-anchor="{anchor}">{escape(text)}</text>'
