"""Evaluate one model on one benchmark: generate the responses that the log lacks, and score all of them.

Example:
    >>> found = evaluate("sgg_anatomy_mini", Path("prepared/sgg"), Path("models/mini-l"), Path("log.sqlite"),
    ...                  max_new_tokens=24)                                        # doctest: +SKIP
    >>> found.metrics["avg@5"]                                                     # doctest: +SKIP
    0.265
"""

from __future__ import annotations

import gc
import json
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from statistics import stdev
from typing import Any

from anatomy_r1 import arithmetic
from anatomy_r1.data.prepared import PreparedSet, find_set
from anatomy_r1.data.shown import check_pictures
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.config import EvaluationConfig
from anatomy_r1.evaluation.engines.engine import Engine, open_engine
from anatomy_r1.evaluation.items import Item, build_items, check_length
from anatomy_r1.evaluation.task_files import benchmarks
from anatomy_r1.files import write_atomic
from anatomy_r1.response_log.frame import Frame
from anatomy_r1.response_log.log import ResponseLog
from anatomy_r1.response_log.response import Sampling
from anatomy_r1.scoring.metrics import question_metrics
from anatomy_r1.scoring.strict import extract


@dataclass(frozen=True)
class Evaluation:
    """Outcome of an evaluation."""

    run: str
    """Name of the run in the log: a hash of its plan."""
    log: Path
    results: Path
    """JSON file with the metrics and the plan."""
    metrics: dict[str, float]
    """Means over the questions asked, over prompts where options are rotated: `avg@5`, `pass@1`, `major@5`, `greedy`,
    `parse_rate`."""
    questions: int
    generated: int
    """Responses generated now; all others were in the log."""
    seconds: float


def evaluate(
    task: str, data: Path, model: str | Path, log: Path, config: EvaluationConfig | None = None, **options: Any
) -> Evaluation:
    """Evaluate `model` on `task`; responses that are in the log already are not generated again.

    Args:
        task: benchmark, for example `sgg_anatomy_mini`.
        data: prepared set, or the folder that holds it under the benchmark's name.
        model: folder of a checkpoint, or a server's name for its model.
        log: response log; created if missing.
        config: all other options; each of `options` replaces one of them.
        options: fields of `EvaluationConfig`.

    Raises:
        IncompleteError: when a server did not answer all requests; the responses received are in the log.
        AnatomyR1Error: when an option, the data, the model or the log is invalid; names the fix.
    """
    config = replace(config or EvaluationConfig(), **options)
    began = time.perf_counter()
    if task not in benchmarks():
        close = get_close_matches(task, benchmarks(), 1)
        fix = f"Fix: one of {', '.join(benchmarks())}"
        raise AnatomyR1Error(f"task {task!r}: unknown. {fix}", instead=(task, close[0]) if close else None)
    _check_files(log, config.results)
    _check_portable(config)
    prepared = find_set(task, data, config.split)
    items = _items(prepared, config)
    sampling = [
        Sampling("sample", float(config.temperature), config.max_new_tokens),
        Sampling("greedy", 0.0, config.max_new_tokens),
    ]
    with ResponseLog(log, wait=config.wait) as opened, _fewer_collections():
        shared = {name: getattr(config, name) for name in ("seed", "batch_size", "device", "dtype", "progress")}
        engine: Engine = open_engine(
            config.engine, model, benchmark=task, log=opened, **shared, **(config.engine_args or {})
        )
        decoding = {"temperature": config.temperature, "max_new_tokens": config.max_new_tokens, **engine.settings}
        plan = {**_plan(task, prepared, config), **engine.plan}
        longest = max(items, key=lambda item: len(item.turn))
        prompt = engine.prompt(longest)  # checked before the first response, and before the log has a run of it
        check_length(engine, longest.question.id, prompt, longest.pictures, config.max_new_tokens)
        run = opened.add_run({**plan, "weights": engine.weights, "decoding": decoding})
        if frame := _frame(engine, items):
            opened.add_frame(run, frame)
        opened.add_provenance(run, engine.provenance)
        if arithmetic.mode() == "portable":
            opened.add_provenance(run, {"arithmetic": arithmetic.record()})
        try:
            texts = engine.complete_items(items, sampling)
        finally:  # what was observed meanwhile
            opened.add_provenance(run, engine.provenance)
        provenance = opened.provenance(run)
    found = [_item_metrics(item, responses) for item, responses in zip(items, texts, strict=True)]
    metrics = {name: sum(one[name] for one in found) / len(found) for name in found[0]}
    about: dict[str, Any] = {"run": run, "plan": plan, "decoding": decoding, "weights": engine.weights}
    about |= {"shard": str(config.shard)} if config.shard else {}  # the plan is that of all shards together
    about |= {"provenance": provenance} if provenance else {}
    part = f".part{config.shard.number}of{config.shard.count}" if config.shard else ""
    path = config.results or log.with_name(f"{log.stem}.{run}{part}.json")
    _write(path, task, metrics, found, about)
    return Evaluation(run, log, path, metrics, len(items), engine.generated, time.perf_counter() - began)


