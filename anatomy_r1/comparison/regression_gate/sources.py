"""Arguments of `anatomy-r1 regress` -> one panel per benchmark: the reference and the fresh result, aligned.

An argument is a folder of a result store, a seed*.json of one, a response log (all its runs), or a reference file:
recorded results, small enough to be committed, without weights and responses. For each system it has the conditions and
the questions; for each run, the right and wrong answers as strings of digits, one digit per question.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from anatomy_r1.bases import RunKey
from anatomy_r1.comparison.panel import Panel, panels
from anatomy_r1.comparison.regression_gate.judge import AVG, Mode, noise, overdispersed, tolerance
from anatomy_r1.comparison.systems import System, SystemRun, load_systems, systems
from anatomy_r1.errors import AnatomyR1Error, IncompleteError
from anatomy_r1.evaluation.blind_difference import read_rule
from anatomy_r1.files import write_output
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.scoring.fitness import stored_fitness
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import BLIND, table_metrics
from anatomy_r1.validation import read_validated, validated

NAMED = 6
"""Systems that an error names."""

MARK = "anatomy_r1_reference"
_CORRECT = tuple(f"correct_{repeat}" for repeat in range(K))
_OTHERS = ("major", "greedy", "parsed", "truncated")

Flags = Annotated[str, StringConstraints(pattern="^[01]*$")]
"""One digit per question: right or wrong."""
Counts = Annotated[str, StringConstraints(pattern=f"^[0-{K}]*$")]
"""One digit per question: how many of its five responses."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Conditions(_Strict):
    questions: dict[str, str]
    prompts: dict[str, str]
    sampling: dict[str, str]
    arms: dict[str, str]


class _Questions(_Strict):
    id: list[str]
    cluster: list[str]
    category: list[str]


class _Blind(_Strict):
    """The best blind rule as a result records it, and the questions on which it is right."""

    rule: str
    in_training: Annotated[float, Field(ge=0, le=1)]
    train_questions: int
    accuracy: Annotated[float, Field(ge=0, le=1)]
    version: int
    scikit_learn: str
    right: Flags


class _Run(_Strict):
    seed: int
    base: str = ""
    """Absent in files of models with one base."""
    origin: dict[str, str]
    correct: Annotated[list[Flags], Field(min_length=K, max_length=K)]
    """One string for each of the five sampled responses."""
    major: Flags
    greedy: Flags
    parsed: Counts
    truncated: Counts
    unfit: list[str] | None = None
    """Reasons found when it was scored; earlier files state none."""
    avg_lenient: Annotated[float, Field(ge=0, le=1)] | None = None
    parsed_lenient: Annotated[float, Field(ge=0, le=1)] | None = None
    blind: _Blind | None = None
    """None if it was not recorded; earlier files have none."""


