"""Checks of what was served (S(q), questions of the stated set, the stated curriculum) and of how it was rewarded.

They use one S(q) for all methods and replay the curriculum from the logged rewards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from anatomy_r1.prompts import Style, canonical_wording, parse, prompt_hash, render
from anatomy_r1.question import LETTERS, Question
from anatomy_r1.scoring.strict import extract
from anatomy_r1.training.certificate.certificate import (
    NO_SET,
    NO_SIMILARITY,
    CertificateCheck,
    Evidence,
    failed,
    not_checkable,
    passed,
)
from anatomy_r1.training.curriculum import bin_at_level, bin_edges, bin_of, distractor_pools, levels, placebo
from anatomy_r1.training.similarity import served_difficulty
from anatomy_r1.training.training_log import ACCURACY

TOLERANCE = 1e-6
"""Ours: training computes S(q) by the same function, so only rounding may differ."""


def questions(evidence: Evidence) -> dict[str, Question]:
    """The stated training set, by id."""
    return {q.id: q for q in evidence.training_set.questions} if evidence.training_set else {}


def prompts(evidence: Evidence) -> Iterator[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """Rollouts whose prompt was kept as text, each with the options that the prompt shows."""
    rows = evidence.rollouts[evidence.rollouts["prompt"].notna()]
    for row in rows.to_dict("records"):
        yield {str(key): value for key, value in row.items()}, parse(row["prompt"]).options


def _unknown_question(evidence: Evidence) -> str:
    """The first stored prompt whose question the stated set does not have; empty if it has all of them."""
    known = questions(evidence)
    strangers = (row for row, _ in prompts(evidence) if row["question_id"] not in known)
    return next((f"step {row['step']}: {row['question_id']} is not in the training set" for row in strangers), "")


def check_rewards(evidence: Evidence) -> CertificateCheck:
    """The logged choice is the one in the completion, and the accuracy reward says whether it is the right option."""
    if not evidence.samples:
        return not_checkable("rewards", "supervised fine-tuning has none")
    if evidence.training_set is None:
        return not_checkable("rewards", NO_SET)
    if fault := _unknown_question(evidence):
        return failed("rewards", fault)
    known, compared = questions(evidence), 0
    for row, options in prompts(evidence):
        place = f"step {row['step']}, group {row['group_index']}, member {row['member']}"
        if not isinstance(row["completion"], str):
            return failed("rewards", f"{place}: its prompt is stored, and its completion is not")
        choice = extract(row["completion"], options).choice
        right = choice is not None and options[LETTERS.index(choice)] == known[row["question_id"]].answer
        logged = None if pd.isna(row["choice"]) else row["choice"]
        if (logged, row[ACCURACY]) != (choice, float(right)):
            told = f"choice {logged} with accuracy {row[ACCURACY]:g} logged; the completion says {choice}"
            return failed("rewards", f"{place}: {told}, which is {'right' if right else 'wrong'}")
        compared += 1
    return passed("rewards", f"choice and accuracy read again from {compared} completions")


def check_similarity(evidence: Evidence) -> CertificateCheck:
    """The logged S(q) is eq. 4 for the options in the prompt."""
    if not evidence.samples:
        return not_checkable("similarity", "supervised fine-tuning logs none")
    if evidence.similarity is None:
        return not_checkable("similarity", NO_SIMILARITY)
    if evidence.training_set is None:
        return not_checkable("similarity", NO_SET)
    if fault := _unknown_question(evidence):
        return failed("similarity", fault)
    known, compared = questions(evidence), 0
    for row, options in prompts(evidence):
        wanted = served_difficulty(evidence.similarity, known[row["question_id"]].answer, options)
        stated, recomputed = np.asarray([row["similarity"], wanted], dtype=float)  # nan where there is none
        if not np.isclose(stated, recomputed, rtol=0, atol=TOLERANCE, equal_nan=True):
            place = f"step {row['step']}, group {row['group_index']}"
            return failed("similarity", f"{place}: S(q) {row['similarity']} logged, {wanted} for the options shown")
        compared += 1
    return passed("similarity", f"recomputed from the options of {compared} prompts")


def check_data(evidence: Evidence) -> CertificateCheck:
    """Only questions of the stated set were served, in its wording; SFT served all equally often."""
    if evidence.training_set is None:
        return not_checkable("data", NO_SET)
    if not evidence.samples:
        return _check_examples(evidence)
    known = questions(evidence)
    if foreign := sorted(set(evidence.rollouts["question_id"]) - known.keys()):
        return failed("data", f"{len(foreign)} questions are not in the training set, first: {foreign[0]}")
    wording = _wording(evidence)
    for row, options in prompts(evidence):
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


def _check_examples(evidence: Evidence) -> CertificateCheck:
    """SFT: every example is a prompt of the set with its right answer, and all are served equally often."""
    if not len(evidence.served):
        return not_checkable("data", "examples were not logged (trained before there were certificates)")
    assert evidence.training_set is not None
    style: Style = evidence.plan["method"]["style"]
    wording = _wording(evidence)
    usable = [q for q in evidence.training_set.questions if style == "direct" or q.rationale]
    allowed = Counter(
        (prompt_hash(render(q, style, wording)), q.letter, q.rationale if style == "think" else "") for q in usable
    )
    served = zip(evidence.served["prompt_hash"], evidence.served["completion"], strict=True)
    seen = Counter((str(prompt), *_letter_and_rationale(str(completion))) for prompt, completion in served)
    if foreign := [key for key in seen if key not in allowed]:
        return failed("data", f"{len(foreign)} examples are not of the training set, first: prompt {foreign[0][0]}")
    passes = len(evidence.served) / len(usable)
    uneven = [key for key, n in allowed.items() if not n * int(passes) <= seen[key] <= n * int(np.ceil(passes))]
    if uneven:
        return failed("data", f"{len(uneven)} examples were served more or less often than {passes:.2f} passes allow")
    detail = f"{len(evidence.served)} examples of {len(usable)} questions, {passes:.2f} passes, each alike"
    return passed("data", detail)


def _letter_and_rationale(completion: str) -> tuple[str, str]:
    thought, _, answer = completion.rpartition("<answer>")
    letter = answer.removesuffix("</answer>").strip()
    return letter, thought.partition("<think>")[2].partition("</think>")[0].strip().removesuffix(f" {letter}")


def check_curriculum(evidence: Evidence) -> CertificateCheck:
    """The questions and options served are those that the stated curriculum serves."""
    if not evidence.samples:
        return not_checkable("curriculum", "supervised fine-tuning has none")
    kind = evidence.arguments.get("curriculum", "")
    fault = _level_fault(evidence) if kind == "levels" else ""
    if fault:
        return failed("curriculum", fault)
    if evidence.training_set is None:
        return not_checkable("curriculum", NO_SET)
    if kind in ("levels", "pool", "ordered") and evidence.similarity is None:
        return not_checkable("curriculum", NO_SIMILARITY)
    fault = {"levels": _bin_fault, "pool": _bin_fault, "ordered": _order_fault}.get(kind, _own_options_fault)(evidence)
    return failed("curriculum", fault) if fault else passed("curriculum", _curriculum_detail(kind, evidence))


def _curriculum_detail(kind: str, evidence: Evidence) -> str:
    if kind == "levels":
        first = evidence.steps.groupby("level")["step"].min()
        rises = ", ".join(f"level {level:.0f} from step {step}" for level, step in zip(first.index, first, strict=True))
        return f"levels replayed from rewards ({rises}); options in the level's bin"
    return {
        "pool": "no levels; options in the bin that is logged",
        "ordered": "own options, S(q) never falls",
    }.get(kind, "none, and own options")


def _level_fault(evidence: Evidence) -> str:
    """Where the level is not the one that the rule gives for the earlier rewards."""
    accuracies = evidence.rollouts.groupby("step")[ACCURACY].mean()
    wanted = pd.Series(levels(list(accuracies), evidence.level_rule)[:-1], index=accuracies.index)
    logged = evidence.steps.set_index("step")["level"]
    if list(wanted.index) != list(logged.index):
        return f"rollouts of {len(wanted)} steps in the log of {len(logged)}: their levels cannot be replayed"
    if wrong := [step for step in wanted.index if logged[step] != wanted[step]]:
        return f"step {wrong[0]}: level {logged[wrong[0]]} served, the rule says {wanted[wrong[0]]}"
    rows = evidence.rollouts
    other = rows[rows["level"] != rows["step"].map(wanted)]
    return f"step {other.iloc[0]['step']}: a rollout of level {other.iloc[0]['level']}" if len(other) else ""


def _bin_fault(evidence: Evidence) -> str:
    """Where the options shown are not in the bin for the level (`pool`: not in the bin that is logged)."""
    assert evidence.similarity is not None and evidence.training_set is not None
    similarity, by_level = evidence.similarity, evidence.arguments["curriculum"] == "levels"
    if evidence.arguments.get("shuffle_similarity"):
        similarity = placebo(similarity, evidence.training_set.questions, int(evidence.arguments["seed"]))
    also_right = evidence.training_set.manifest.get("also_right", {})
    pools = distractor_pools(evidence.training_set.questions, similarity, also_right)
    by_question = {pool.question.id: pool for pool in pools}
    edges = bin_edges(pools, evidence.level_rule.levels)
    for row, options in prompts(evidence):
        pool = by_question.get(row["question_id"])
        if pool is None or not set(options) <= {pool.question.answer, *(pool.distractors or pool.question.options)}:
            return f"step {row['step']}: options of {row['question_id']} that no curriculum could serve"
        score = served_difficulty(similarity, pool.question.answer, options)
        if not pool.distractors or score is None:
            continue
        wanted = bin_at_level(pool, edges, int(row["level"])) if by_level else int(row["level"])
        if bin_of(score, edges) != wanted:
            return f"step {row['step']}, group {row['group_index']}: bin {bin_of(score, edges)}, not {wanted}"
    return ""


def _order_fault(evidence: Evidence) -> str:
    """Where S(q) falls within the own budget. Questions without a score come last."""
    rows = evidence.rollouts[evidence.rollouts["step"] <= evidence.own_steps]
    scores = rows.groupby(["step", "group_index"])["similarity"].first().fillna(float("inf"))
    falls = scores[scores.diff() < -TOLERANCE]
    if len(falls):
        return f"step {falls.index[0][0]}: S(q) falls to {falls.iloc[0]:.4f}"
    return _own_options_fault(evidence)


def _own_options_fault(evidence: Evidence) -> str:
    """Where the options are not the question's own, in their order."""
    known = questions(evidence)
    for row, options in prompts(evidence):
        question = known.get(row["question_id"])
        if question is None or options != question.options:
            return f"step {row['step']}, group {row['group_index']}: other options than {row['question_id']} has"
    return ""
