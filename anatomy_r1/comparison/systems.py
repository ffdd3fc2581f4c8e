"""Systems and their runs: what `anatomy-r1 compare` and `regress` load from their arguments.

A run is the answers of one policy under one seed; a system is one policy under all its seeds. Runs come from a cell of
a result store or from a scored response log. The conditions under which they were made are kept as plain text, so that
two systems can be checked against each other field by field.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anatomy_r1.bases import RunKey, distinct_seeds, factors_text
from anatomy_r1.comparison.naming import of_every_base, refuse_bare_methods, siblings
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_difference import recorded_scores
from anatomy_r1.results.store import Result, cell_files, load_cell, load_result, store_in
from anatomy_r1.scoring.extraction import reason_counts
from anatomy_r1.scoring.fitness import MARK, NOT_RECORDED, Fitness, lenient_share, scored_fitness
from anatomy_r1.scoring.question_table import LENIENT, table_metrics

if TYPE_CHECKING:
    import pandas as pd

    from anatomy_r1.scoring.score import Scores

Conditions = Mapping[str, Mapping[str, str]]
"""Kind (`questions`, `prompts`, `sampling`, `arms`) -> field -> value. A field that was not recorded is absent."""
_NOT_SAMPLING = {"benchmark", "questions_sha256", "style", "images", "options", "seed", "weights", "decoding", "opened"}
"""Fields of a run's plan that do not describe its sampling, or, like seed and weights, differ by design. What the chat
template opened is in the prompts as they were read."""


@dataclass(frozen=True, eq=False)
class SystemRun:
    """The answers of one policy, from one base under one seed."""

    name: str
    """The system's name: the cell's path without its seed (`benchmark/model/method/arm`), or the user's name for it."""
    benchmark: str
    seed: int
    questions: pd.DataFrame
    """As in the result store: one row per question, sorted by id."""
    conditions: Conditions
    origin: Mapping[str, str]
    """`source` (file), `profile`, `commit`, `trained` (its commit), `data` (hash) and `weights`, as far as known."""
    fitness: Fitness = NOT_RECORDED
    parsed_lenient: float | None = None
    """Share of the sampled responses that the lenient extractor reads; None if it is not known."""
    avg_lenient: float | None = None
    """Avg@5 by the lenient extractor, as a share; None if it is not known."""
    blind: Any = None
    """What is recorded of the best blind rule (`provenance["blind"]` of a result); its answers are in `questions`."""
    base: str = ""
    """Which of the model's bases it was trained from; empty where the model has one, and for a response log."""

    @property
    def key(self) -> RunKey:
        """Which of its system's runs it is."""
        return RunKey(self.base, self.seed)

    @classmethod
    def from_result(cls, result: Result, source: str, name: str = "") -> SystemRun:
        """A cell of a result store."""
        recorded = result.provenance
        plan, data = _mapping(recorded.get("sampling")), _mapping(recorded.get("data"))
        prompts = {
            "style": result.style,
            "images": plan.get("images"),
            "wording": recorded.get("prompt"),
            "options": plan.get("options", "given") if plan else None,  # recorded only if they are rotated
        }
        return cls(
            name=name or f"{result.benchmark}/{result.model}/{result.method}/{result.arm}",
            benchmark=result.benchmark,
            seed=result.seed,
            questions=result.questions.sort_values("id", ignore_index=True),
            conditions=_conditions(data.get("questions_sha256"), prompts, plan) | {"arms": {"arm": result.arm}},
            origin={
                "source": source,
                "profile": result.profile,
                "commit": str(recorded.get("commit") or ""),
                "trained": str(_mapping(_mapping(recorded.get("training")).get("provenance")).get("commit") or ""),
                "changes": "uncommitted changes" if recorded.get("dirty") else "",
                "data": str(data.get("questions_sha256") or ""),
                "weights": str(plan.get("weights") or ""),
            },
            fitness=result.fitness,
            parsed_lenient=result.parsed_lenient,
            avg_lenient=float(table_metrics(result.questions)[LENIENT].mean()) if result.has_extraction else None,
            blind=recorded.get("blind"),
            base=result.base,
        )

    @classmethod
    def from_scores(cls, scores: Scores, data: Path, source: str, name: str) -> SystemRun:
        """A scored response log, with the prepared set that it was asked from. It records neither arm nor commit."""
        plan = scores.plan
        table, blind = recorded_scores(scores, data)
        prompts = {
            "style": plan["style"],
            "images": plan["images"],
            "as read": scores.prompts,
            "options": plan.get("options", "given"),
        }
        return cls(
            name=name,
            benchmark=scores.benchmark,
            seed=int(plan["seed"]),
            questions=table.sort_values("id", ignore_index=True),
            conditions=_conditions(plan["questions_sha256"], prompts, plan) | {"arms": {}},
            origin={"source": source, "data": str(plan["questions_sha256"]), "weights": str(plan["weights"])},
            fitness=scored_fitness(scores),
            parsed_lenient=lenient_share(reason_counts(scores.extractions)["lenient"]),
            avg_lenient=scores.overall[LENIENT],
            blind=blind,
        )

    @property
    def commits(self) -> tuple[str, ...]:
        """The commit that scored it and, if recorded, the one that trained it; an empty text if not recorded."""
        trained = self.origin.get("trained")
        return (self.origin.get("commit", ""), *([trained] if trained else []))


