"""Sample, log and score one model on one task: lm-eval with our engine, our tasks only, and a log to resume from.

Example:
    >>> found = evaluate("sgg_anatomy_mini", Path("prepared/sgg"), Path("models/mini-l"), Path("log.sqlite"),
    ...                  max_new_tokens=24)                                        # doctest: +SKIP
    >>> found.metrics["avg@5"]                                                     # doctest: +SKIP
    0.265
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anatomy_r1.data.images import Images
from anatomy_r1.data.rotations import Options
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.engines.registry import open_engine
from anatomy_r1.evaluation.shards import Shard
from anatomy_r1.files import write_whole
from anatomy_r1.prompts import Style
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.scoring.metrics import K


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation found, and where it lies."""

    run: str
    """Name of the run in the log: a hash of all that was asked for."""
    log: Path
    results: Path
    """lm-eval's results as JSON."""
    metrics: dict[str, float]
    """Means over the questions asked: `avg@5`, `pass@1`, `major@5`, `greedy`, `parse_rate`; over prompts, where options
    are rotated."""
    questions: int
    made: int
    """Responses generated now; the others were in the log."""
    seconds: float


def evaluate(
    task: str,
    data: Path,
    model: str | Path,
    log: Path,
    *,
    style: Style = "think",
    wording: str | None = None,
    seed: int = 0,
    images: Images = "real",
    options: Options = "given",
    split: str = "test",
    repeats: int = K,
    temperature: float = 1.0,
    max_new_tokens: int = 512,
    batch_size: int | None = None,
    limit: int | None = None,
    shard: Shard | None = None,
    device: str | None = None,
    dtype: str | None = None,
    engine: str = "transformers",
    engine_args: dict[str, Any] | None = None,
    results: Path | None = None,
    wait: float = 0.0,
    progress: bool = True,
) -> Evaluation:
    """Evaluate `model` on `task`; responses that `log` has already are not generated again.

    Args:
        task: benchmark, for example `sgg_anatomy_mini`.
        data: prepared set, or the folder that holds it under the benchmark's name.
        model: folder of the checkpoint, or the name by which a server knows it.
        log: response log; made if missing.
        style: prompt style.
        wording: of the prompt (`anatomy_r1.prompts.WORDINGS`); the benchmark's canonical one unless told.
        seed: of sampling, and of the picture swap.
        images: `real`; `swapped` or `none` are controls.
        options: `given`; `rotated` is a control: each question in every cyclic order of its options, one prompt each.
        split: of the prepared set.
        repeats: sampled responses a question; the metrics are defined over five.
        temperature: of the sampled responses.
        max_new_tokens: most tokens of a response.
        batch_size: questions at a time; the engine's default (16) unless told.
        limit: only the first so many questions, with all their rotations.
        shard: only this part of them; the log notes the whole run, see `anatomy_r1.evaluation.shards`.
        device: `cuda` where there is one, unless told.
        dtype: the checkpoint's unless told.
        engine: a name in `anatomy_r1.evaluation.engines.registry`.
        engine_args: further arguments of that engine, for example `base_url` of a server.
        results: where lm-eval's results go; beside the log unless told.
        wait: seconds to wait while another process writes the log.
        progress: show a bar with an estimate.

    Raises:
        IncompleteError: when a server left questions unanswered; what it answered is in the log.
        AnatomyR1Error: when anything about the request, data, model or log is wrong; says what to do.
    """
    if repeats != K:
        raise AnatomyR1Error(f"repeats {repeats}: the metrics are defined over {K} sampled responses. Fix: {K}")
    began = time.perf_counter()
    asked = {"benchmark": task, "data": str(data), "style": style, "images": images, "split": split, "seed": seed}
    if wording is not None:  # left out of the plan where it is the canonical one: the run keeps the name it had
        asked["wording"] = wording
    documents = limit  # lm-eval's limit
    if options != "given":  # named only then, so that the name of every other run stays what it was
        asked, documents = {**asked, "options": options, "questions": limit}, None
    manager, loaded = _load_task(task, asked, {"temperature": temperature, "max_gen_toks": max_new_tokens})
    plan = {name: value for name, value in asked.items() if name not in ("data", "questions")}
    plan |= _data_plan(task, data, limit)
    settings = {"seed": seed, "batch_size": batch_size, "device": device, "dtype": dtype, "progress": progress}
    with ResponseLog(log, wait=wait) as opened, _fewer_collections():
        lm = open_engine(engine, model, benchmark=task, log=opened, **settings, **(engine_args or {}))
        plan |= getattr(lm, "plan", {})
        decoding = {"temperature": temperature, "max_new_tokens": max_new_tokens, **lm.settings}
        run = opened.add_run({**plan, "weights": lm.weights, "decoding": decoding})
        report = _run(lm, manager, loaded, documents, shard)
    report["anatomy_r1"] = {"run": run, "plan": plan, "decoding": decoding, "weights": lm.weights}
    part = f".part{shard.number}of{shard.count}" if shard else ""
    path = _write(report, results or log.with_name(f"{log.stem}.{run}{part}.json"))
    found = report["results"][task]
    metrics = {name.removesuffix(",letter"): value for name, value in found.items() if _is_metric(name)}
    return Evaluation(run, log, path, metrics, found["sample_len"], lm.made, time.perf_counter() - began)


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Keep Python's garbage collector from going through all that was imported and read, again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _load_task(task: str, metadata: dict[str, Any], generation: dict[str, Any]) -> tuple[Any, Any]:
    from lm_eval.tasks import TaskManager

    from anatomy_r1.evaluation.task_files import benchmarks, tasks_folder

    if task not in benchmarks():
        raise AnatomyR1Error(f"task {task!r}: unknown. Fix: one of {', '.join(benchmarks())}")
    _quiet()
    manager = TaskManager(include_defaults=False, include_path=str(tasks_folder()), metadata=metadata)
    loaded = manager.load([task])["tasks"][task]
    loaded.set_config("generation_kwargs", generation, update=True)
    return manager, loaded


