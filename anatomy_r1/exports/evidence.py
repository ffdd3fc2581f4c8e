"""Evidence: what every format is given of one policy, under one seed, on one benchmark.

It comes from a result of a store, from a response log, or from a result with the log that it was scored from. A result
knows what was trained on what; a log knows the responses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from anatomy_r1.bases import model_folder
from anatomy_r1.data.prepared import find_set, load_manifest
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.blind_difference import recorded_scores
from anatomy_r1.evaluation.views import NO_IMAGE, PLAIN, ROTATIONS, WRONG_IMAGE, asked_benchmark, split_row
from anatomy_r1.exports.notes import note_beside
from anatomy_r1.prompts import WORDINGS, Style, canonical_wording, prompt_hash, render_text
from anatomy_r1.provenance import provenance, stated
from anatomy_r1.question import Question
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.sqlite_file import is_sqlite
from anatomy_r1.results.store import Result, cell_files, cost_of, load_cell, sampling_record, store_in
from anatomy_r1.results.submission.submit import passport_of
from anatomy_r1.scoring.complete_run import CompleteRun, load_complete_run
from anatomy_r1.scoring.extraction import Extraction
from anatomy_r1.scoring.fitness import Fitness, scored_fitness
from anatomy_r1.scoring.intervals import Interval, cluster_intervals
from anatomy_r1.scoring.metrics import K
from anatomy_r1.scoring.question_table import COLUMNS, LENIENT, table_metrics
from anatomy_r1.scoring.score import Scores, score_run


@dataclass(frozen=True, eq=False)
class Evidence:
    """The numbers of one policy, what they were made from and, if known, its responses."""

    source: str
    """Name of the file that it was read from."""
    path: Path
    """That file."""
    name: str
    """Name of the model: for a result `MODEL-METHOD-ARM-seedK`, or `MODEL@BASE-...` where it has several bases."""
    benchmark: str
    view: str
    """How the questions were shown (`anatomy_r1.evaluation.views`)."""
    seed: int
    style: str
    table: pd.DataFrame
    """The question table."""
    provenance: Mapping[str, Any]
    fitness: Fitness
    questions: tuple[Question, ...] = ()
    """As they were asked, each rotation by itself; empty if no prepared set was named."""
    run: CompleteRun | None = None
    """The responses; None if no log was named."""
    extractions: tuple[tuple[Extraction, ...], ...] = ()
    """Six per question of `run`, the greedy one last."""

    @property
    def plan(self) -> Mapping[str, Any]:
        """What was asked; empty if a result does not record it."""
        found = self.provenance.get("sampling")
        return found if isinstance(found, Mapping) else {}

    @property
    def decoding(self) -> Mapping[str, Any]:
        """Sampling arguments, as far as they were recorded."""
        found = self.plan.get("decoding")
        return found if isinstance(found, Mapping) else {}

    @property
    def title(self) -> str:
        """The benchmark, with everything that makes it another one: a control's view, another split, a part of it."""
        parts = [self.benchmark if self.view == PLAIN else f"{self.benchmark}@{self.view}"]
        parts += [f"{self.plan['split']} split"] if self.plan.get("split", "test") != "test" else []
        parts += [f"first {self.plan['limit']} questions"] if self.plan.get("limit") else []
        return ", ".join(parts)

    @property
    def wording(self) -> str | None:
        """Name of the prompts' wording; None if a result records another one than this release's."""
        if named := self.plan.get("wording"):
            return str(named)
        recorded = self.provenance.get("prompt")
        if recorded is None:
            return canonical_wording(self.benchmark) if self.run else None
        return next((name for name in WORDINGS if _template_hash(name, self.prompt_style) == recorded), None)

    @property
    def prompt_style(self) -> Style:
        """The style as the prompts' module names it."""
        return "direct" if self.style == "direct" else "think"


def _template_hash(wording: str, style: Style) -> str:
    return prompt_hash(render_text("", ("",), style, wording))


@dataclass(frozen=True, slots=True)
class Number:
    """One number to publish, as a share."""

    id: str
    title: str
    about: str
    interval: Interval
    lower_is_better: bool = False


