"""A run's workstreams as a drawing: columns by longest path, rows by barycentre, the critical path in ink."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from jobs.pages.runs.run_board import Card

WIDTH, HEIGHT = 208, 52
ACROSS, DOWN = 278, 76
MARGIN = 8
SWEEPS = 6


@dataclass(frozen=True)
class Node:
    card: Card
    x: float
    y: float
    hot: bool


@dataclass(frozen=True)
class Edge:
    path: str
    arrow: str
    hot: bool


@dataclass(frozen=True)
class Drawing:
    width: float
    height: float
    nodes: list[Node]
    edges: list[Edge]
    critical: list[str]


def draw(cards: Mapping[int, Card]) -> Drawing:
    needs = _without_rings(cards)
    column = _columns(needs)
    rows = _rows(needs, column)
    hot = _critical(cards, needs)
    place = {pk: (MARGIN + column[pk] * ACROSS, MARGIN + rows[pk] * DOWN) for pk in cards}
    nodes = [Node(cards[pk], *place[pk], pk in hot) for pk in cards]
    edges = [
        _edge(place[parent], place[child], parent in hot and child in hot and _next(hot, parent) == child)
        for child in needs
        for parent in sorted(needs[child])
    ]
    wide = max((x for x, _ in place.values()), default=0) + WIDTH + MARGIN
    tall = max((y for _, y in place.values()), default=0) + HEIGHT + MARGIN
    return Drawing(wide, tall, nodes, sorted(edges, key=lambda edge: edge.hot), [cards[pk].name for pk in hot])


def _without_rings(cards: Mapping[int, Card]) -> dict[int, set[int]]:
    """Jobs never wait in a ring, but their workstreams may: an edge that closes one is left out."""
    needs: dict[int, set[int]] = {pk: set() for pk in cards}

    def reaches(start: int, goal: int) -> bool:
        seen, stack = set(), [start]
        while stack:
            here = stack.pop()
            if here == goal:
                return True
            if here not in seen:
                seen.add(here)
                stack += needs[here]
        return False

    for child, card in cards.items():
        for parent in sorted(card.needs):
            if not reaches(parent, child):
                needs[child].add(parent)
    return needs


def _columns(needs: Mapping[int, set[int]]) -> dict[int, int]:
    depth: dict[int, int] = {}
    for start in needs:
        stack = [start]
        while stack:
            here = stack[-1]
            open_needs = [parent for parent in needs[here] if parent not in depth]
            if open_needs:
                stack += open_needs
                continue
            stack.pop()
            depth[here] = 1 + max((depth[parent] for parent in needs[here]), default=-1)
    return depth


def _rows(needs: Mapping[int, set[int]], column: Mapping[int, int]) -> dict[int, float]:
    """Each node near the mean of its neighbours; some sweeps are enough for the sizes that people look at."""
    beside: dict[int, set[int]] = defaultdict(set)
    for child, parents in needs.items():
        for parent in parents:
            beside[child].add(parent)
            beside[parent].add(child)
    columns: dict[int, list[int]] = defaultdict(list)
    for pk in needs:
        columns[column[pk]].append(pk)
    at = {pk: float(index) for members in columns.values() for index, pk in enumerate(members)}
    for _ in range(SWEEPS):
        for members in columns.values():
            members.sort(key=lambda pk: sum(at[n] for n in beside[pk]) / len(beside[pk]) if beside[pk] else at[pk])
            at |= {pk: float(index) for index, pk in enumerate(members)}
    most = max((len(members) for members in columns.values()), default=0)
    return {pk: index + (most - len(members)) / 2 for members in columns.values() for index, pk in enumerate(members)}


def _critical(cards: Mapping[int, Card], needs: Mapping[int, set[int]]) -> list[int]:
    """The chain with the most time in it; a workstream that has not run counts a minute for each of its jobs."""
    cost = {pk: card.duration_s or 60.0 * max(1, len(card.jobs)) for pk, card in cards.items()}
    column = _columns(needs)
    best: dict[int, float] = {}
    before: dict[int, int | None] = {}
    for pk in sorted(cards, key=lambda one: column[one]):
        parent = max(needs[pk], key=lambda one: best[one], default=None)
        best[pk] = cost[pk] + (best[parent] if parent is not None else 0.0)
        before[pk] = parent
    here: int | None = max(best, key=lambda one: best[one], default=None)
    chain: list[int] = []
    while here is not None:
        chain.append(here)
        here = before[here]
    return chain[::-1] if len(chain) > 1 else []


def _next(chain: list[int], pk: int) -> int | None:
    at = chain.index(pk)
    return chain[at + 1] if at + 1 < len(chain) else None


def _edge(start: tuple[float, float], end: tuple[float, float], hot: bool) -> Edge:
    x1, y1 = start[0] + WIDTH, start[1] + HEIGHT / 2
    x2, y2 = end[0] - 6, end[1] + HEIGHT / 2
    bend = (x1 + x2) / 2
    return Edge(f"M{x1:g},{y1:g}C{bend:g},{y1:g} {bend:g},{y2:g} {x2:g},{y2:g}", f"M{x2 + 6:g},{y2:g}l-7,-4v8z", hot)