def _conditions(data: str | None, prompts: Mapping[str, Any], plan: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    fields = {key: value for key, value in plan.items() if key not in _NOT_SAMPLING} | _mapping(plan.get("decoding"))
    return {
        "questions": {} if data is None else {"data": str(data)},
        "prompts": {key: str(value) for key, value in prompts.items() if value is not None},
        "sampling": {key: json.dumps(value, sort_keys=True) for key, value in fields.items()},
    }


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, eq=False)
class System:
    """One policy from all its bases under all its seeds; no two runs are the same, and all else agrees."""

    name: str
    runs: tuple[SystemRun, ...]
    """Sorted by base and seed."""

    def __post_init__(self) -> None:
        first, labels = self.runs[0], ["id", "cluster", "category"]
        for before, run in zip(self.runs, self.runs[1:], strict=False):
            where = f"{self.name}: {before.origin['source']} and {run.origin['source']}"
            if differences := _differences(first, run):
                raise AnatomyR1Error(f"{where} are not seeds of one system: {differences}. {_apart(before, run)}")
            if run.key == before.key:
                raise AnatomyR1Error(f"{where} both have seed {run.key}. {_apart(before, run)}")
            if bool(run.base) != bool(before.base):
                raise AnatomyR1Error(f"{where}: one names its base and one does not. {_apart(before, run)}")
            if not run.questions[labels].equals(first.questions[labels]):
                raise AnatomyR1Error(f"{where} answer different questions. Fix: evaluate both on the same test set")

    @property
    def benchmark(self) -> str:
        """The benchmark of all its runs."""
        return self.runs[0].benchmark

    @property
    def conditions(self) -> Conditions:
        """The conditions of all its runs."""
        return self.runs[0].conditions

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its runs, each once, in order."""
        return distinct_seeds(self.keys)

    @property
    def keys(self) -> tuple[RunKey, ...]:
        """Bases and seeds of its runs, in order."""
        return tuple(run.key for run in self.runs)

    @property
    def factors(self) -> str:
        """Its seeds and, where they are named, its bases, in words."""
        return factors_text(self.keys)

    @property
    def short(self) -> str:
        """The name without the benchmark, for tables of one benchmark."""
        return self.name.removeprefix(f"{self.benchmark}/")

    @property
    def marked(self) -> str:
        """The short name, with a mark if at least one of its runs is unfit."""
        return self.short + (MARK if any(run.fitness.reasons for run in self.runs) else "")

    @property
    def parsed_lenient(self) -> float | None:
        """Share of the responses that the lenient extractor reads, mean over seeds; None if one is not known."""
        known = [run.parsed_lenient for run in self.runs if run.parsed_lenient is not None]
        return sum(known) / len(known) if len(known) == len(self.runs) else None

    @property
    def unfit(self) -> tuple[str, ...]:
        """A line for each unfit run: the system, the seed and the reasons."""
        return tuple(
            f"{self.name}, seed {run.key}: {'; '.join(run.fitness.reasons)}" for run in self.runs if run.fitness.reasons
        )

    def known(self, what: str) -> tuple[str, ...]:
        """Distinct values of `what` in the origin of its runs, such as their commits; empty if nothing is known."""
        return tuple(sorted({run.origin[what] for run in self.runs if run.origin.get(what)}))


def _apart(first: SystemRun, second: SystemRun) -> str:
    """What to do with two runs that are not seeds of one system."""
    sources = [run.origin["source"] for run in (first, second)]
    if all("#" in source for source in sources):
        return f"Fix: name the runs that belong together, each as LOG#RUN: {sources[0]} or {sources[1]}"
    return "Fix: give them different names: old=PATH new=PATH"


def _differences(first: SystemRun, second: SystemRun) -> str:
    """Fields in which two runs differ although seeds of one system may not; empty if there are none."""
    pairs = {
        "benchmark": (first.benchmark, second.benchmark),
        "profile": (first.origin.get("profile"), second.origin.get("profile")),
    }
    found = [f"{name} {a or 'unknown'} and {b or 'unknown'}" for name, (a, b) in pairs.items() if a != b]
    for kind, fields in first.conditions.items():
        others = second.conditions[kind]
        for field in sorted({*fields, *others}):
            if fields.get(field) != others.get(field):
                found.append(f"{kind}, {field}: {fields.get(field, 'unknown')} and {others.get(field, 'unknown')}")
    return "; ".join(found)


def systems(runs: Sequence[SystemRun]) -> tuple[System, ...]:
    """Group runs by name, in the order in which the names first occur."""
    by_name: dict[str, list[SystemRun]] = {}
    for run in runs:
        if run.questions.empty:
            raise AnatomyR1Error(f"{run.origin['source']}: no questions. Fix: run the cell again")
        by_name.setdefault(run.name, []).append(run)
    return tuple(System(name, tuple(sorted(of, key=lambda run: run.key))) for name, of in by_name.items())


def load_systems(arguments: Sequence[str], data: Path | None) -> tuple[System, ...]:
    """Load systems in the order in which they are named; files under one name are seeds of one system.

    Args:
        arguments: Each is `[NAME=]PATH`. The path is the JSON of a cell, a folder that holds cells (all seeds of a
            method, or a whole store), or a response log, followed by `#RUN` if it holds several runs. A model's folder
            named without a base stands for all its bases (`mini-l/grpo/matched`).
        data: Prepared set of the response logs, or its parent folder.
    """
    found: dict[str, SystemRun] = {}
    refuse_bare_methods(arguments)
    for run in (run for argument in dict.fromkeys(arguments) for run in _load_runs(argument, data)):
        source = run.origin["source"]
        if found.setdefault(source, run).name != run.name:
            raise AnatomyR1Error(f"{source}: named twice. Fix: name each result once")
    return systems(list(found.values()))


def _load_runs(argument: str, data: Path | None) -> list[SystemRun]:
    name, separator, rest = argument.partition("=")
    if not separator or Path(argument).exists():  # a file may have = in its name
        name, rest = "", argument
    elif not name.strip():
        raise AnatomyR1Error(f"{argument}: an empty name. Fix: NAME=PATH")
    path = Path(rest)
    if bases := of_every_base(path):
        return [run for one in bases for run in _of_path(one, name, data)]
    return _of_path(path, name, data)


def _of_path(path: Path, name: str, data: Path | None) -> list[SystemRun]:
    """The runs that lie there: a folder's, a cell's or a response log's."""
    if path.is_dir():
        if cells := cell_files(store_in(path), "**/seed*"):
            return [_run(load_cell, cell, name) for cell in cells]
        raise AnatomyR1Error(f"{path}: no results in it. Fix: name a result store, or a folder of one")
    if not path.suffix and not path.exists() and "#" not in path.name:
        raise AnatomyR1Error(f"{path}: no such folder of results and no such response log. {siblings(path)}")
    return [_load_cell(path, name) if path.suffix == ".json" else _load_log(path, name, data)]


