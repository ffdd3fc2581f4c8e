"""A run is one policy's answers under one seed; a system is one policy under all its seeds.

Both come from a cell of a result store or from a scored response log, with the conditions they were made under as plain
text, so that two of them can be held against each other field by field.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.results.store import Result
from anatomy_r1.scoring.question_table import question_table

if TYPE_CHECKING:
    import pandas as pd

    from anatomy_r1.scoring.score import Scores

Conditions = Mapping[str, Mapping[str, str]]
"""Kind (`questions`, `prompts`, `sampling`, `arms`) -> field -> value; a field that was not recorded is not there."""
_LABELS = ("id", "cluster", "category")
_APART = "Fix: name them apart: old=PATH new=PATH"
_ELSEWHERE = {"benchmark", "questions_sha256", "style", "images", "options", "seed", "weights", "decoding"}
"""Fields of a run's plan that are not its sampling, or, like seed and weights, differ by design."""


@dataclass(frozen=True, eq=False)
class Run:
    """One policy's answers under one seed."""

    name: str
    """Of the system: the cell's path without seed (`benchmark/model/method/arm`), or what the user calls it."""
    benchmark: str
    seed: int
    questions: pd.DataFrame
    """As in the result store: one row a question, sorted by id."""
    conditions: Conditions
    origin: Mapping[str, str]
    """`source` (file), `profile`, `commit`, `trained` (its commit), `data` (hash) and `weights`, as far as known."""

    @property
    def commits(self) -> tuple[str, ...]:
        """Where it was scored and, if it was, trained: responses may be scored anew long after. Empty: not recorded."""
        trained = self.origin.get("trained")
        return (self.origin.get("commit", ""), *([trained] if trained else []))


@dataclass(frozen=True, eq=False)
class System:
    """One policy under all its seeds.

    Raises:
        AnatomyR1Error: when its runs were not made under the same conditions, or one seed stands twice.
    """

    name: str
    runs: tuple[Run, ...]
    """By seed."""

    def __post_init__(self) -> None:
        first = self.runs[0]
        for before, run in zip(self.runs, self.runs[1:], strict=False):
            where = f"{self.name}: {before.origin['source']} and {run.origin['source']}"
            if run.seed == before.seed:
                raise AnatomyR1Error(f"{where} both have seed {run.seed}. {_APART}")
            if unlike := _unlike(first, run):
                raise AnatomyR1Error(f"{where} are not seeds of one system: {unlike}. {_APART}")
            if not run.questions[list(_LABELS)].equals(first.questions[list(_LABELS)]):
                raise AnatomyR1Error(f"{where} answer different questions. Fix: evaluate both on the same test set")

    @property
    def benchmark(self) -> str:
        """Of all its runs."""
        return self.runs[0].benchmark

    @property
    def conditions(self) -> Conditions:
        """Of all its runs."""
        return self.runs[0].conditions

    @property
    def short(self) -> str:
        """Name without the benchmark, for tables of one benchmark."""
        return self.name.removeprefix(f"{self.benchmark}/")

    def known(self, what: str) -> tuple[str, ...]:
        """Distinct values of `what` in its runs' origin, such as their commits; empty where nothing is known."""
        return tuple(sorted({run.origin[what] for run in self.runs if run.origin.get(what)}))


def systems(runs: Sequence[Run]) -> tuple[System, ...]:
    """Runs of one name together, in the order in which the names first come.

    Raises:
        AnatomyR1Error: as `System`, or when a run has no questions.
    """
    by_name: dict[str, list[Run]] = {}
    for run in runs:
        if run.questions.empty:
            raise AnatomyR1Error(f"{run.origin['source']}: no questions. Fix: run the cell again")
        by_name.setdefault(run.name, []).append(run)
    return tuple(System(name, tuple(sorted(of, key=lambda run: run.seed))) for name, of in by_name.items())


def run_of_result(result: Result, source: str, name: str | None = None) -> Run:
    """A cell of a result store."""
    recorded = result.provenance
    plan, data = _mapping(recorded.get("sampling")), _mapping(recorded.get("data"))
    options = plan.get("options", "given") if plan else None  # noted only where they are rotated
    prompts = {"style": result.style, "images": plan.get("images"), "wording": recorded.get("prompt")}
    prompts |= {"options": options}
    commit = str(recorded.get("commit") or "")
    return Run(
        name=name or f"{result.benchmark}/{result.model}/{result.method}/{result.arm}",
        benchmark=result.benchmark,
        seed=result.seed,
        questions=result.questions.sort_values("id", ignore_index=True),
        conditions={
            "questions": _texts({"data": data.get("questions_sha256")}),
            "prompts": _texts(prompts),
            "sampling": _sampling(plan),
            "arms": {"arm": result.arm},
        },
        origin={
            "source": source,
            "profile": result.profile,
            "commit": commit,
            "trained": str(_mapping(_mapping(recorded.get("training")).get("provenance")).get("commit") or ""),
            "changes": "uncommitted changes" if recorded.get("dirty") else "",
            "data": str(data.get("questions_sha256") or ""),
            "weights": str(plan.get("weights") or ""),
        },
    )


def run_of_scores(scores: Scores, source: str, name: str) -> Run:
    """A scored response log. It knows neither the arm nor the commit, and says so by leaving them out."""
    plan = scores.plan
    prompts = {"style": plan["style"], "images": plan["images"], "as read": scores.prompts}
    prompts |= {"options": plan.get("options", "given")}
    return Run(
        name=name,
        benchmark=scores.benchmark,
        seed=int(plan["seed"]),
        questions=question_table(scores).sort_values("id", ignore_index=True),
        conditions={
            "questions": _texts({"data": plan["questions_sha256"]}),
            "prompts": _texts(prompts),
            "sampling": _sampling(plan),
            "arms": {},
        },
        origin={"source": source, "data": str(plan["questions_sha256"]), "weights": str(plan["weights"])},
    )


def _sampling(plan: Mapping[str, Any]) -> dict[str, str]:
    rest = {key: value for key, value in plan.items() if key not in _ELSEWHERE}
    return {key: json.dumps(value, sort_keys=True) for key, value in {**rest, **_mapping(plan.get("decoding"))}.items()}


def _texts(values: Mapping[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in values.items() if value is not None}


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _unlike(first: Run, second: Run) -> str:
    """What two runs differ in, that seeds of one system may not differ in; empty where nothing is."""
    told = [
        f"{name} {a or 'unknown'} and {b or 'unknown'}"
        for name, a, b in (
            ("benchmark", first.benchmark, second.benchmark),
            ("profile", first.origin.get("profile"), second.origin.get("profile")),
        )
        if a != b
    ]
    for kind, a, b in ((kind, first.conditions[kind], second.conditions[kind]) for kind in first.conditions):
        for field in sorted({*a, *b}):
            if a.get(field) != b.get(field):
                told.append(f"{kind}, {field}: {a.get(field, 'unknown')} and {b.get(field, 'unknown')}")
    return "; ".join(told)