class _System(_Strict):
    name: str
    benchmark: str
    conditions: _Conditions
    questions: _Questions
    runs: Annotated[list[_Run], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_value_per_question(self) -> _System:
        ids = self.questions.id
        if not ids:
            raise ValueError(f"system {self.name}: has no questions")
        if len(set(ids)) < len(ids):
            raise ValueError(f"system {self.name}: a question id occurs twice")
        columns = [("cluster", self.questions.cluster), ("category", self.questions.category)]
        for run in self.runs:
            digits = [*run.correct, run.major, run.greedy, run.parsed, run.truncated]
            digits += [run.blind.right] if run.blind else []
            columns += [(f"seed {run.seed}", list(one)) for one in digits]
        for what, values in columns:
            if len(values) != len(ids):
                raise ValueError(f"system {self.name}, {what}: expected {len(ids)} values, found {len(values)}")
        for run in self.runs:
            self._counts_agree(run)
        return self

    def _counts_agree(self, run: _Run) -> None:
        """A right response was read, so no question has more right responses than parsed ones."""
        for place, name in enumerate(self.questions.id):
            right = sum(flags[place] == "1" for flags in run.correct)
            if right > int(run.parsed[place]):
                told = f"{right} right responses, but {run.parsed[place]} parsed"
                raise ValueError(f"system {self.name}, seed {run.seed}, question {name}: {told}")


class _File(_Strict):
    anatomy_r1_reference: Literal[1]
    """Version of the format; its presence marks the file as a reference (`MARK`)."""
    systems: Annotated[list[_System], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_once(self) -> _File:
        names = [(one.name, one.benchmark) for one in self.systems]
        if doubled := [name for name, benchmark in names if names.count((name, benchmark)) > 1]:
            raise ValueError(f"systems: {doubled[0]!r} is recorded twice")
        return self


def write_reference(path: Path, found: Sequence[System]) -> None:
    """Write `path`; equal systems give equal bytes."""
    content = {MARK: 1, "systems": [_recorded(system) for system in found]}
    validated(content, _File, where=f"{path}: cannot be recorded", fix="keep the results themselves")
    write_output(path, json.dumps(content, indent=0, ensure_ascii=True) + "\n")


def _recorded(system: System) -> dict[str, Any]:
    labels = system.runs[0].questions[["id", "cluster", "category"]].astype(str)
    return {
        "name": system.name,
        "benchmark": system.benchmark,
        "conditions": {kind: dict(fields) for kind, fields in system.conditions.items()},
        "questions": labels.to_dict("list"),
        "runs": [_recorded_run(run) for run in system.runs],
    }


def _recorded_run(run: SystemRun) -> dict[str, Any]:
    table, source = run.questions, run.origin["source"]
    if not all(table[name].mod(1).eq(0).all() for name in (*_CORRECT, *_OTHERS)):
        fix = "Fix: keep the result itself, and name it with --against"
        raise AnatomyR1Error(f"{source}: a reference has no means over rotations and no unknown counts. {fix}")
    digits = {name: "".join(map(str, table[name].to_numpy(dtype=int))) for name in (*_CORRECT, *_OTHERS)}
    return {
        "seed": run.seed,
        **({"base": run.base} if run.base else {}),
        "origin": {**run.origin, "source": Path(source).name},  # a committed file names no local folder
        "correct": [digits.pop(name) for name in _CORRECT],
        **digits,
        "unfit": list(run.fitness.reasons) if run.fitness.recorded else None,
        "avg_lenient": run.avg_lenient,
        "parsed_lenient": run.parsed_lenient,
        **_recorded_blind(run),
    }


def _recorded_blind(run: SystemRun) -> dict[str, Any]:
    rule = read_rule(run.blind)
    if isinstance(rule, str):
        return {}
    return {"blind": {**asdict(rule), "right": "".join(map(str, run.questions[BLIND].to_numpy(dtype=int)))}}


def is_reference(path: Path) -> bool:
    """Whether a JSON file is a reference, not a cell of a result store."""
    try:
        return path.is_file() and MARK in json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, TypeError, RecursionError):
        return False


def _read_reference(path: Path) -> Iterator[SystemRun]:
    fix = "write it again with `anatomy-r1 regress RESULT --record FILE`"
    for one in read_validated(path, _File, what="reference", fix=fix).systems:
        for run in one.runs:
            flags = dict(zip(_CORRECT, run.correct, strict=True)) | {"major": run.major, "greedy": run.greedy}
            columns: dict[str, Any] = one.questions.model_dump()
            columns |= {name: [digit == "1" for digit in digits] for name, digits in flags.items()}
            columns |= {"parsed": [*map(int, run.parsed)], "truncated": [*map(int, run.truncated)]}
            rule = run.blind.model_dump() if run.blind else None
            if rule:
                columns[BLIND] = [digit == "1" for digit in rule.pop("right")]
            questions = pd.DataFrame(columns)
            yield SystemRun(
                name=one.name,
                benchmark=one.benchmark,
                seed=run.seed,
                questions=questions,
                conditions=one.conditions.model_dump(),
                origin={**run.origin, "source": f"{path}#{one.name}/{RunKey(run.base, run.seed)}"},
                fitness=stored_fitness(run.unfit, questions),
                avg_lenient=run.avg_lenient,
                parsed_lenient=run.parsed_lenient,
                blind=rule,
                base=run.base,
            )


def recorded(system: System) -> str:
    """One line on a recorded system, with how far avg@5 of one fresh run may fall: a weak reference is noticed."""
    mode: Mode = "training" if len(system.known("weights")) > 1 else "sampling"
    shares = [table_metrics(run.questions) for run in system.runs]
    measured = noise(AVG, shares, shares, mode)
    runs = f"{len(shares)} {'training' if mode == 'training' else 'run'}{'s' if len(shares) > 1 else ''}"
    mean = sum(float(one[AVG].mean()) for one in shares) / len(shares)
    summary = f"{system.name}: {runs} of {len(shares[0][AVG])} questions, {AVG} {100 * mean:.2f}"
    found = tolerance(measured, fresh=1, mode=mode, judged=1)
    if found is None or (mode == "training" and _repeats(system)):
        return summary
    more = "; its runs vary more than sampling explains" if mode == "sampling" and overdispersed(measured) else ""
    return (
        f"{summary}; in --mode {mode} one fresh run may fall by {100 * found.limit:.2f} points, and a true loss of "
        f"{100 * found.detectable:.2f} fires with 95 %{more}"
    )


def load(arguments: Sequence[str], data: Path | None) -> tuple[System, ...]:
    """Every system named; the runs of response logs of one benchmark are seeds of one system."""
    found = [run for argument in dict.fromkeys(arguments) for run in _runs(argument, data)]
    sources = [run.origin["source"] for run in found]
    if doubled := sorted({source for source in sources if sources.count(source) > 1}):
        raise AnatomyR1Error(f"{doubled[0]}: named twice. Fix: name each result once")
    return systems(found)


def _runs(argument: str, data: Path | None) -> Iterable[SystemRun]:
    path = Path(argument)
    if path.suffix == ".json" and is_reference(path):
        return _read_reference(path)
    if path.is_dir() or path.suffix == ".json":
        return (run for system in load_systems([argument], data) for run in system.runs)
    logged = [argument]  # LOG#RUN, or a missing file, which `load_systems` refuses
    if path.is_file():
        with ResponseLog(path, read_only=True) as log:
            logged = [f"{argument}#{run}" for run in log.runs()] or logged
    found = (run for one in logged for system in load_systems([one], data) for run in system.runs)
    return (replace(run, name=f"{run.benchmark}/responses") for run in found)  # `align` checks their weights


def align(
    reference: Sequence[System], fresh: Sequence[System], mode: Mode, allowed: Collection[str] = ()
) -> tuple[Panel, ...]:
    """One panel per pair: its first system is the reference, its second the fresh result.

    If both sides have exactly one system on a benchmark, these two are a pair; otherwise systems pair by name.

    Raises:
        IncompleteError: A reference has no fresh result.
    """
    found = []
    for first, second in _pairs(reference, fresh):
        sides = [_side("reference", first, mode), _side("fresh", second, mode)]
        (panel,) = panels(sides, {*allowed, "seeds"})  # the gate does not need common seeds
        caveats = tuple(text for text in panel.caveats if not text.startswith("seeds: "))
        found.append(replace(panel, caveats=caveats))
    return tuple(found)


def _pairs(reference: Sequence[System], fresh: Sequence[System]) -> list[tuple[System, System]]:
    pairs, missing, unknown = [], [], []
    for benchmark in dict.fromkeys(system.benchmark for system in (*reference, *fresh)):
        first, second = ([one for one in side if one.benchmark == benchmark] for side in (reference, fresh))
        if len(first) == len(second) == 1:
            pairs.append((first[0], second[0]))
            continue
        names = {one.name: one for one in second}
        pairs += [(one, names[one.name]) for one in first if one.name in names]
        missing += [one.name for one in first if one.name not in names]
        unknown += [name for name in names if name not in {one.name for one in first}]
    if unknown:
        raise AnatomyR1Error(f"no reference for {_listed(unknown)}. Fix: name it with --against")
    if missing:
        fix = "Fix: evaluate and name them, or leave them out of --against"
        raise IncompleteError(f"no fresh result for {_listed(missing)}. {fix}")
    return pairs


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _repeats(system: System) -> int:
    """How many of its runs, beyond the first of each, have weights that are known to be another run's."""
    return sum(1 for run in system.runs if run.origin.get("weights")) - len(system.known("weights"))


def _side(side: str, system: System, mode: Mode) -> System:
    """The system, renamed to its side, after checking that its weights fit the mode."""
    weights = system.known("weights")
    if mode == "sampling" and len(weights) > 1:
        raise AnatomyR1Error(
            f"{side} {system.name}: {len(system.runs)} runs of {len(weights)} different weights are not repeats of one "
            "evaluation. Fix: --mode training, which judges trainings by their seeds; or name results of one checkpoint"
        )
    if mode == "training" and side == "reference" and len(system.runs) > len(weights) == 1:
        raise AnatomyR1Error(
            f"{side} {system.name}: {len(system.runs)} evaluations of the same weights do not show how trainings "
            "differ. Fix: --mode sampling, or results of several training seeds"
        )
    if mode == "training" and (repeats := _repeats(system)):
        raise AnatomyR1Error(
            f"{side} {system.name}: {repeats} of its {len(system.runs)} runs evaluate weights that another one does, "
            "and each would count as a training. Fix: name one evaluation of each training"
        )
    name = f"{system.benchmark}/{side} {system.short}"
    return System(name, tuple(replace(run, name=name) for run in system.runs))