def _load_cell(path: Path, name: str) -> SystemRun:
    if not path.is_file():
        raise AnatomyR1Error(f"{path}: no such result. {siblings(path)}")
    return _run(load_result, path, name)


def _run(load: Callable[[Path], Result], path: Path, name: str) -> SystemRun:
    try:
        return SystemRun.from_result(load(path), str(path), name)
    except ValueError as error:
        raise AnatomyR1Error(str(error)) from error


def _load_log(path: Path, name: str, data: Path | None) -> SystemRun:
    from anatomy_r1.response_log.log import ResponseLog
    from anatomy_r1.scoring.complete_run import described_runs
    from anatomy_r1.scoring.score import score

    file, _, run = str(path).rpartition("#") if "#" in path.name and not path.exists() else (str(path), "", "")
    with ResponseLog(Path(file), read_only=True) as log:
        logged = log.runs()
    names = list(logged)
    if not run and len(names) != 1:
        lines = "".join(f"\n  {file}#{line}" for line in described_runs(logged))
        raise AnatomyR1Error(f"{file}: holds {len(names)} runs ({', '.join(names)}). Fix: name one: {file}#RUN{lines}")
    if data is None:
        fix = "Fix: add --data DIR, the prepared set that was asked, or its parent"
        problem = f"{file}: a response log is scored against its questions"
        raise AnatomyR1Error(f"{problem}. {fix}", instead=("", "--data DIR"))
    scores = score(Path(file), data, run or names[0])
    return SystemRun.from_scores(scores, data, f"{file}#{scores.run}", name or f"{scores.benchmark}/{Path(file).stem}")