_TITLES = {
    f"avg@{K}": (f"Avg@{K}", f"mean share of the {K} sampled responses that are right"),
    "pass@1": ("Pass@1", "share of questions whose first sampled response is right"),
    f"major@{K}": (f"Major@{K}", f"share of questions whose majority of {K} sampled responses is right"),
    "greedy": ("Greedy", "share of questions whose greedy response is right"),
    LENIENT: (f"Avg@{K}, lenient", f"Avg@{K} by the lenient extractor, reported beside the strict one, which decides"),
}
_FAILURES = {
    "unread": ("Unread", "share of sampled responses that the strict extractor cannot read; they count as wrong"),
    "truncated": ("Cut off", "share of sampled responses cut off at the token limit"),
}


def numbers(evidence: Evidence) -> tuple[Number, ...]:
    """The metrics, and the shares of responses that failed, each with its interval over clusters."""
    found = table_metrics(evidence.table)
    found["unread"] = 1 - found["parsed"]
    names = [name for name in (*_TITLES, *_FAILURES) if name in found]
    rows = cluster_intervals(np.stack([found[name] for name in names]), evidence.table["cluster"].to_numpy())
    titles = {**_TITLES, **_FAILURES}
    return tuple(
        Number(name, *titles[name], interval.within(), lower_is_better=name in _FAILURES)
        for name, interval in zip(names, rows, strict=True)
    )


@dataclass(frozen=True, slots=True)
class Request:
    """What the user names: sources, and what else is known about them."""

    sources: tuple[Path, ...]
    """Results of a store (files or folders), or one response log."""
    data: Path | None = None
    log: Path | None = None
    """The log that the one result was scored from."""
    run: str | None = None
    name: str | None = None
    train_data: tuple[Path, ...] = ()


def load_evidence(request: Request) -> tuple[Evidence, ...]:
    """The evidence that a request names, in order.

    Raises:
        AnatomyR1Error: A source is neither a result nor a log, is not complete, or is a control without a model.
    """
    logs = [path for path in request.sources if path.is_file() and path.suffix != ".json"]
    if foreign := next((path for path in logs if not is_sqlite(path)), None):
        fix = "name a result (STORE/.../seed0.json), a store, or a file that `anatomy-r1 evaluate` wrote"
        raise AnatomyR1Error(f"{foreign}: neither a result nor a response log. Fix: {fix}")
    if logs and len(request.sources) > 1:
        raise AnatomyR1Error(f"{logs[0]}: a response log is exported by itself. Fix: name it alone")
    if logs:
        return (from_log(logs[0], request),)
    found = tuple(from_result(path, result) for source in request.sources for path, result in _results(source))
    if request.log is None:
        return tuple(_with_questions(one, request.data) for one in found)
    if len(found) > 1:
        raise AnatomyR1Error(
            f"--log {request.log}: is the log of one result, not of {len(found)}. Fix: name one result"
        )
    return (with_log(found[0], request.log, request),)


def _results(source: Path) -> list[tuple[Path, Result]]:
    if source.is_file():
        return [(source, load_cell(source))]
    if not source.is_dir():
        fix = "Fix: name a result (STORE/.../seed0.json), a store, or a response log of `anatomy-r1 evaluate`"
        raise AnatomyR1Error(f"{source}: no such file or folder. {fix}")
    cells = cell_files(store_in(source), "**/seed*")
    found = [(path, result) for path in cells if (result := load_cell(path)).style != "none"]  # rules have no model
    if not found:
        raise AnatomyR1Error(f"{source}: no results of a model in it. Fix: name a store, a folder of one, or a log")
    return found


def from_result(path: Path, result: Result) -> Evidence:
    """The evidence of a stored result."""
    if result.style == "none":
        fix = "Fix: name the result of a model"
        raise AnatomyR1Error(f"{path}: {result.method} is a rule that sees no image, not a model. {fix}")
    method, view = split_row(result.method)
    return Evidence(
        source=f"{result.key}.json",
        path=path,
        name=f"{model_folder(result.model, result.base)}-{method}-{result.arm}-seed{result.seed}",
        benchmark=result.benchmark,
        view=view,
        seed=result.seed,
        style=result.style,
        table=result.questions,
        provenance=result.provenance,
        fitness=result.fitness,
    )


