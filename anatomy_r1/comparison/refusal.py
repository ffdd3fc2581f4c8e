"""Why systems are not compared as they are, said so that a person reads it, and the command to type next.

Few systems are named with each of their values. Of many, as in a whole result store, only the number is, and their
names follow in columns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from anatomy_r1.bases import named_bases
from anatomy_r1.comparison.naming import of_model
from anatomy_r1.comparison.systems import System
from anatomy_r1.errors import AnatomyR1Error

FEW = 6
"""Systems that are named with their values (our choice)."""
_WIDTH, _GAP = 100, 2
"""Characters of a line of columns and between two of these."""


class Disagreement(NamedTuple):
    """A condition in which systems differ, or that was not recorded."""

    kind: str
    text: str
    refuses: bool
    """Whether it refuses a comparison unless the kind is allowed."""
    counts: str = ""
    """The text with numbers of systems in place of their names; empty where it names two or none."""


def differing(kind: str, field: str, by_value: Mapping[str, Sequence[str]]) -> Disagreement:
    """Systems, by short name, that have several values of a recorded field."""
    named = "; ".join(f"{value} ({', '.join(names)})" for value, names in by_value.items())
    counted = "; ".join(f"{value} ({len(names)})" for value, names in by_value.items())
    return Disagreement(kind, f"{kind} differ in {field}: {named}", True, f"{kind} differ in {field}: {counted}")


def refusal(benchmark: str, systems: Sequence[System], refused: Sequence[Disagreement]) -> AnatomyR1Error:
    """The error that refuses these systems of one benchmark."""
    kinds = " ".join(dict.fromkeys(one.kind for one in refused))
    allow = f"allow the difference: --allow-different {kinds}"
    fix = f"evaluate them under the same conditions, or {allow}"
    few, two = len(systems) <= FEW, _alike(systems) if len(systems) > 2 else None
    if two:
        command = f"anatomy-r1 compare {two[0]} {two[1]}"
        fix = f"{fix}; or name some that agree: {command}" if few else f"name some that agree: {command}; or {allow}"
    which = "these systems" if few else f"these {len(systems)} systems"
    lines = [f"{benchmark}: {which} cannot be compared as they are. Fix: {fix}"]
    lines += [f"  {one.text if few else one.counts or one.text}" for one in refused]
    if not few:
        lines += ["  The systems there, by model and arm; the first that is named is the baseline:", *_listed(systems)]
    return AnatomyR1Error("\n".join(lines))


def alone(system: System) -> AnatomyR1Error:
    """The error for a system that has none beside it."""
    source, fix = Path(system.runs[0].origin["source"]), "name another result on the same benchmark"
    if len(source.parts) > 3 and (other := _beside(source.parent)):
        pair = (source.parent, other) if len(named_bases(system.keys)) < 2 else map(of_model, (source.parent, other))
        fix = f"{fix}: anatomy-r1 compare {' '.join(map(str, pair))}"
    return AnatomyR1Error(f"{system.name}: nothing to compare with on {system.benchmark}. Fix: {fix}")


def _beside(folder: Path) -> Path | None:
    """Another method's folder in the same arm of a store; one with a model and without a view, if there is any."""
    cells = sorted({path.parent for path in folder.parents[1].glob(f"*/{folder.name}/seed*.json")} - {folder})
    plain = [cell for cell in cells if "@" not in cell.parent.name and not cell.parent.name.startswith("control")]
    return next(iter([*plain, *cells]), None)


def group_of(system: System) -> tuple[str, ...]:
    """Benchmark, model and arm; the benchmark alone where the user chose the name."""
    parts = system.name.split("/")
    return (system.benchmark, parts[1], parts[3]) if len(parts) == 4 else (system.benchmark,)


def method_of(system: System) -> str:
    """Its method, or its name where the user chose that."""
    parts = system.name.split("/")
    return parts[2] if len(parts) == 4 else system.name


def _alike(systems: Sequence[System]) -> tuple[str, str] | None:
    """The folders in a result store of two systems that were asked under the same conditions, if there are any;
    preferably of two that were asked at all, which controls without a model are not.
    """
    asked = sorted(systems, key=lambda system: system.conditions["prompts"].get("style") == "none")
    for first, second in combinations(asked, 2):
        if first.conditions == second.conditions and group_of(first) == group_of(second):
            sources = [Path(system.runs[0].origin["source"]) for system in (first, second)]
            if all(source.suffix == ".json" for source in sources):
                return str(sources[0].parent), str(sources[1].parent)
    return None


def _listed(systems: Sequence[System]) -> list[str]:
    """Names in columns below their model and arm."""
    by_group: dict[tuple[str, ...], list[str]] = {}
    for system in systems:
        by_group.setdefault(group_of(system), []).append(method_of(system))
    width = max(len(name) for names in by_group.values() for name in names) + _GAP
    across, lines = max(1, _WIDTH // width), []
    for group, names in by_group.items():
        lines.append(f"  {', '.join(group[1:]) or group[0]}")
        rows = [names[start : start + across] for start in range(0, len(names), across)]
        lines += ["    " + "".join(name.ljust(width) for name in row).rstrip() for row in rows]
    return lines
