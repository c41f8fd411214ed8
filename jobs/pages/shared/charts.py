"""Geometry of small charts, in percent of their box: templates draw it as SVG without any style of their own."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Column:
    x: str
    width: str
    good_y: str
    good_height: str
    bad_y: str
    bad_height: str


def columns(pairs: Sequence[tuple[int, int]], height: float, gap: float = 0.19) -> list[Column]:
    """Stacked columns of (good, bad)."""
    most = max((good + bad for good, bad in pairs), default=0) or 1
    step = 100 / max(1, len(pairs))
    found = []
    for index, (good, bad) in enumerate(pairs):
        tall, red = good / most * height, bad / most * height
        # A hairline between the two keeps them apart where colours are not seen.
        room = 1.0 if good and bad else 0.0
        found.append(
            Column(
                f"{index * step + step * gap / 2:.2f}%",
                f"{step * (1 - gap):.2f}%",
                f"{height - tall:.1f}",
                f"{tall:.1f}",
                f"{height - tall - red:.1f}",
                f"{max(0.0, red - room):.1f}",
            )
        )
    return found


def slot_marks(used: int, total: int | None) -> list[bool]:
    """One mark for each slot, used or free, at most sixteen. Without a total, one for each that is used."""
    return [index < used for index in range(min(16, max(used, total or 0)))]


@dataclass(frozen=True)
class Spark:
    line: str
    area: str


def spark(values: Sequence[float], width: float = 72, height: float = 20) -> Spark:
    most = max(values, default=0) or 1
    step = width / max(1, len(values) - 1)
    points = [f"{i * step:.1f},{height - 2 - value / most * (height - 4):.1f}" for i, value in enumerate(values)]
    line = "M" + " ".join(points or ["0,0"])
    return Spark(line, f"{line} {width:g},{height:g} 0,{height:g}z")


@dataclass(frozen=True)
class Segment:
    tone: str
    x: str
    width: str
    edge: str  # where the next one begins; empty at the end


def segments(parts: Sequence[tuple[str, int]]) -> list[Segment]:
    """A bar of parts side by side; a part without a tone is the empty track."""
    total = sum(count for _, count in parts) or 1
    found, at = [], 0.0
    for tone, count in parts:
        width = count / total * 100
        if count:
            found.append(
                Segment(tone, f"{at:.2f}%", f"{width:.2f}%", f"{at + width:.2f}%" if at + width < 99.9 else "")
            )
        at += width
    return found


def days_path(values: Sequence[float], height: int = 20) -> Spark:
    """Bars of a row, 7 wide each: `area` is a path of all but the last, `line` of the last. A rect for each would make
    fifty rows four times as heavy."""
    most = max(values, default=0) or 1
    found = [
        f"M{index * 7} {height}v-{max(1.5, value / most * height):.3g}h5V{height}z" if value else ""
        for index, value in enumerate(values)
    ]
    return Spark(found[-1] if found else "", "".join(found[:-1]))