def _data_plan(task: str, data: Path, limit: int | None) -> dict[str, Any]:
    from anatomy_r1.data.locate import find_folder
    from anatomy_r1.data.prepared import load_manifest

    manifest = load_manifest(find_folder(task, data))  # the questions were held against it when the task was loaded
    return {"questions_sha256": manifest["questions_sha256"], "limit": limit}


def _run(engine: Any, manager: Any, task: Any, limit: int | None, shard: Shard | None) -> dict[str, Any]:
    from lm_eval import simple_evaluate

    which: dict[str, Any] = {"limit": limit}
    if shard:
        asked = len(task.eval_docs)
        which = {"samples": {task.config.task: shard.questions(asked if limit is None else min(limit, asked))}}

    # Samples are left out: the response log has them, and lm-eval would encode every picture anew to hash it
    report = simple_evaluate(
        model=engine, tasks=[task], apply_chat_template=True, log_samples=False, task_manager=manager, **which
    )
    return dict(report or {})


def _write(report: dict[str, Any], path: Path) -> Path:
    from lm_eval.utils import handle_non_serializable

    text = json.dumps(report, indent=1, default=handle_non_serializable, ensure_ascii=False) + "\n"
    try:
        return write_whole(path, text)
    except OSError as error:
        fix = "Fix: see to space and rights, or name other --results, then run the same command; responses are kept"
        raise AnatomyR1Error(f"{path}: cannot be written ({error}). {fix}") from error


def _is_metric(name: str) -> bool:
    return name.endswith(",letter") and "_stderr" not in name


def _quiet() -> None:
    """lm-eval warns about every custom data set; errors still show."""
    import logging

    logging.getLogger("lm_eval").setLevel(logging.ERROR)
