"""Systems of one benchmark on the same questions in the same order: what every comparison starts from.

What must agree before two systems may be compared, and how a disagreement is worded.

One system against every other: whose baselines these are, found by the names of a result store.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_r1.comparison.systems import System
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.scoring.question_table import table_metrics

RECORDED = ("questions", "prompts", "sampling", "arms")
"""Kinds of conditions that a run notes."""
KINDS = (*RECORDED, "seeds")
"""What `--allow-different` can be told."""


@dataclass(frozen=True, slots=True)
class Disagreement:
    """A condition under which systems differ, or of which it is not known whether they do."""

    kind: str
    text: str
    refused: bool
    """Whether it forbids the comparison unless told otherwise; what is merely not recorded is only said."""


def disagreements(systems: Sequence[System]) -> list[Disagreement]:
    """Field by field, over systems of one benchmark."""
    return [found for kind in RECORDED for found in _of_kind(kind, systems)]


def _of_kind(kind: str, systems: Sequence[System]) -> Iterator[Disagreement]:
    recorded = {field: None for system in systems for field in system.conditions[kind]}
    for field in recorded:
        by_value: dict[str, list[str]] = {}
        for system in systems:
            if field in system.conditions[kind]:
                by_value.setdefault(system.conditions[kind][field], []).append(system.short)
        lacking = [system.short for system in systems if field not in system.conditions[kind]]
        told = "; ".join(f"{value} ({', '.join(names)})" for value, names in by_value.items())
        if len(by_value) > 1:
            yield Disagreement(kind, f"{kind} differ in {field}: {told}", refused=True)
        if lacking:
            yield Disagreement(kind, f"{kind}: {field} is not recorded for {', '.join(lacking)}", refused=False)
    if not recorded:
        yield Disagreement(kind, f"{kind}: not recorded for any system", refused=False)


def beside_new(systems: Sequence[System], new: str) -> tuple[tuple[System, ...], ...]:
    """For each benchmark, model and arm in which there is a system called `new`: it and its baselines, as named.

    Raises:
        AnatomyR1Error: when none is called so, or nothing stands beside it; names those there are.
    """
    wanted = [system for system in systems if is_called(system, new)]
    if not wanted:
        names = ", ".join(dict.fromkeys(_method(system) for system in systems))
        raise AnatomyR1Error(f"no system is called {new!r}. Fix: --new with one of {names}")
    sides = dict.fromkeys(_side(system) for system in wanted)
    found = [tuple(system for system in systems if _side(system) == side) for side in sides]
    if alone := next((of for of in found if not against(of, new)), None):
        fix = "Fix: put a baseline of the same benchmark, model and arm beside it"
        raise AnatomyR1Error(f"{alone[0].name}: nothing to compare with. {fix}")
    return tuple(found)


def against(systems: Sequence[System], new: str) -> list[tuple[System, System]]:
    """Every baseline with the new system beside which it stands; a difference is the new one's minus the baseline's."""
    return [
        (other, system)
        for system in systems
        if is_called(system, new)
        for other in systems
        if not is_called(other, new)
    ]


def is_called(system: System, new: str) -> bool:
    """Whether `new` is the system's whole name, or its method's."""
    return new in (system.name, _method(system))


def _method(system: System) -> str:
    parts = system.name.split("/")
    return parts[2] if len(parts) == 4 else system.name


def _side(system: System) -> tuple[str, ...]:
    """Benchmark, model and arm; the benchmark alone where the user chose the name."""
    parts = system.name.split("/")
    return (system.benchmark, parts[1], parts[3]) if len(parts) == 4 else (system.benchmark,)


Shares = Mapping[str, NDArray[np.float64]]
"""Metric -> share between 0 and 1 of each question, shape [n]."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Systems of one benchmark, aligned."""

    benchmark: str
    systems: tuple[System, ...]
    pairs: tuple[tuple[System, System], ...]
    """Baseline and other."""
    questions: pd.DataFrame
    """`id`, `cluster` and `category` of the questions that all systems answered."""
    shares: Mapping[str, Mapping[int, Shares]]
    """By system name and seed."""
    told: tuple[str, ...]
    """What differs between the systems although it was told to be let through, and what is not recorded."""

    @property
    def clusters(self) -> NDArray[np.str_]:
        """Cluster label of each question."""
        return self.questions["cluster"].to_numpy(dtype=str)

    @property
    def categories(self) -> NDArray[np.str_]:
        """Anatomy or question type of each question."""
        return self.questions["category"].to_numpy(dtype=str)


