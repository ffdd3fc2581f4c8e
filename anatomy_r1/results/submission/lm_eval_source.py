"""A results directory of lm-eval's, scored by our scorer from its raw responses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from anatomy_r1.data.locate import find_set
from anatomy_r1.data.prepared import PreparedSet
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.task_files import task_files
from anatomy_r1.prompts import Style
from anatomy_r1.question import Question
from anatomy_r1.response_log.response import Response, ResponseKey
from anatomy_r1.results.submission.lm_eval_files import (
    AGAIN,
    Report,
    clean,
    config,
    model_name,
    not_known,
    origin,
    read_report,
    records,
)
from anatomy_r1.results.submission.lm_eval_rows import Row, check_whole, differing, read_row
from anatomy_r1.results.submission.submission import STATED, Submission
from anatomy_r1.scoring.complete_run import CompleteRun
from anatomy_r1.scoring.metrics import K, question_metrics
from anatomy_r1.scoring.score import Scores, score_run

ENGINE = "lm-eval"
EXAMPLES = 3
"""Questions named where their numbers differ."""
USUAL = {"until": [], "do_sample": True, "seed": None, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}
"""Generation arguments of the task files; others are told apart in a comparison."""


def from_lm_eval(path: Path, data: Path, benchmark: str | None = None, seed: int = 0) -> Submission:
    """What a stock run of lm-eval's on our tasks comes to by our scorer.

    Args:
        path: its output folder, or the results file.
        data: prepared set that was asked, or its parent.
        benchmark: which one, where the folder holds several.
        seed: under which it stands in the store; lm-eval seeds no single response.

    Raises:
        AnatomyR1Error: when anything about it is not as our task leaves it; names file, record and fix.
    """
    report = read_report(path, benchmark)
    style = _style(report)
    prepared = find_set(report.benchmark, data, "test")
    by_task = {task: _rows(report, task, prepared, style) for task in report.tasks}
    found = check_whole([pair for rows in by_task.values() for pair in rows], prepared.questions)
    plan = _plan(report, prepared, style, seed, list(found.values()))
    scores = _score(plan, prepared, found)
    return Submission(
        scores=scores,
        origin=origin(report),
        not_known=not_known(report),
        said={f"{task}/{name}": value for task in report.tasks for name, value in _said(report, task).items()},
        differences=tuple(_differences(report, by_task, scores)),
        cut_known=False,
    )


def _style(report: Report) -> Style:
    """Prompt style of all tasks; on the way, that each is our task in its present version, whole and unchanged."""
    styles = {_checked(report, task).get("style", "think") for task in report.tasks}
    if styles not in ({"think"}, {"direct"}):
        raise AnatomyR1Error(f"{report.path}: prompt styles {sorted(map(str, styles))}: one of think, direct. {AGAIN}")
    return "direct" if styles == {"direct"} else "think"


def _checked(report: Report, task: str) -> Mapping[str, Any]:
    """A task's metadata."""
    settings, stated = report.of_task("configs", task), report.of_task("versions", task)
    metadata = settings.get("metadata") if isinstance(settings, Mapping) else None
    if not isinstance(settings, Mapping) or not isinstance(metadata, Mapping):
        raise AnatomyR1Error(f"{report.path}: task {task} has no metadata. {AGAIN}")
    version = yaml.safe_load(task_files()[task].read_text(encoding="utf-8"))["metadata"]["version"]
    if stated != version:
        raise AnatomyR1Error(f"{report.path}: task {task} has version {stated}, this release {version}. {AGAIN}")
    if settings.get("repeats") != K:
        raise AnatomyR1Error(f"{report.path}: task {task} has {settings.get('repeats')} repeats, not {K}. {AGAIN}")
    if (split := metadata.get("split", "test")) != "test":
        raise AnatomyR1Error(f"{report.path}: task {task} asked the split {str(split)[:40]!r}, not test. {AGAIN}")
    arguments = config(report).get("model_args")
    if "think_end_token" in (arguments if isinstance(arguments, str | Mapping) else ""):
        raise AnatomyR1Error(f"{report.path}: think_end_token cut the responses, which are needed whole. {AGAIN}")
    return metadata


def _rows(report: Report, task: str, prepared: PreparedSet, style: Style) -> list[tuple[str, Row]]:
    known = {question.id: question for question in prepared.questions}
    return [(where, read_row(where, record, known, style)) for where, record in records(report.tasks[task], len(known))]


