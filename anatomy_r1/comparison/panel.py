"""A panel: systems of one benchmark on the same questions, and the pairs of them that may be compared.

Two systems may be compared when they answered the same questions with the same prompts and sampling, in the same arm,
and have a seed in common. Anything else is refused, unless the user allows it; then the panel states it as a caveat.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from anatomy_r1.bases import RunKey
from anatomy_r1.comparison.refusal import Disagreement, alone, differing, group_of, method_of, refusal
from anatomy_r1.comparison.systems import System
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_difference import BesideBlind, beside_blind
from anatomy_r1.scoring.question_table import table_metrics

ALL = ""
"""Category of a number over all questions."""
RECORDED = ("questions", "prompts", "sampling", "arms")
"""Kinds of conditions that a run records."""
KINDS = (*RECORDED, "seeds")
"""Values of `--allow-different`."""

Shares = Mapping[str, NDArray[np.float64]]
"""Metric -> share between 0 and 1 of each question, shape [n]."""
SystemPair = tuple[System, System]
"""Baseline and other."""


@dataclass(frozen=True, eq=False)
class Panel:
    """Systems of one benchmark, aligned by question."""

    benchmark: str
    systems: tuple[System, ...]
    pairs: tuple[SystemPair, ...]
    questions: pd.DataFrame
    """`id`, `cluster` and `category` of the questions that all systems answered."""
    shares: Mapping[str, Mapping[RunKey, Shares]]
    """By system name and run."""
    caveats: tuple[str, ...]
    """Differences between the systems that the user allowed, and conditions that were not recorded."""

    @property
    def clusters(self) -> NDArray[np.str_]:
        """Cluster label of each question, shape [n]."""
        return self.questions["cluster"].to_numpy(dtype=str)

    @property
    def categories(self) -> tuple[str, ...]:
        """Anatomies or question types, sorted."""
        return tuple(sorted(set(self.questions["category"].astype(str))))

    def mask(self, category: str) -> NDArray[np.bool_]:
        """Which questions belong to a category, or to `ALL`; shape [n]."""
        if category == ALL:
            return np.ones(len(self.questions), dtype=bool)
        return np.asarray(self.questions["category"].to_numpy(dtype=str) == category)

    def run_shares(self, system: System, metric: str, runs: Sequence[RunKey]) -> NDArray[np.float64]:
        """Each question's share in each of the runs, shape [runs, n]."""
        return np.asarray([self.shares[system.name][run][metric] for run in runs])

    def beside_blind(self, system: System, metric: str) -> BesideBlind:
        """A system's difference from the best blind rule in `metric`, over the panel's questions and all its seeds."""
        ids = set(self.questions["id"])
        tables = [_only(run.questions, ids) for run in system.runs]
        return beside_blind(tables, [run.blind for run in system.runs], metric)

    def has(self, system: System, metric: str) -> bool:
        """Whether all runs of a system have a metric; some do not record which responses were truncated."""
        return all(metric in of for of in self.shares[system.name].values())


def difference(panel: Panel, baseline: System, other: System, run: RunKey, metric: str) -> NDArray[np.float64]:
    """Other minus baseline of each question, from one base under one seed that both have, shape [n]."""
    before, after = (panel.shares[system.name][run][metric] for system in (baseline, other))
    return np.asarray(after - before)


def runs_of_pair(first: System, second: System) -> tuple[tuple[RunKey, ...], tuple[RunKey, ...]]:
    """The bases and seeds to average over for each: those in common, or its own if there are none in common."""
    common = tuple(sorted(set(first.keys) & set(second.keys)))
    return (common, common) if common else (first.keys, second.keys)


def panels(
    systems: Sequence[System], allowed: Collection[str] = (), all_pairs: bool = False, new: str = ""
) -> tuple[Panel, ...]:
    """One panel per benchmark; its first system is the baseline of the others, unless all pairs are asked for.

    With `new`, that system is compared with every other one of its benchmark, model and arm, each of them a baseline:
    one panel for each of these. Systems of other models and arms are left out.

    Raises:
        AnatomyR1Error: A system has none beside it, or systems differ in a condition that is not `allowed`.
    """
    if not systems:
        raise AnatomyR1Error("nothing to compare. Fix: name at least two results")
    by_benchmark: dict[str, list[System]] = {}
    for system in systems:
        by_benchmark.setdefault(system.benchmark, []).append(system)
    for of in by_benchmark.values():
        if len(of) < 2:
            raise alone(of[0])
    if new:
        return tuple(_panel(of, _pairs_with(of, new), allowed) for of in _beside(systems, new))
    return tuple(
        _panel(of, [*combinations(of, 2)] if all_pairs else [(of[0], one) for one in of[1:]], allowed)
        for of in by_benchmark.values()
    )


