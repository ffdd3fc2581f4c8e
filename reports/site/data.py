"""Write the site's data: questions, cells and training runs as shards, and the index that scripts find them by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.scoring.metrics import K
from reports.scores.names import BENCHMARKS, MINI, MODELS, benchmark_title, method_rank, method_title, model_title, rank
from reports.scores.notes import unfit
from reports.scores.scores import not_clean
from reports.site import rollouts
from reports.site.about import REASONS
from reports.site.method_page import method_file
from reports.site.pictures import LEFT_OUT, LICENCE, QUESTIONS, Pictures
from reports.site.run import RunFolder
from reports.site.samples import REASON_CODES, ViewerQuestions, marks, texts, viewer_questions
from reports.site.shards import shard, slug
from reports.tables.rows import in_order

NO_RUN = (
    "Built from the result store alone: what is right and wrong is known; questions, pictures and responses are not."
)
NO_LOG = "There is no log of these responses: what is right and wrong is known, what was said is not."
NO_TRAINING = "Built without the run's folder (--run): training logs are not here."


@dataclass(frozen=True)
class Written:
    """Summary of the data, for the pages."""

    cells: int
    responses: int
    """Sampled responses with text."""
    trainings: int
    notices: tuple[str, ...]


def write(site: Path, results: Sequence[Result], run: RunFolder | None, *, with_images: bool) -> Written:
    """Write `data/` and `images/` below the site.

    Raises:
        AnatomyR1Error: when a log and the store disagree, or a log or image cannot be read.
    """
    pictures = Pictures(site, with_images)
    # The mean over orders of the options is neither right nor wrong, so the viewer has no mark for it.
    ordered = sorted((result for result in results if not result.has_rotations), key=in_order)
    questions = {name: _questions(site, name, ordered, run, pictures) for name in _benchmarks(ordered)}
    cells = [_cell(site, result, questions[result.benchmark], run, pictures) for result in ordered]
    trained = _trainings(site, run, pictures) if run else []
    notices = tuple(_notices(run, with_images))
    index = {
        "benchmarks": [_benchmark(name, run, pictures) for name in questions],
        "models": _titled(ordered),
        "cells": cells,
        "trainings": trained,
        "reasons": [[code, REASONS[reason]] for reason, code in REASON_CODES.items()],
        "notices": list(notices),
    }
    _put(site, "index", index)
    read = sum(
        len(questions[result.benchmark].ids) * K for result, cell in zip(ordered, cells, strict=True) if cell["logged"]
    )
    return Written(len(cells), read, len(trained), notices)


def _benchmarks(results: Sequence[Result]) -> list[str]:
    return list(dict.fromkeys(result.benchmark for result in results))


def _titled(results: Sequence[Result]) -> list[list[str]]:
    names = dict.fromkeys(result.model for result in results)
    return [[name, model_title(name, paper_beside=False)] for name in names]


def _questions(
    site: Path, name: str, results: Sequence[Result], run: RunFolder | None, pictures: Pictures
) -> ViewerQuestions:
    benchmark = run.benchmarks.get(name) if run else None
    found = viewer_questions([result for result in results if result.benchmark == name], benchmark, pictures)
    _put(site, f"questions/{slug(name)}", found.rows)
    return found


def _benchmark(name: str, run: RunFolder | None, pictures: Pictures) -> dict[str, Any]:
    known = run.benchmarks.get(name) if run else None
    notice = "" if known is None or pictures.allowed(known) else LEFT_OUT
    return {"name": name, "title": benchmark_title(name), "shard": f"questions/{slug(name)}", "notice": notice}


def _cell(
    site: Path, result: Result, questions: ViewerQuestions, run: RunFolder | None, pictures: Pictures
) -> dict[str, Any]:
    answers = run.answers(result) if run else None
    name = slug(result.key)
    _put(site, f"cells/{name}", marks(result, questions, answers))
    if run and answers:
        _put(site, f"texts/{name}", texts(questions, answers, run.benchmarks[result.benchmark], pictures))
    return {
        **_names(result.benchmark, result.model, result.method, result.arm, result.seed),
        "shard": f"cells/{name}",
        "texts": f"texts/{name}" if answers else "",
        "logged": answers is not None,
        "style": result.style,
        "images": str(answers.plan.get("images", "real")) if answers else "",
        "unfit": bool(unfit([result])),
        "leaks": list(not_clean([result])),
        "notice": "" if answers or result.style == "none" or run is None else NO_LOG,
    }


def _names(benchmark: str, model: str, method: str, arm: str, seed: int) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "model": model,
        "method": method if arm == MATCHED else f"{method}/{arm}",
        "title": method_title(method, arm),
        "page": method_file(method),
        "seed": seed,
    }


def _trainings(site: Path, run: RunFolder, pictures: Pictures) -> list[dict[str, Any]]:
    logs = run.training_logs()
    ordered = sorted(
        logs, key=lambda of: (rank(BENCHMARKS, of[0].removesuffix(MINI)), rank(MODELS, of[1]), method_rank(of[2]), of)
    )
    found = (_training(site, cell, logs[cell], run, pictures) for cell in ordered)
    return [entry for entry in found if entry is not None]


def _training(
    site: Path, cell: tuple[str, str, str, int], log: Path, run: RunFolder, pictures: Pictures
) -> dict[str, Any] | None:
    benchmark, model, method, seed = cell
    content = rollouts.training(log, run.benchmarks.get(benchmark), pictures)
    if content is None:
        return None
    name = f"rollouts/{slug(f'{benchmark}/{model}/{method}/seed{seed}')}"
    _put(site, name, content)
    return {**_names(benchmark, model, method, MATCHED, seed), "shard": name}


def _notices(run: RunFolder | None, with_images: bool) -> list[str]:
    if run is None:
        return [NO_RUN, NO_TRAINING]
    real = any(not benchmark.generated for benchmark in run.benchmarks.values())
    return [LICENCE if with_images else QUESTIONS] if real else []


def _put(site: Path, name: str, value: Any) -> None:
    path = site / "data" / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(shard(name, value), encoding="ascii")


def titles(results: Sequence[Result]) -> Mapping[str, str]:
    """Methods of these results and their titles, in the order of the tables."""
    ordered = sorted({result.method for result in results}, key=method_rank)
    return {name: method_title(name, MATCHED) for name in ordered}