def _plan(report: Report, prepared: PreparedSet, style: Style, seed: int, rows: Sequence[Row]) -> dict[str, Any]:
    """As `anatomy_r1.evaluation.evaluate` notes it, as far as it is known."""
    return {
        "benchmark": report.benchmark,
        "style": style,
        "images": "real",
        "split": "test",
        "seed": seed,
        "questions_sha256": prepared.manifest["questions_sha256"],
        "limit": None,
        "weights": f"{model_name(report)} (named by lm-eval, not verified)",
        "decoding": _decoding(report, rows),
    }


def _decoding(report: Report, rows: Sequence[Row]) -> dict[str, Any]:
    kinds = {(row.sampled, row.greedy) for row in rows}
    if len(kinds) != 1:
        raise AnatomyR1Error(
            f"{report.path}: questions were sampled with {len(kinds)} different sets of arguments. {AGAIN}"
        )
    sampled, greedy = (json.loads(text) for text in next(iter(kinds)))
    temperature, most = sampled.pop("temperature", None), sampled.pop("max_gen_toks", None)
    if not sampled.get("do_sample") or not _above_zero(temperature) or not _above_zero(most):
        what = f"do_sample {sampled.get('do_sample')}, temperature {temperature}, max_gen_toks {most}"
        raise AnatomyR1Error(f"{report.path}: the five responses were not sampled: {what}. {AGAIN}")
    if greedy.get("do_sample") or greedy.get("temperature", 0.0) != 0 or greedy.get("max_gen_toks") != most:
        raise AnatomyR1Error(f"{report.path}: the greedy response was not greedy, or of another length. {AGAIN}")
    unusual = {name: value for name, value in sampled.items() if name not in USUAL or USUAL[name] != value}
    engine = clean(report.content.get("model_source") or config(report).get("model"))
    told = {"temperature": temperature, "max_new_tokens": most, "engine": f"{ENGINE} {engine}"}
    dtype = config(report).get("model_dtype")
    return {**told, **({"dtype": str(dtype).removeprefix("torch.")[:40]} if dtype else {}), **unusual}


def _above_zero(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


def _score(plan: dict[str, Any], prepared: PreparedSet, found: Mapping[str, Row]) -> Scores:
    responses = tuple(_responses(plan, question, found[question.id]) for question in prepared.questions)
    return score_run(CompleteRun(ENGINE, plan, prepared.questions, responses, len(prepared.questions)))


def _responses(plan: dict[str, Any], question: Question, row: Row) -> tuple[Response, ...]:
    greedy = ResponseKey(
        benchmark=question.benchmark,
        question_id=question.id,
        repeat=0,
        decoding="greedy",
        prompt_hash=row.prompt_hash,
        image_hash="",
        weights=plan["weights"],
        sampling=json.dumps(plan["decoding"], sort_keys=True),
        seed=plan["seed"],
    )
    keys = [*(replace(greedy, repeat=repeat, decoding="sample") for repeat in range(K)), greedy]
    return tuple(
        Response(key, text, "stop", style=plan["style"], shown=question.image)
        for key, text in zip(keys, row.texts, strict=True)
    )


def _said(report: Report, task: str) -> dict[str, float]:
    """The file's own numbers."""
    stated = report.of_task("results", task)
    numbers = {name: (stated if isinstance(stated, Mapping) else {}).get(f"{name},letter") for name in STATED}
    for name, value in numbers.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
            raise AnatomyR1Error(f"{report.path}: task {task}: {name} is {str(value)[:40]!r}, no share. {AGAIN}")
    return {name: float(value) for name, value in numbers.items() if value is not None}


def _differences(report: Report, by_task: Mapping[str, list[tuple[str, Row]]], scores: Scores) -> Iterator[str]:
    """Question by question, and over each task in its own order, in which lm-eval has summed."""
    chosen = zip(scores.ids, scores.choices, scores.greedy, scores.gold, strict=True)
    ours = {id_: question_metrics(five, greedy, gold) for id_, five, greedy, gold in chosen}
    for task, rows in by_task.items():
        mean = {name: sum(ours[row.question.id][name] for _, row in rows) / len(rows) for name in STATED}
        yield from differing(task, _said(report, task), mean)
        unlike = [row for _, row in rows if any(row.said[name] != ours[row.question.id][name] for name in STATED)]
        if unlike:
            named = ", ".join(row.question.id for row in unlike[:EXAMPLES])
            yield f"{task}: numbers of {len(unlike)} questions differ from our scorer's: {named}"