def from_log(log: Path, request: Request) -> Evidence:
    """The evidence of one run of a response log, scored here."""
    if request.data is None:
        fix = "Fix: add --data DIR, the prepared set that it was asked from"
        problem = f"{log}: a log names its questions but does not hold them"
        raise AnatomyR1Error(f"{problem}. {fix}", instead=("", "--data DIR"))
    if request.name is None:
        raise AnatomyR1Error(f"{log}: a log does not name its model. Fix: add --name NAME", instead=("", "--name NAME"))
    run = load_complete_run(log, request.data, request.run)
    scores = score_run(run)
    table, blind = recorded_scores(scores, request.data)
    return Evidence(
        source=f"{log.name}#{run.run}",
        path=log,
        name=request.name,
        benchmark=scores.benchmark,
        view=_view(run.plan),
        seed=int(run.plan["seed"]),
        style=str(run.plan["style"]),
        table=table,
        provenance={**_log_provenance(log, run, scores, request), "blind": blind},
        fitness=scored_fitness(scores),
        questions=run.questions,
        run=run,
        extractions=scores.extractions,
    )


def _view(plan: Mapping[str, Any]) -> str:
    shown = {"none": NO_IMAGE, "swapped": WRONG_IMAGE}.get(str(plan["images"]), PLAIN)
    return ROTATIONS if shown == PLAIN and plan.get("options", "given") == "rotated" else shown


def _log_provenance(log: Path, run: CompleteRun, scores: Scores, request: Request) -> dict[str, Any]:
    """What a stored result would record of the same run; its training is not known to a log."""
    assert request.data is not None
    split = str(scores.plan["split"])
    manifest = load_manifest(find_set(scores.benchmark, request.data, split).root)
    with ResponseLog(log, read_only=True) as opened:
        engine = opened.provenance(scores.run)
    note = note_beside(log, scores.benchmark, str(scores.plan["weights"]))
    leaked = passport_of(scores.benchmark, request.data, request.train_data) if split == "test" else None
    return {
        **provenance(),
        **sampling_record(scores),
        "data": {name: manifest.get(name) for name in ("questions_sha256", "seed", "generated")},
        "spent": cost_of(response for six in run.responses for response in six),
        **({"note": note} if note else {}),
        **({"engine": engine} if engine else {}),
        **({"leakage": leaked.as_dict()} if leaked else {}),
    }


def with_log(evidence: Evidence, log: Path, request: Request) -> Evidence:
    """A result with its responses; AnatomyR1Error unless these give its question table."""
    found = from_log(log, replace(request, name=evidence.name))
    columns = list(COLUMNS)
    ours, theirs = (one.table.sort_values("id", ignore_index=True)[columns].astype(str) for one in (evidence, found))
    if not ours.equals(theirs):
        fix = "Fix: name the log that this result was scored from, and its --run"
        raise AnatomyR1Error(f"{log}: its responses do not give the question table of {evidence.source}. {fix}")
    return replace(evidence, questions=found.questions, run=found.run, extractions=found.extractions)


def _with_questions(evidence: Evidence, data: Path | None) -> Evidence:
    """A result with the texts of its questions, if a prepared set is named; AnatomyR1Error if it is another one."""
    if data is None or "rotations" in evidence.table.columns:
        return evidence
    prepared = find_set(
        asked_benchmark(evidence.benchmark, evidence.view), data, str(evidence.plan.get("split", "test"))
    )
    asked = stated(evidence.provenance, "data", "questions_sha256")
    if asked not in (None, prepared.manifest["questions_sha256"]):
        fix = f"Fix: --data with questions_sha256 {asked}"
        raise AnatomyR1Error(f"{prepared.root}: not the questions that {evidence.source} answers. {fix}")
    by_id = {question.id: question for question in prepared.questions}
    return replace(evidence, questions=tuple(by_id[name] for name in evidence.table["id"]))