def _check_files(log: Path, results: Path | None) -> None:
    """Refuse folders in the place of files before hours of work."""
    for option, path in (("log", log), ("results", results)):
        if path is not None and Path(path).is_dir():
            name = "log.sqlite" if option == "log" else "results.json"
            raise AnatomyR1Error(f"{path}: a folder, not a file. Fix: --{option} {Path(path) / name}")


def _check_portable(config: EvaluationConfig) -> None:
    """Raise where portable arithmetic would say nothing about the numbers."""
    if arithmetic.mode() == "portable" and (config.engine != "transformers" or config.device not in (None, "cpu")):
        told = f"portable arithmetic is for --engine transformers on a CPU, not {config.engine} on {config.device}"
        raise AnatomyR1Error(f"{told}. Fix: leave out --arithmetic portable")


def _items(prepared: PreparedSet, config: EvaluationConfig) -> list[Item]:
    items = build_items(prepared, config)
    if config.shard:
        items = [items[index] for index in config.shard.questions(len(items))]
    check_pictures({item.path for item in items if item.path})
    return items


def _plan(task: str, prepared: PreparedSet, config: EvaluationConfig) -> dict[str, Any]:
    """What the run asks for. Defaults that came later are left out, so that earlier runs keep their names."""
    plan: dict[str, Any] = {name: getattr(config, name) for name in ("style", "images", "split", "seed", "limit")}
    if config.wording is not None:
        plan["wording"] = config.wording
    if config.options != "given":
        plan["options"] = config.options
    return {"benchmark": task, "questions_sha256": prepared.manifest["questions_sha256"], **plan}


def _frame(engine: Engine, items: list[Item]) -> Frame | None:
    """What stands around the text in every prompt; None where that is not one thing, as with images in some alone."""
    some = [items[0], items[-1], *({bool(item.path): item for item in items}).values()]
    prompts = [engine.prompt(item) for item in some]
    frame = Frame.of(prompts[0], some[0].prompt)
    pairs = zip(some, prompts, strict=True)
    return frame if frame and all(said in frame.prompts_of(one.prompt) for one, said in pairs) else None


@contextmanager
def _fewer_collections() -> Iterator[None]:
    """Exempt everything allocated so far from garbage collection, which would traverse it again and again."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _item_metrics(item: Item, responses: list[str]) -> dict[str, float]:
    *sampled, greedy = (extract(text, item.question.options).choice for text in responses)
    return question_metrics(sampled, greedy, item.question.letter)


def _write(
    path: Path, task: str, means: dict[str, float], metrics: list[dict[str, float]], about: dict[str, Any]
) -> None:
    """Write the results file: means and standard errors, which take items as independent, under lm-eval's names."""
    results: dict[str, Any] = {"sample_len": len(metrics)}
    for name, mean in means.items():
        results[f"{name},letter"] = mean
        if len(metrics) > 1:
            results[f"{name}_stderr,letter"] = stdev(one[name] for one in metrics) / math.sqrt(len(metrics))
    content = {"results": {task: results}, "date": time.time(), "anatomy_r1": about}
    try:
        write_atomic(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    except OSError as error:
        fix = "Fix: check disk space and permissions, or name other --results, then run the same command"
        raise AnatomyR1Error(f"{path}: cannot be written ({error}). {fix}; responses are kept") from error
