"""What was served: questions of the stated set, by the stated curriculum, with S(q) by one function for all methods."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from anatomy_r1.prompts import Style, canonical_wording, parse, prompt_hash, render
from anatomy_r1.question import Question
from anatomy_r1.training.certificate.evidence import Evidence
from anatomy_r1.training.certificate.value import Check, failed, not_checkable, passed
from anatomy_r1.training.similarity import served_difficulty

NO_SET = "needs the training questions: name their prepared set"
NO_ENCODER = "no similarities at hand (the run logged none, or their file is not here)"
TOLERANCE = 1e-6
"""Ours: training computes S(q) by the same function, so only rounding may differ."""


def questions(evidence: Evidence) -> dict[str, Question]:
    """The stated training set, by id."""
    return {q.id: q for q in evidence.training_set.questions} if evidence.training_set else {}


def texts(evidence: Evidence) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """Rollouts whose prompt was kept as text, each with the options that it shows."""
    rows = evidence.rollouts[evidence.rollouts["prompt"].notna()]
    for row in rows.to_dict("records"):
        yield {str(key): value for key, value in row.items()}, parse(row["prompt"]).options


def check_similarity(evidence: Evidence) -> Check:
    """The logged S(q) is eq. 4 for the options in the prompt; where a method kept the questions', for those too."""
    if not evidence.samples:
        return not_checkable("similarity", "supervised fine-tuning logs none")
    if evidence.similarity is None:
        return not_checkable("similarity", NO_ENCODER)
    if evidence.training_set is None:
        return not_checkable("similarity", NO_SET)
    known, looked = questions(evidence), 0
    for row, options in texts(evidence):
        if row["question_id"] not in known:
            return failed("similarity", f"step {row['step']}: {row['question_id']} is not in the training set")
        wanted = served_difficulty(evidence.similarity, known[row["question_id"]].answer, options)
        if not _same(wanted, row["similarity"]):
            place = f"step {row['step']}, group {row['group_index']}"
            return failed("similarity", f"{place}: S(q) {row['similarity']} logged, {wanted} for the options shown")
        looked += 1
    return passed("similarity", f"recomputed from the options of {looked} prompts")


def _same(wanted: float | None, logged: Any) -> bool:
    missing = logged is None or bool(np.isnan(logged))
    return missing if wanted is None else not missing and abs(wanted - logged) <= TOLERANCE


def check_data(evidence: Evidence) -> Check:
    """Only questions of the stated set, in the stated wording; fine-tuning saw each as often as the others."""
    if evidence.training_set is None:
        return not_checkable("data", NO_SET)
    if not evidence.samples:
        return _examples(evidence)
    known = questions(evidence)
    if strange := sorted(set(evidence.rollouts["question_id"]) - known.keys()):
        return failed("data", f"{len(strange)} questions are not in the training set, first: {strange[0]}")
    wording = _wording(evidence)
    for row, options in texts(evidence):
        question, found = known[row["question_id"]], parse(row["prompt"])
        if found.wording != wording:
            return failed("data", f"step {row['step']}: {question.id} was served in {found.wording}, not {wording}")
        if question.answer not in options:
            return failed("data", f"step {row['step']}: {question.id} was served without its answer")
    served = evidence.rollouts["question_id"].nunique()
    return passed("data", f"{served} of the {len(known)} training questions were served, in the wording {wording}")


def _wording(evidence: Evidence) -> str:
    assert evidence.training_set is not None
    return evidence.training_set.wording or canonical_wording(evidence.training_set.questions[0].benchmark)


def _examples(evidence: Evidence) -> Check:
    """SFT: every prompt is one of the set's with its right answer, and passes over the set are even."""
    if not len(evidence.served):
        return not_checkable("data", "examples were not logged (trained before there were certificates)")
    assert evidence.training_set is not None
    style: Style = evidence.plan["method"]["style"]
    wording = _wording(evidence)
    usable = [q for q in evidence.training_set.questions if style == "direct" or q.rationale]
    allowed = Counter((prompt_hash(render(q, style, wording)), q.letter, _reasoned(q, style)) for q in usable)
    served = zip(evidence.served["prompt_hash"], evidence.served["completion"], strict=True)
    seen = Counter((str(prompt), *_imitated(str(completion))) for prompt, completion in served)
    if strange := [key for key in seen if key not in allowed]:
        return failed("data", f"{len(strange)} examples are not of the training set, first: prompt {strange[0][0]}")
    passes = len(evidence.served) / len(usable)
    uneven = [key for key, n in allowed.items() if not n * int(passes) <= seen[key] <= n * int(np.ceil(passes))]
    if uneven:
        return failed("data", f"{len(uneven)} examples were served more or less often than {passes:.2f} passes allow")
    return passed(
        "data", f"{len(evidence.served)} examples of {len(usable)} questions, {passes:.2f} passes, each alike"
    )


def _reasoned(question: Question, style: Style) -> str:
    return question.rationale if style == "think" else ""


def _imitated(completion: str) -> tuple[str, str]:
    """Letter and rationale of a completion."""
    thought, _, answer = completion.rpartition("<answer>")
    letter = answer.removesuffix("</answer>").strip()
    return letter, thought.partition("<think>")[2].partition("</think>")[0].strip().removesuffix(f" {letter}")