def panels(
    systems: Sequence[System], allowed: Collection[str] = (), all_pairs: bool = False, new: str = ""
) -> tuple[Panel, ...]:
    """One panel a benchmark; the first system named on a benchmark is its baseline, unless all pairs are asked for.

    With `new`, that system is held against every other of its benchmark, model and arm, each a baseline in its turn:
    one panel for each of these; systems of other models and arms are left out.

    Raises:
        AnatomyR1Error: when a system stands alone on its benchmark, there is none called `new`, or systems differ in
            what `allowed` does not name; all that differs is listed.
    """
    by_benchmark: dict[str, list[System]] = {}
    for system in systems:
        by_benchmark.setdefault(system.benchmark, []).append(system)
    if not systems:
        raise AnatomyR1Error("nothing to compare. Fix: name at least two results")
    for benchmark, of in by_benchmark.items():
        if len(of) < 2:
            fix = "Fix: name another result on the same benchmark"
            raise AnatomyR1Error(f"{of[0].name}: nothing to compare with on {benchmark}. {fix}")
    if new:
        sides = beside_new(systems, new)
        return tuple(_panel(of[0].benchmark, of, allowed, against(of, new)) for of in sides)
    return tuple(_panel(benchmark, of, allowed, _pairs(of, all_pairs)) for benchmark, of in by_benchmark.items())


def difference(panel: Panel, baseline: System, other: System, seed: int, metric: str) -> NDArray[np.float64]:
    """Other minus baseline of each question under one seed that both have, shape [n]."""
    before, after = (panel.shares[system.name][seed][metric] for system in (baseline, other))
    return np.asarray(after - before)


def seeds_of_pair(first: System, second: System) -> tuple[list[int], list[int]]:
    """Seeds to average over for either: those they share, or where they share none, each its own."""
    a, b = ([run.seed for run in system.runs] for system in (first, second))
    common = sorted(set(a) & set(b))
    return (common, common) if common else (a, b)


def _pairs(systems: Sequence[System], all_pairs: bool) -> list[tuple[System, System]]:
    return [(a, b) for i, a in enumerate(systems[: None if all_pairs else 1]) for b in systems[i + 1 :]]


def _panel(
    benchmark: str, systems: Sequence[System], allowed: Collection[str], pairs: Sequence[tuple[System, System]]
) -> Panel:
    found = [*disagreements(systems), *_question_disagreements(systems), *_seed_disagreements(pairs)]
    _refuse(benchmark, [one for one in found if one.refused and one.kind not in allowed])
    questions = _common_questions(benchmark, systems)
    shares = {system.name: {run.seed: _shares(run.questions, questions) for run in system.runs} for system in systems}
    return Panel(benchmark, tuple(systems), tuple(pairs), questions, shares, tuple(one.text for one in found))


def _refuse(benchmark: str, found: Sequence[Disagreement]) -> None:
    if found:
        kinds = " ".join(dict.fromkeys(one.kind for one in found))
        lines = [f"  {one.text}" for one in found]
        fix = f"Fix: evaluate them alike, or say that it is meant: --allow-different {kinds}"
        raise AnatomyR1Error("\n".join([f"{benchmark}: these systems cannot be compared as they are. {fix}", *lines]))


def _question_disagreements(systems: Sequence[System]) -> list[Disagreement]:
    sets = [set(system.runs[0].questions["id"]) for system in systems]
    if all(one == sets[0] for one in sets):
        return []
    counts = ", ".join(f"{len(ids)} ({system.short})" for ids, system in zip(sets, systems, strict=True))
    text = f"questions differ: {counts}; compared on the {len(set.intersection(*sets))} in common"
    return [Disagreement("questions", text, refused=True)]


def _seed_disagreements(pairs: Sequence[tuple[System, System]]) -> list[Disagreement]:
    apart = [(a, b) for a, b in pairs if not {run.seed for run in a.runs} & {run.seed for run in b.runs}]
    return [
        Disagreement("seeds", f"seeds: {a.short} and {b.short} share none; each is averaged over its own", refused=True)
        for a, b in apart
    ]


def _common_questions(benchmark: str, systems: Sequence[System]) -> pd.DataFrame:
    tables = [system.runs[0].questions[["id", "cluster", "category"]] for system in systems]
    ids = set.intersection(*(set(table["id"]) for table in tables))
    if not ids:
        raise AnatomyR1Error(f"{benchmark}: these systems have no question in common")
    kept = [_only(table, ids).reset_index(drop=True) for table in tables]
    for system, table in zip(systems, kept, strict=True):
        if not table.equals(kept[0]):
            row = int(np.flatnonzero((table != kept[0]).any(axis=1))[0])
            fix = "Fix: prepare the data once and evaluate both on them"
            raise AnatomyR1Error(
                f"{system.name}: question {table['id'][row]} has another cluster or category than in "
                f"{systems[0].name}. {fix}"
            )
    return kept[0]


def _shares(table: pd.DataFrame, questions: pd.DataFrame) -> Shares:
    return table_metrics(_only(table, set(questions["id"])))


def _only(table: pd.DataFrame, ids: set[str]) -> pd.DataFrame:
    """Rows of `ids`, all of which the table has."""
    return table if len(table) == len(ids) else table[table["id"].isin(ids)]
