"""Which trainings a figure shows, and what stands below it.

Curves of many trainings -> one frame of groups, with what each had cost when it was served.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.curves import Curves
from reports.figures.points import POOLED
from reports.scores.names import BENCHMARKS, MINI, MODELS, benchmark_title, is_mini, model_title, rank


@dataclass(frozen=True)
class Scope:
    """One benchmark and one model."""

    benchmark: str
    model: str

    @property
    def title(self) -> str:
        """As it stands below a figure; generated data say so."""
        return f"{benchmark_title(self.benchmark)}, {model_title(self.model, paper_beside=False)}"


def scopes(frame: pd.DataFrame) -> list[Scope]:
    """All there are, the paper's choice first: its Figs. 5 and 6 show SGG-VQA and the larger model."""
    found = {Scope(str(b), str(m)) for b, m in frame[["benchmark", "model"]].drop_duplicates().itertuples(index=False)}
    return sorted(found, key=_order)


def _order(scope: Scope) -> tuple[tuple[int, str], tuple[int, str]]:
    size = rank(MODELS, scope.model)
    return rank(BENCHMARKS, scope.benchmark.removesuffix(MINI)), (-size[0], size[1])


def chosen(frame: pd.DataFrame, benchmark: str | None, model: str | None) -> Scope:
    """The scope asked for, or the first that fits.

    Raises:
        AnatomyR1Error: when none fits; lists those there are.
    """
    every = scopes(frame)
    fitting = [one for one in every if benchmark in (None, one.benchmark) and model in (None, one.model)]
    if not fitting:
        there = "; ".join(f"{one.benchmark} {one.model}" for one in every)
        raise AnatomyR1Error(
            f"no curves of {benchmark or 'any benchmark'} with {model or 'any model'}; there are: {there}"
        )
    return fitting[0]


def of(frame: pd.DataFrame, scope: Scope, methods: Sequence[str]) -> pd.DataFrame:
    """The rows of a scope and of these methods, methods in this order."""
    rows = frame[(frame["benchmark"] == scope.benchmark) & (frame["model"] == scope.model)]
    return pd.concat([rows[rows["method"] == method] for method in methods])


def note(frame: pd.DataFrame, points: pd.DataFrame, scope: Scope, *words: str) -> str:
    """What a reader must know: what it is of, seeds, bins, groups a point, what the band is."""
    seeds, members = frame.groupby("method")["seed"].nunique(), sorted(set(frame["members"]))
    pooled = points[points["seed"] == POOLED]
    parts = [
        scope.title,
        f"{_span(seeds.tolist())} {'seeds' if seeds.max() > 1 else 'seed'}",
        f"{_span(pooled['groups'].tolist())} groups of {_span(members)} a point",
        f"a point: {_span((pooled['last_step'] - pooled['first_step'] + 1).tolist())} steps",
        *(["line: mean; band: lowest to highest seed; thin: single seeds"] if seeds.max() > 1 else []),
        *words,
        *(["mini world: says nothing about Qwen2.5-VL"] if is_mini(scope.benchmark) else []),
    ]
    return "; ".join(parts) + "."


def _span(values: Sequence[int]) -> str:
    if not values:
        return "no"
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"


KEYS = ("benchmark", "model", "method", "seed")


def groups_frame(curves: Sequence[Curves]) -> pd.DataFrame:
    """One row a group of each method's own budget, columns of a curves file, `KEYS`, `own_steps` and two costs.

    `kilotokens` and `seconds` are what the training had spent up to the end of the group's step. DAPO's further draws
    count there, and are no rows: they stand in for questions that gave no signal, and would flatter it.

    Raises:
        AnatomyR1Error: without curves, or with those of several profiles or of one cell twice.
    """
    if not curves:
        raise AnatomyR1Error("no curves. Run `tox -e reproduce-figures` first, or name another folder")
    if len({one.profile for one in curves}) > 1 or len({one.key for one in curves}) < len(curves):
        raise AnatomyR1Error("curves of several profiles, or of one training twice; give one folder of one profile")
    return pd.concat([_one(one) for one in curves], ignore_index=True)


def _one(curves: Curves) -> pd.DataFrame:
    own = curves.groups[curves.groups["step"] <= curves.own_steps]
    tokens = own.groupby("step")["tokens"].sum().cumsum() / 1000
    seconds = curves.seconds.set_index("step")["seconds"].cumsum()
    return own[own["draw"] == 0].assign(
        benchmark=curves.benchmark,
        model=curves.model,
        method=curves.method,
        seed=curves.seed,
        own_steps=curves.own_steps,
        kilotokens=own["step"].map(tokens),
        seconds=own["step"].map(seconds),
    )
