"""Comparisons that the claims ask for, from a result store, by `anatomy_r1.comparison`: one family for all of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

from anatomy_r1.comparison.compare import compare
from anatomy_r1.comparison.family import METRICS, Family
from anatomy_r1.comparison.load import load_systems
from anatomy_r1.comparison.outcome import Comparison
from anatomy_r1.comparison.panel import Panel, panels
from anatomy_r1.comparison.systems import System
from anatomy_r1.results.store import MATCHED
from reports.audit.claims import Claim
from reports.scores.names import MINI, MODELS

Scale = Literal["paper", "mini"]
METRIC = METRICS[0]
"""That is tested: Avg@5. The others are not, so that none is picked out afterwards."""
_ALLOWED = ("prompts", "seeds")
"""May differ: methods are asked in the style they were trained in, and not all ran all seeds. The notes say so."""


class Wanted(NamedTuple):
    """A comparison: is `left` better than `right`?"""

    benchmark: str
    model: str
    left: str
    right: str


@dataclass(frozen=True, eq=False)
class Compared:
    """All comparisons at one scale."""

    by_pair: Mapping[Wanted, Comparison]
    panels: tuple[Panel, ...]
    family: int
    """Comparisons that Holm's procedure corrects for."""
    told: tuple[str, ...]
    """What differs between the systems compared."""


NOTHING = Compared({}, (), 0, ())


def wanted(claim: Claim, scale: Scale) -> tuple[Wanted, ...]:
    """Comparisons that a claim is about, under our names at that scale."""
    suffix = MINI if scale == "mini" else ""
    return tuple(
        Wanted(benchmark + suffix, ours(model, scale), left, right)
        for model in claim.models
        for benchmark in claim.benchmarks
        for left in claim.left
        for right in claim.right
    )


def ours(paper_model: str, scale: Scale) -> str:
    """Our model that stands in the place of the paper's."""
    return next(
        name
        for name, model in MODELS.items()
        if model.paper == paper_model and name.startswith("mini-") == (scale == "mini")
    )


def compared(store: Path, claims: Sequence[Claim], scale: Scale) -> Compared:
    """Every comparison that the store has the results for; those of claims of kind `higher` are tested together."""
    asked = {claim.id: wanted(claim, scale) for claim in claims if claim.kind in ("higher", "gain", "uneven")}
    names = {f"{one.benchmark}/{one.model}/{side}/{MATCHED}" for of in asked.values() for one in of for side in one[2:]}
    systems = [system for system in load_systems([str(store)], None) if system.name in names]
    found = _panels(systems)
    pairs = {one: pair for of in asked.values() for one in of if (pair := _pair(found, one))}
    claimed = [one for claim in claims if claim.kind == "higher" for one in asked[claim.id]]
    tested = {frozenset(system.name for system in pairs[one]) for one in claimed if one in pairs}
    if not tested:
        return NOTHING
    narrowed = [replace(panel, pairs=of) for panel in found if (of := _of(panel, pairs.values()))]
    family = Family("claims of the paper", METRIC, tuple(sorted(tested, key=sorted)))
    made = {frozenset((c.baseline.name, c.other.name)): c for c in compare(narrowed, family)}
    by_pair = {one: made[frozenset(system.name for system in pair)] for one, pair in pairs.items()}
    told = tuple(f"{panel.benchmark}: {text}" for panel in narrowed for text in panel.told)
    return Compared(by_pair, tuple(narrowed), len(tested), told)


def _panels(systems: Sequence[System]) -> list[Panel]:
    by_benchmark: dict[str, list[System]] = {}
    for system in systems:
        by_benchmark.setdefault(system.benchmark, []).append(system)
    return [panel for of in by_benchmark.values() if len(of) > 1 for panel in panels(of, _ALLOWED)]


def _pair(found: Iterable[Panel], one: Wanted) -> tuple[System, System] | None:
    """Baseline and other, where both ran."""
    by_name = {system.name: system for panel in found for system in panel.systems}
    sides = [by_name.get(f"{one.benchmark}/{one.model}/{method}/{MATCHED}") for method in (one.right, one.left)]
    return (sides[0], sides[1]) if sides[0] and sides[1] else None


def _of(panel: Panel, pairs: Iterable[tuple[System, System]]) -> tuple[tuple[System, System], ...]:
    """The pairs of a panel, each once."""
    return tuple({(a.name, b.name): (a, b) for a, b in pairs if a.benchmark == panel.benchmark}.values())
