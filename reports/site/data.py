"""Write the site's data: questions, cells and training runs as shards, and the index that scripts find them by.

A shard is a JavaScript file that delivers one value: a page opened from disk may load a script but not fetch a file, so
data are scripts that are loaded on demand. Keys of objects are fixed by the site; anything from a store, a data set or
a model is a value, never a key.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.results.store import MATCHED, Result
from anatomy_r1.scoring.metrics import K
from reports.scores.caveats import unfit
from reports.scores.names import BENCHMARKS, MINI, MODELS, benchmark_title, method_rank, method_title, model_title, rank
from reports.scores.scores import not_clean
from reports.site.method_page import method_file
from reports.site.page import slug
from reports.site.run import LEFT_OUT, LICENCE, QUESTIONS, Pictures, RunFolder
from reports.site.viewers import REASON_CODES, REASONS, marks, question_rows, texts, training
from reports.tables.rows import in_order

NO_RUN = (
    "Built from the result store alone: what is right and wrong is known; questions, pictures and responses are not."
)
NO_LOG = "There is no log of these responses: what is right and wrong is known, what was said is not."
NO_TRAINING = "Built without the run's folder (--run): training logs are not here."
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


def write(site: Path, results: Sequence[Result], run: RunFolder | None, *, with_images: bool) -> Written:
    """Write `data/` and `images/` below the site.

    Raises:
        AnatomyR1Error: when a log and the store disagree, or a log or image cannot be read.
    """
    pictures, known = Pictures(site, with_images), run.benchmarks if run else {}
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
    cells = [_cell(site, result, ids[result.benchmark], run, pictures) for result in ordered]
    trained = _trainings(site, run, pictures) if run else []
    notices = _notices(run, with_images)
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
    read = sum(len(ids[result.benchmark]) * K for result, cell in zip(ordered, cells, strict=True) if cell["logged"])
    return Written(len(cells), read, len(trained), tuple(notices))


def _cell(site: Path, result: Result, ids: Sequence[str], run: RunFolder | None, pictures: Pictures) -> dict[str, Any]:
    answers = run.answers(result) if run else None
    name = slug(result.key)
    _put(site, f"cells/{name}", marks(result, ids, answers))
    if run and answers:
        _put(site, f"texts/{name}", texts(ids, answers, run.benchmarks[result.benchmark], pictures))
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
    logs, entries = run.training_logs(), []
    for benchmark, model, method, seed in sorted(
        logs, key=lambda of: (rank(BENCHMARKS, of[0].removesuffix(MINI)), rank(MODELS, of[1]), method_rank(of[2]), of)
    ):
        content = training(logs[benchmark, model, method, seed], run.benchmarks.get(benchmark), pictures)
        if content is not None:
            name = f"rollouts/{slug(f'{benchmark}/{model}/{method}/seed{seed}')}"
            _put(site, name, content)
            entries.append({**_names(benchmark, model, method, MATCHED, seed), "shard": name})
    return entries


def _notices(run: RunFolder | None, with_images: bool) -> list[str]:
    if run is None:
        return [NO_RUN, NO_TRAINING]
    real = any(not benchmark.generated for benchmark in run.benchmarks.values())
    return [LICENCE if with_images else QUESTIONS] if real else []


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
