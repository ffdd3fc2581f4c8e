"""Write the site's data: questions, cells and training runs as shards, and the index that scripts find them by.

A shard is a JavaScript file that delivers one value: a page opened from disk may load a script but not fetch a file, so
data are scripts that are loaded on demand. Keys of objects are fixed by the site; anything from a store, a data set or
a model is a value, never a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.bases import RunKey, model_folder
from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.scoring.metrics import K
from reports.scores.names import BENCHMARKS, MINI, MODELS, benchmark_title, method_rank, method_title, model_title, rank
from reports.scores.notes import unfit
from reports.scores.scores import not_clean
from reports.site.evidence import method_file, row_name
from reports.site.page import slug
from reports.site.rollouts import rollouts_of, scored_steps
from reports.site.run import LEFT_OUT, LICENCE, QUESTIONS, Pictures, RunFolder
from reports.site.samples import REASON_CODES, REASONS, marks, question_rows, texts
from reports.tables.rows import in_order

NO_RUN = (
    "Built from a result store alone: questions, images, responses and training logs are not in it. To see them, name "
    "the folder of the run, which holds results/ and responses/: python -m reports site --out site --run runs/mini"
)
NO_LOG = "There is no log of these responses: what is right and wrong is known, what was said is not."
_UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}
"""Nothing can end a script or open a comment; all non-ASCII is escaped too, including U+2028 and lone surrogates."""


@dataclass(frozen=True)
class Written:
    """Summary of the data, for the pages."""

    cells: int
    responses: int
    """Sampled responses with text."""
    trainings: int
    notices: tuple[str, ...]
    logged: frozenset[tuple[str, str, str]] = frozenset()
    """(benchmark, model, method as viewers call it) of the systems whose responses are here."""


def write(
    site: Path, results: Sequence[Result], run: RunFolder | None, pictures: Pictures, pages: Container[str]
) -> Written:
    """Write `data/` and `images/` below the site; nothing without a run, since there is then nothing to read.

    `pages` are the methods that have a page, to which the viewers link.

    Raises:
        AnatomyR1Error: when a log and the store disagree, or a log or image cannot be read.
    """
    if run is None:
        return Written(0, 0, 0, (NO_RUN,))
    known = run.benchmarks
    # The mean over orders of the options is neither right nor wrong, so the viewer has no mark for it.
    ordered = sorted((result for result in results if not result.has_rotations), key=in_order)
    benchmarks, ids = [], {}
    for name in dict.fromkeys(result.benchmark for result in ordered):
        benchmark, shard_name = known.get(name), f"questions/{slug(name)}"
        rows = question_rows([result for result in ordered if result.benchmark == name], benchmark, pictures)
        _put(site, shard_name, list(rows.values()))
        notice = "" if benchmark is None or pictures.allowed(benchmark) else LEFT_OUT
        benchmarks.append({"name": name, "title": benchmark_title(name), "shard": shard_name, "notice": notice})
        ids[name] = list(rows)
    cells = [_cell(site, result, ids[result.benchmark], run, pictures=pictures, pages=pages) for result in ordered]
    trained = _trainings(site, ordered, run, pictures, pages)
    notices = _notices(run, pictures.with_real)
    models = dict.fromkeys(result.model for result in ordered)
    index = {
        "benchmarks": benchmarks,
        "models": [[name, model_title(name, paper_beside=False)] for name in models],
        "cells": cells,
        "trainings": trained,
        "reasons": [[code, REASONS[reason]] for reason, code in REASON_CODES.items()],
        "notices": notices,
    }
    _put(site, "index", index)
    responses = sum(
        len(ids[result.benchmark]) * K for result, cell in zip(ordered, cells, strict=True) if cell["logged"]
    )
    logged = frozenset((cell["benchmark"], cell["model"], cell["method"]) for cell in cells if cell["logged"])
    return Written(len(cells), responses, len(trained), tuple(notices), logged)


def _notices(run: RunFolder, with_images: bool) -> list[str]:
    real = any(not benchmark.generated for benchmark in run.benchmarks.values())
    return [LICENCE if with_images else QUESTIONS] if real else []


def _cell(
    site: Path, result: Result, ids: Sequence[str], run: RunFolder, *, pictures: Pictures, pages: Container[str]
) -> dict[str, Any]:
    answers = run.answers(result)
    name = slug(result.key)
    _put(site, f"cells/{name}", marks(result, ids, answers))
    if answers:
        _put(site, f"texts/{name}", texts(ids, answers, run.benchmarks[result.benchmark], pictures))
    return {
        **_names(result.benchmark, result.model, result.method, result.arm, result.run, pages=pages),
        "shard": f"cells/{name}",
        "texts": f"texts/{name}" if answers else "",
        "logged": answers is not None,
        "style": result.style,
        "images": str(answers.plan.get("images", "real")) if answers else "",
        "unfit": bool(unfit([result])),
        "leaks": list(not_clean([result])),
        "notice": "" if answers or result.style == "none" else NO_LOG,
    }


def _names(benchmark: str, model: str, method: str, arm: str, run: RunKey, *, pages: Container[str]) -> dict[str, Any]:
    return {
        "benchmark": benchmark,
        "model": model_folder(model, run.base),  # one choice for readers
        "method": row_name(method, arm),
        "title": method_title(method, arm),
        "page": method_file(method) if method in pages else "",
        "seed": run.seed,
    }


def _trainings(
    site: Path, results: Sequence[Result], run: RunFolder, pictures: Pictures, pages: Container[str]
) -> list[dict[str, Any]]:
    logs, entries = run.training_logs(), []
    for benchmark, model, method, key in sorted(
        logs, key=lambda of: (rank(BENCHMARKS, of[0].removesuffix(MINI)), rank(MODELS, of[1]), method_rank(of[2]), of)
    ):
        content = rollouts_of(logs[benchmark, model, method, key], run.benchmarks.get(benchmark), pictures)
        if content is not None:
            name = f"rollouts/{slug(f'{benchmark}/{model_folder(model, key.base)}/{method}/seed{key.seed}')}"
            _put(site, name, content)
            names = _names(benchmark, model, method, MATCHED, key, pages=pages)
            scored = scored_steps(results, benchmark, model, method, key)
            entries.append({**names, "shard": name, "scored": scored})
    return entries


def _put(site: Path, name: str, value: Any) -> None:
    path = site / "data" / f"{name}.js"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(shard(name, value), encoding="ascii")


def shard(name: str, value: Any) -> str:
    """A script that delivers `value` under `name`; a ValueError where a number is not finite, which JSON lacks."""
    return f"site.deliver({_safe(name)}, {_safe(value)});\n"


def _safe(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda match: _UNSAFE[match.group()], text)
