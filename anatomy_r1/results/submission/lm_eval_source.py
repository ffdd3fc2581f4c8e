"""The output of an lm-eval run on our tasks, checked against the prepared set and scored from its raw responses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PureWindowsPath
from typing import Any

import yaml

from anatomy_r1.data.prepared import find_set
from anatomy_r1.errors import AnatomyR1Error
from anatomy_r1.evaluation.items import IMAGE, chat_turns
from anatomy_r1.evaluation.task_files import task_files
from anatomy_r1.files import file_sha256
from anatomy_r1.prompts import Style, prompt_hash, render
from anatomy_r1.question import Question
from anatomy_r1.response_log.response import Response, ResponseKey
from anatomy_r1.results.submission.lm_eval_files import (
    AGAIN,
    Document,
    LmEvalResults,
    Sample,
    read_results,
    read_samples,
)
from anatomy_r1.results.submission.submission import CLAIMED, Submission
from anatomy_r1.scoring.complete_run import CompleteRun
from anatomy_r1.scoring.metrics import K, question_metrics
from anatomy_r1.scoring.score import Scores, score_run

ENGINE = "lm-eval"
USUAL = {"until": [], "do_sample": True, "seed": None, "top_p": 1.0, "top_k": 0, "repetition_penalty": 1.0}
"""Generation arguments of the task files. Others are recorded, and distinguish systems in a comparison."""
NOT_KNOWN = ("weights", "which responses ended at the token limit", "bytes of the pictures shown", "tokens and seconds")
"""What lm-eval does not record."""


def from_lm_eval(path: Path, data: Path, benchmark: str | None = None, seed: int = 0) -> Submission:
    """Score a stock run of lm-eval on our tasks; an `AnatomyR1Error` says what is not as our task leaves it.

    `path` is its output folder, or the results file. `seed` is the number under which the result is stored: lm-eval
    does not seed single responses.
    """
    results = read_results(path, benchmark)
    style = _check_tasks(results)
    prepared = find_set(results.benchmark, data, "test")
    known = {question.id: question for question in prepared.questions}
    by_task = {name: list(_samples(task.samples, known, style)) for name, task in results.tasks.items()}
    _check_one_frame([one for samples in by_task.values() for one in samples])
    by_question = _check_complete([one for samples in by_task.values() for one in samples], prepared.questions)
    plan = {
        "benchmark": results.benchmark,
        "style": style,
        "images": "real",
        "split": "test",
        "seed": seed,
        "questions_sha256": prepared.manifest["questions_sha256"],
        "limit": None,
        "weights": f"{_model_name(results)} (named by lm-eval, not verified)",
        "decoding": _decoding(results, list(by_question.values())),
    }
    responses = tuple(_responses(plan, by_question[question.id]) for question in prepared.questions)
    scores = score_run(CompleteRun(ENGINE, plan, prepared.questions, responses, len(prepared.questions)))
    return Submission(
        scores=scores,
        origin=_origin(results),
        not_known=NOT_KNOWN if results.content.model_dtype else (*NOT_KNOWN, "precision of the weights"),
        claimed={
            f"{name}/{metric}": value for name, task in results.tasks.items() for metric, value in task.claimed.items()
        },
        differences=tuple(_differences(results, by_task, scores)),
        literal_image=any(_literal_image(sample) for sample in by_question.values()),
        truncation_known=False,
    )


def _check_tasks(results: LmEvalResults) -> Style:
    """Check that each task is ours, in its present version, complete and unchanged; return their prompt style."""
    for name, task in results.tasks.items():
        where = f"{results.path}: task {name}"
        version = yaml.safe_load(task_files()[name].read_text(encoding="utf-8"))["metadata"]["version"]
        if task.version != version:
            raise AnatomyR1Error(f"{where} has version {task.version}, this release {version}. {AGAIN}")
        if task.config.repeats != K:
            raise AnatomyR1Error(f"{where} has {task.config.repeats} repeats, not {K}. {AGAIN}")
        if (split := task.config.split) != "test":
            raise AnatomyR1Error(f"{where} asked the split {split[:40]!r}, not test. {AGAIN}")
    arguments = results.content.config.get("model_args")
    if "think_end_token" in (arguments if isinstance(arguments, str | Mapping) else ""):
        raise AnatomyR1Error(f"{results.path}: think_end_token cut the responses, which are needed in full. {AGAIN}")
    if instruction := results.content.system_instruction:
        problem = f"a system instruction stood before each question, {instruction[:60]!r}: the wording is another one"
        raise AnatomyR1Error(f"{results.path}: {problem}. {AGAIN}, without --system_instruction")
    styles = sorted({task.config.style for task in results.tasks.values()})
    if styles not in (["think"], ["direct"]):
        raise AnatomyR1Error(f"{results.path}: prompt styles {styles}: expected either think or direct. {AGAIN}")
    return "direct" if styles == ["direct"] else "think"


def _samples(path: Path, known: Mapping[str, Question], style: Style) -> Iterator[Sample]:
    """Samples, each of which asks a question of the prepared set, exactly as our task does, and has six responses."""
    for sample in list(read_samples(path, len(known))):  # all are well-formed before any is compared
        document, record = sample.record.doc, sample.record
        if (question := known.get(sample.id)) is None:
            fix = "Fix: name the prepared set that it was asked from: --data DIR"
            raise AnatomyR1Error(f"{sample.where}: question {sample.id[:80]!r} is not in the prepared set. {fix}")
        where, expected = f"{sample.where}: question {sample.id}", _document(question, style)
        if differing := [name for name in Document.model_fields if getattr(document, name) != getattr(expected, name)]:
            fix = "Fix: submit a run on this prepared set, with this release's task and the questions' own images"
            raise AnatomyR1Error(f"{where} differs in {', '.join(differing)}. {fix}")
        if not all(_contains(sent, document.prompt) for sent in (record.sampled_prompt, record.greedy_prompt)):
            raise AnatomyR1Error(f"{where}: the prompt sent does not contain its text. {AGAIN}")
        if (counts := [len(texts) for texts in record.resps]) != [K, 1]:
            raise AnatomyR1Error(f"{where}: {counts} responses; expected [{K}, 1], sampled and greedy. {AGAIN}")
        yield sample


def _document(question: Question, style: Style) -> Document:
    """The document that our task makes of a question."""
    return Document(
        id=question.id,
        benchmark=question.benchmark,
        prompt=render(question, style),
        options=list(question.options),
        letter=question.letter,
        category=question.category,
        cluster=question.cluster,
        style=style,
        images="real",
        shown=question.image,
    )


def _contains(sent: str, text: str) -> bool:
    """Whether `sent` contains the text, as it is or inside JSON."""
    return any(one in sent for one in _spelled(text))


def _spelled(text: str) -> tuple[str, ...]:
    return text, *(json.dumps(text, ensure_ascii=plain)[1:-1] for plain in (True, False))


def _check_one_frame(samples: Sequence[Sample]) -> None:
    """Check that all prompts stand in one frame, the chat template's: another one is another run's."""
    frames: dict[str, str] = {}
    for sample in samples:
        text = sample.record.doc.prompt
        for sent in (sample.record.sampled_prompt, sample.record.greedy_prompt):
            spelled = next(one for one in _spelled(text) if one in sent)
            frames.setdefault(sent.replace(spelled, "", 1), sample.where)
    if len(frames) > 1:
        first, other = list(frames.values())[:2]
        problem = f"another chat template or system prompt around the question than in {first}: records of several runs"
        raise AnatomyR1Error(f"{other}: {problem}. {AGAIN}")


def _literal_image(sample: Sample) -> bool:
    """Whether a chat API was sent lm-eval's placeholder as text. In a rendered template it is the model's own token."""
    turns = chat_turns(sample.record.sampled_prompt)
    return any(f"{IMAGE}{sample.record.doc.prompt}" in turn["content"] for turn in turns)


def _check_complete(samples: Sequence[Sample], questions: Sequence[Question]) -> dict[str, Sample]:
    """Samples by question, after checking that each question is answered exactly once."""
    found: dict[str, Sample] = {}
    for sample in samples:
        if sample.id in found:
            raise AnatomyR1Error(f"{sample.where}: question {sample.id} a second time. {AGAIN}")
        found[sample.id] = sample
    if missing := [question.id for question in questions if question.id not in found]:
        where = samples[0].where.rpartition(":")[0] if samples else "samples"
        count = f"{len(missing)} of {len(questions)} questions have no record, {', '.join(missing[:5])}, ..."
        raise AnatomyR1Error(f"{where}: {count} {AGAIN} and without --limit")
    return found


def _decoding(results: LmEvalResults, samples: Sequence[Sample]) -> dict[str, Any]:
    """Decoding arguments, as `anatomy_r1.evaluation.evaluate` records them in a run's plan."""
    kinds: dict[str, str] = {}
    for sample in sorted(samples, key=lambda one: one.where):
        arguments = [sample.record.sampled_arguments, sample.record.greedy_arguments]
        kinds.setdefault(json.dumps(arguments, sort_keys=True), sample.where)
    if len(kinds) != 1:
        first, other = list(kinds.values())[:2]
        problem = f"questions were sampled with {len(kinds)} different sets of arguments, such as in {first}"
        raise AnatomyR1Error(f"{other}: {problem}: records of several runs. {AGAIN}")
    sampled, greedy = json.loads(next(iter(kinds)))
    temperature, most = sampled.pop("temperature", None), sampled.pop("max_gen_toks", None)
    if not sampled.get("do_sample") or not _positive(temperature) or not _positive(most):
        what = f"do_sample {sampled.get('do_sample')}, temperature {temperature}, max_gen_toks {most}"
        raise AnatomyR1Error(f"{results.path}: the five responses were not sampled: {what}. {AGAIN}")
    if greedy.get("do_sample") or greedy.get("temperature", 0.0) != 0 or greedy.get("max_gen_toks") != most:
        raise AnatomyR1Error(f"{results.path}: the greedy response was not greedy, or of another length. {AGAIN}")
    unusual = {name: value for name, value in sampled.items() if name not in USUAL or USUAL[name] != value}
    if missing := sorted(set(USUAL) - set(sampled)):
        unusual["not_sent"] = ", ".join(missing)
    dtype = results.content.model_dtype
    return {
        "temperature": temperature,
        "max_new_tokens": most,
        "engine": f"{ENGINE} {_backend(results)}",
        **({"dtype": dtype.removeprefix("torch.")[:40]} if dtype else {}),
        **unusual,
    }