def _beside(systems: Sequence[System], new: str) -> list[list[System]]:
    """All systems of each benchmark, model and arm that has a system called `new`, in the given order."""
    wanted = [system for system in systems if _is_called(system, new)]
    if not wanted:
        names = ", ".join(dict.fromkeys(method_of(system) for system in systems))
        raise AnatomyR1Error(f"no system is called {new!r}. Fix: --new with one of {names}")
    groups = dict.fromkeys(group_of(system) for system in wanted)
    found = [[system for system in systems if group_of(system) == group] for group in groups]
    for of in found:
        if not _pairs_with(of, new):
            fix = "Fix: name a baseline of the same benchmark, model and arm as well"
            raise AnatomyR1Error(f"{of[0].name}: nothing to compare with. {fix}")
    return found


def _pairs_with(systems: Sequence[System], new: str) -> list[SystemPair]:
    """Every other system as a baseline of the new one."""
    others = [system for system in systems if not _is_called(system, new)]
    return [(other, system) for system in systems if _is_called(system, new) for other in others]


def _is_called(system: System, new: str) -> bool:
    return new in (system.name, method_of(system))


def _panel(systems: Sequence[System], pairs: Sequence[SystemPair], allowed: Collection[str]) -> Panel:
    benchmark = systems[0].benchmark
    found = list(_disagreements(systems, pairs))
    if refused := [one for one in found if one.refuses and one.kind not in allowed]:
        raise refusal(benchmark, systems, refused)
    questions = _common_questions(systems)
    ids, shares = set(questions["id"]), {}
    for system in systems:
        shares[system.name] = {run.key: table_metrics(_only(run.questions, ids)) for run in system.runs}
    return Panel(benchmark, tuple(systems), tuple(pairs), questions, shares, tuple(one.text for one in found))


def _unrecorded(kind: str, fields: Collection[str], systems: Sequence[System]) -> Iterator[Disagreement]:
    """What was not recorded: fields that the same systems lack together."""
    lacked: dict[tuple[str, ...], list[str]] = {}
    for field in fields:
        if lacking := tuple(system.short for system in systems if field not in system.conditions[kind]):
            lacked.setdefault(lacking, []).append(field)
    for names, of in lacked.items():
        verb = "is" if len(of) == 1 else "are"
        yield Disagreement(kind, f"{kind}: {', '.join(of)} {verb} not recorded for {', '.join(names)}", False)
    if not fields:
        yield Disagreement(kind, f"{kind}: not recorded for any system", False)


def _disagreements(systems: Sequence[System], pairs: Sequence[SystemPair]) -> Iterator[Disagreement]:
    """In the recorded conditions, field by field; in the questions answered; and in the seeds."""
    for kind in RECORDED:
        fields = {field: None for system in systems for field in system.conditions[kind]}
        for field in fields:
            by_value: dict[str, list[str]] = {}
            for system in systems:
                if field in system.conditions[kind]:
                    by_value.setdefault(system.conditions[kind][field], []).append(system.short)
            if len(by_value) > 1:
                yield differing(kind, field, by_value)
        yield from _unrecorded(kind, fields, systems)
    sets = [set(system.runs[0].questions["id"]) for system in systems]
    if any(one != sets[0] for one in sets):
        counts = ", ".join(f"{len(ids)} ({system.short})" for ids, system in zip(sets, systems, strict=True))
        common = f"compared on the {len(set.intersection(*sets))} in common"
        fewest, most = min(map(len, sets)), max(map(len, sets))
        counted = f"questions differ: {fewest} to {most} a system; {common}"
        yield Disagreement("questions", f"questions differ: {counts}; {common}", True, counted)
    for a, b in pairs:
        if not set(a.keys) & set(b.keys):
            text = f"seeds: {a.short} and {b.short} share none; each is averaged over its own"
            yield Disagreement("seeds", text, True)


def _common_questions(systems: Sequence[System]) -> pd.DataFrame:
    tables = [system.runs[0].questions[["id", "cluster", "category"]] for system in systems]
    ids = set.intersection(*(set(table["id"]) for table in tables))
    if not ids:
        raise AnatomyR1Error(f"{systems[0].benchmark}: these systems have no question in common")
    first, *others = (_only(table, ids).reset_index(drop=True) for table in tables)
    for system, table in zip(systems[1:], others, strict=True):
        if not table.equals(first):
            row = int(np.flatnonzero((table != first).any(axis=1))[0])
            raise AnatomyR1Error(
                f"{system.name}: question {table['id'][row]} has another cluster or category than in "
                f"{systems[0].name}. Fix: prepare the data once and evaluate both on them"
            )
    return first


def _only(table: pd.DataFrame, ids: set[str]) -> pd.DataFrame:
    """The rows of `ids`, all of which the table has."""
    return table if len(table) == len(ids) else table[table["id"].isin(ids)]
