"""Questions about a scene, in SSG-VQA's grammar: location, zero-hop and one-hop forms."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import numpy as np

from anatomy_r1.mini.classes import POSITIONS, label
from anatomy_r1.mini.scene import Scene

Family = Literal["location", "zero_hop", "one_hop"]
RELATIONS: dict[str, tuple[int, int]] = {"above": (-1, 0), "below": (1, 0), "left of": (0, -1), "right of": (0, 1)}
"""Step in (row, column) from the reference to what is asked for. They hold between neighbouring cells only."""
NOUNS = ("anatomy", "thing", "object")


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about a scene."""

    stem: str
    cell: int
    """The cell whose anatomy is the answer."""
    family: Family


@dataclass(frozen=True, slots=True)
class Hop:
    """From a reference cell over a relation to a neighbour."""

    relation: str
    reference: int


def hops(cell: int, among: Collection[int] = range(9)) -> list[Hop]:
    """Every way to reach a cell from a neighbour that is one of `among`."""
    row, column = divmod(cell, 3)
    found = []
    for relation, (down, right) in RELATIONS.items():
        from_row, from_column = row - down, column - right
        reference = from_row * 3 + from_column
        if 0 <= from_row < 3 and 0 <= from_column < 3 and reference in among:
            found.append(Hop(relation, reference))
    return found


def draw_hop(rng: np.random.Generator, cell: int, among: Collection[int] = range(9)) -> Hop | None:
    """One of `hops`, or None."""
    ways = hops(cell, among)
    return ways[int(rng.integers(len(ways)))] if ways else None


def draw_noun(rng: np.random.Generator) -> str:
    """SSG-VQA calls anything an anatomy, a thing or an object."""
    return NOUNS[int(rng.integers(len(NOUNS)))]


def location_stem(cell: int) -> str:
    """SSG-VQA's location form, with its blank before the question mark."""
    return f"What anatomy is at the {POSITIONS[cell]} of the frame ?"


def zero_hop_stem(scene: Scene, cell: int) -> str:
    """Asks by colour and place."""
    return f"What is the {scene.cells[cell].color} {POSITIONS[cell]} anatomy?"


def one_hop_stem(scene: Scene, rng: np.random.Generator, cell: int) -> str | None:
    """Asks by relation to a neighbour; None if no neighbour is clear enough to be named."""
    hop = draw_hop(rng, cell, scene.clear())
    if hop is None:
        return None
    reference = f"{POSITIONS[hop.reference]} {label(scene.cells[hop.reference].name)} anatomy"
    return f"What is the name of the {scene.cells[cell].color} {draw_noun(rng)} {hop.relation} the {reference}?"


def ask(scene: Scene, rng: np.random.Generator, family: Family) -> Asked | None:
    """A question about a clear cell, the anatomy drawn evenly among those in sight; None if nothing can be asked."""
    clear = scene.clear()
    if not clear:
        return None
    names = sorted({scene.cells[i].name for i in clear})
    name = names[int(rng.integers(len(names)))]
    same = [i for i in clear if scene.cells[i].name == name]
    cell = same[int(rng.integers(len(same)))]
    stem = _stem(scene, rng, cell, family)
    return Asked(stem, cell, family) if stem else None


def _stem(scene: Scene, rng: np.random.Generator, cell: int, family: Family) -> str | None:
    if family == "location":
        return location_stem(cell)
    return zero_hop_stem(scene, cell) if family == "zero_hop" else one_hop_stem(scene, rng, cell)