def _positive(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e9


def _responses(plan: dict[str, Any], sample: Sample) -> tuple[Response, ...]:
    record = sample.record
    greedy = ResponseKey(
        benchmark=record.doc.benchmark,
        question_id=sample.id,
        repeat=0,
        decoding="greedy",
        prompt_hash=prompt_hash(record.sampled_prompt),
        image_hash="",
        weights=plan["weights"],
        sampling=json.dumps(plan["decoding"], sort_keys=True),
        seed=plan["seed"],
    )
    keys = [*(replace(greedy, repeat=repeat, decoding="sample") for repeat in range(K)), greedy]
    return tuple(
        Response(key, text, "stop", style=plan["style"], shown=record.doc.shown)
        for key, text in zip(keys, (text for texts in record.resps for text in texts), strict=True)
    )


def _differences(results: LmEvalResults, by_task: Mapping[str, Sequence[Sample]], scores: Scores) -> Iterator[str]:
    """Submitted numbers that are not ours: per task, summed in lm-eval's order, and per question."""
    read = zip(scores.ids, scores.choices, scores.greedy, scores.gold, strict=True)
    ours = {id_: question_metrics(choices, greedy, gold) for id_, choices, greedy, gold in read}
    for task, samples in by_task.items():
        for metric, claimed in results.tasks[task].claimed.items():
            mean = sum(ours[sample.id][metric] for sample in samples) / len(samples)
            if claimed != mean:
                yield f"{task}: {metric} submitted as {claimed!r}, {mean!r} by our scorer"
        unlike = [one.id for one in samples if any(one.claimed[m] != ours[one.id][m] for m in CLAIMED)]
        if unlike:
            named = ", ".join(unlike[:3])
            yield f"{task}: numbers of {len(unlike)} questions differ from our scorer's: {named}"


def _origin(results: LmEvalResults) -> dict[str, Any]:
    """What the run states about itself. Its model arguments are left out: they may hold a key."""
    content = results.content
    files = (results.path, *(task.samples for task in results.tasks.values()))
    seeds = {name: content.config.get(name) for name in ("random_seed", "numpy_seed", "torch_seed")}
    return {
        "kind": "lm-eval results",
        "files": {path.name: file_sha256(path) for path in files},
        "model": _model_name(results),
        "backend": _backend(results),
        "lm_eval": _printable(content.lm_eval_version),
        "transformers": _printable(content.transformers_version),
        "chat_template_sha256": _printable(content.chat_template_sha),
        "task_versions": {name: task.version for name, task in results.tasks.items()},
        "seeds": {name: value for name, value in seeds.items() if isinstance(value, int)},
    }


def _backend(results: LmEvalResults) -> str:
    return _printable(results.content.model_source or results.content.model)


def _model_name(results: LmEvalResults) -> str:
    """What the run calls its model: a name on a hub, or the last part of a path (the rest is private)."""
    name = _printable(results.content.model_name)
    path = PureWindowsPath(name)  # knows both kinds of slash
    local = path.root or path.drive or len(path.parts) > 2 or name[:1] in ".~"
    return path.name if local and path.name else name


def _printable(value: str | None) -> str:
    """Text from someone else, shortened and printable; `not known` if there is none."""
    text = "".join(character for character in value or "" if character.isprintable())[:120].strip()
    return text or "not known"
