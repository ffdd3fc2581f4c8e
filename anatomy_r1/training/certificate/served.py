"""What was served: questions of the stated set, by the stated curriculum, with S(q) by one function for all methods.

The curriculum replayed: levels from the logged rewards, and options from the bin that the level names.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from anatomy_r1.prompts import Style, canonical_wording, parse, prompt_hash, render
from anatomy_r1.question import Question
from anatomy_r1.training.certificate.evidence import LEVEL_RULE, Evidence
from anatomy_r1.training.certificate.value import Check, failed, not_checkable, passed
from anatomy_r1.training.curriculum import Pool, Rule, bin_of, bins, edges, kinds, levels, pools
from anatomy_r1.training.similarity import Similarity, served_difficulty, shuffled
from anatomy_r1.training.training_log import ACCURACY

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


def check_curriculum(evidence: Evidence) -> Check:
    """What was served is what the stated curriculum serves."""
    if not evidence.samples:
        return not_checkable("curriculum", "supervised fine-tuning has none")
    kind = evidence.arguments.get("curriculum", "")
    fault = _level_fault(evidence) if kind == "levels" else ""
    if fault:
        return failed("curriculum", fault)
    if evidence.training_set is None:
        return not_checkable("curriculum", NO_SET)
    if kind in ("levels", "pool", "ordered") and evidence.similarity is None:
        return not_checkable("curriculum", NO_ENCODER)
    fault = {"levels": _bin_fault, "pool": _bin_fault, "ordered": _order_fault}.get(kind, _own_fault)(evidence)
    return failed("curriculum", fault) if fault else passed("curriculum", _told(kind, evidence))


def _told(kind: str, evidence: Evidence) -> str:
    if kind == "levels":
        first = evidence.steps.groupby("level")["step"].min()
        rises = ", ".join(f"level {level:.0f} from step {step}" for level, step in zip(first.index, first, strict=True))
        return f"levels replayed from rewards ({rises}); options in the level's bin"
    return {
        "pool": "no levels; options in the bin that is logged",
        "ordered": "own options, S(q) never falls",
    }.get(kind, "none, and own options")


def rule_of(evidence: Evidence) -> Rule:
    """The stated rule."""
    count, window, threshold = (evidence.arguments[name] for name in LEVEL_RULE)
    return Rule(int(count), int(window), float(threshold))


def _level_fault(evidence: Evidence) -> str:
    """Where the level is not the one that the rule gives for the rewards before."""
    accuracies = evidence.rollouts.groupby("step")[ACCURACY].mean()
    wanted = pd.Series(levels(list(accuracies), rule_of(evidence))[:-1], index=accuracies.index)
    logged = evidence.steps.set_index("step")["level"]
    if list(wanted.index) != list(logged.index):
        return f"rollouts of {len(wanted)} steps in the log of {len(logged)}: their levels cannot be replayed"
    if wrong := [step for step in wanted.index if logged[step] != wanted[step]]:
        return f"step {wrong[0]}: level {logged[wrong[0]]} served, the rule says {wanted[wrong[0]]}"
    rows = evidence.rollouts
    other = rows[rows["level"] != rows["step"].map(wanted)]
    return f"step {other.iloc[0]['step']}: a rollout of level {other.iloc[0]['level']}" if len(other) else ""


def _ruler(evidence: Evidence) -> Similarity:
    """By what levels were made: for the placebo, similarities of exchanged names."""
    assert evidence.similarity is not None and evidence.training_set is not None
    if not evidence.arguments.get("shuffle_similarity"):
        return evidence.similarity
    groups = [sorted(names) for _, names in sorted(kinds(evidence.training_set.questions).items())]
    return shuffled(evidence.similarity, groups, int(evidence.arguments["seed"]))


def _bin_fault(evidence: Evidence) -> str:
    """Where the options shown are not in the bin of the level (or, of a question without it, the highest below)."""
    assert evidence.training_set is not None
    ruler, served = _ruler(evidence), evidence.training_set.questions
    every = {pool.question.id: pool for pool in pools(served, ruler, evidence.also_right)}
    borders = edges(list(every.values()), rule_of(evidence).levels)
    by_level = evidence.arguments["curriculum"] == "levels"
    for row, options in texts(evidence):
        pool = every.get(row["question_id"])
        if pool is None or not set(options) <= {pool.question.answer, *(pool.distractors or pool.question.options)}:
            return f"step {row['step']}: options of {row['question_id']} that no curriculum could serve"
        score = served_difficulty(ruler, pool.question.answer, options)
        if not pool.distractors or score is None:
            continue
        wanted = _bin(pool, borders, int(row["level"])) if by_level else int(row["level"])
        if bin_of(score, borders) != wanted:
            return f"step {row['step']}, group {row['group_index']}: bin {bin_of(score, borders)}, not {wanted}"
    return ""


def _bin(pool: Pool, borders: Sequence[float], level: int) -> int:
    reachable = [one for one in bins(pool, borders) if one <= level]
    return reachable[-1] if reachable else -1


def _order_fault(evidence: Evidence) -> str:
    """Where S(q) falls within the own budget: questions without a score come last."""
    rows = evidence.rollouts[evidence.rollouts["step"] <= evidence.own_steps]
    scores = rows.groupby(["step", "group_index"])["similarity"].first().fillna(float("inf"))
    falls = scores[scores.diff() < -TOLERANCE]
    return f"step {falls.index[0][0]}: S(q) falls to {falls.iloc[0]:.4f}" if len(falls) else _own_fault(evidence)


def _own_fault(evidence: Evidence) -> str:
    """Where options are not the question's own, in their order."""
    known = questions(evidence)
    for row, options in texts(evidence):
        question = known.get(row["question_id"])
        if question is None or options != question.options:
            return f"step {row['step']}, group {row['group_index']}: other options than {row['question_id']} has"
    return ""
