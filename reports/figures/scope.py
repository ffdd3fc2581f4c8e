"""The data of a figure: curves of many trainings as one frame of groups, the part that is shown, and the caption."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.training.curves import Curves
from reports.figures.points import POOLED
from reports.scores.names import BENCHMARKS, MINI, MODELS, benchmark_title, is_mini, model_title, rank


def groups_frame(curves: Sequence[Curves]) -> pd.DataFrame:
    """A row for each group within a method's own budget, from all trainings.

    Columns are those of a curves file, `benchmark`, `model`, `method`, `seed`, `own_steps` and two costs, `kilotokens`
    and `seconds`: what the training had spent up to the end of the group's step. DAPO's further draws count towards the
    costs but are no rows: they replace questions without a signal, so including them would flatter it.

    Raises:
        AnatomyR1Error: without curves, or with curves of several profiles or of one training twice.
    """
    if not curves:
        raise AnatomyR1Error("no curves. Run `tox -e reproduce-figures` first, or name another folder")
    if len({one.profile for one in curves}) > 1 or len({one.key for one in curves}) < len(curves):
        raise AnatomyR1Error(
            "curves of several profiles, or of one training twice. Fix: pass a folder with curves of one profile"
        )
    return pd.concat([_groups(one) for one in curves], ignore_index=True)


def _groups(curves: Curves) -> pd.DataFrame:
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


@dataclass(frozen=True)
class Scope:
    """One benchmark and one model."""

    benchmark: str
    model: str

    @property
    def title(self) -> str:
        """As captions name it; generated data are named as such."""
        return f"{benchmark_title(self.benchmark)}, {model_title(self.model, paper_beside=False)}"


def scopes(frame: pd.DataFrame) -> list[Scope]:
    """All scopes, the paper's choice first: its Figs. 5 and 6 show SGG-VQA and the larger model."""

    def order(scope: Scope) -> tuple[tuple[int, str], tuple[int, str]]:
        size = rank(MODELS, scope.model)
        return rank(BENCHMARKS, scope.benchmark.removesuffix(MINI)), (-size[0], size[1])

    pairs = frame[["benchmark", "model"]].drop_duplicates().itertuples(index=False)
    return sorted((Scope(str(benchmark), str(model)) for benchmark, model in pairs), key=order)


def chosen(frame: pd.DataFrame, benchmark: str | None, model: str | None) -> Scope:
    """The first scope with this benchmark and model; None fits all.

    Raises:
        AnatomyR1Error: when none fits; lists the scopes.
    """
    every = scopes(frame)
    fitting = [one for one in every if benchmark in (None, one.benchmark) and model in (None, one.model)]
    if not fitting:
        known = "; ".join(f"{one.benchmark} {one.model}" for one in every)
        raise AnatomyR1Error(
            f"no curves of {benchmark or 'any benchmark'} with {model or 'any model'}; there are: {known}"
        )
    return fitting[0]


def rows_of(frame: pd.DataFrame, scope: Scope, methods: Sequence[str]) -> pd.DataFrame:
    """The rows of a scope and of these methods, in the order of the methods."""
    rows = frame[(frame["benchmark"] == scope.benchmark) & (frame["model"] == scope.model)]
    return pd.concat([rows[rows["method"] == method] for method in methods])


def caption(rows: pd.DataFrame, points: pd.DataFrame, scope: Scope, words: str) -> str:
    """What a reader must know: data, seeds, groups and steps per point, what the band is, and `words`."""
    seeds, members = rows.groupby("method")["seed"].nunique(), sorted(set(rows["members"]))
    pooled = points[points["seed"] == POOLED]
    parts = [
        scope.title,
        f"{_span(seeds.tolist())} {'seeds' if seeds.max() > 1 else 'seed'}",
        f"each point averages {_span(pooled['groups'].tolist())} groups of {_span(members)} responses over "
        f"{_span((pooled['last_step'] - pooled['first_step'] + 1).tolist())} steps",
        *(["line: mean; band: lowest to highest seed; thin: single seeds"] if seeds.max() > 1 else []),
        words,
        *(["mini world: says nothing about Qwen2.5-VL"] if is_mini(scope.benchmark) else []),
    ]
    return "; ".join(parts) + "."


def _span(values: Sequence[int]) -> str:
    if not values:
        return "no"
    low, high = min(values), max(values)
    return str(low) if low == high else f"{low} to {high}"
