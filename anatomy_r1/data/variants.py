"""Variants of a benchmark: the same images, questions and answers, with other distractors.

`balanced` takes away what the options say about the answer (`anatomy_r1.data.balance`). `confounded`, for generated
data alone, does the opposite: every distractor is a text that is never right, as most option texts of OmniMedVQA's
microscopy questions are. A variant is a benchmark of its own, with its own name, set and lm-eval task; the original
stays as it is.

Example:
    >>> variant_name("omnimed_mi_mini", "balanced"), original_name("omnimed_mi_balanced_mini")
    ('omnimed_mi_balanced_mini', 'omnimed_mi_mini')
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from anatomy_r1.data.balance import VERSION, Kind, Pairs, balance, kinds_by_answers, right_together
from anatomy_r1.data.inputs import DataError, Exclusions
from anatomy_r1.data.splits import priority
from anatomy_r1.question import Question

Variant = Literal["balanced", "confounded"]
BALANCED: Variant = "balanced"
CONFOUNDED: Variant = "confounded"
VARIANTS: tuple[Variant, ...] = (BALANCED, CONFOUNDED)
MINI = "_mini"
"""Suffix of the benchmarks whose data are generated."""
Splits = Mapping[str, Sequence[Question]]


def variant_name(benchmark: str, variant: str | None) -> str:
    """Name of a benchmark's variant; the benchmark's own without one."""
    if not variant:
        return benchmark
    mini = MINI if benchmark.endswith(MINI) else ""
    return f"{benchmark.removesuffix(MINI)}_{variant}{mini}"


def original_name(benchmark: str) -> str:
    """Name of the benchmark that this one is, or is a variant of."""
    mini, name = (MINI if benchmark.endswith(MINI) else ""), benchmark.removesuffix(MINI)
    return next((name.removesuffix(f"_{one}") for one in VARIANTS if name.endswith(f"_{one}")), name) + mini


def balanced(
    splits: Splits,
    seed: int,
    exclusions: Exclusions,
    *,
    also_right: Mapping[str, Sequence[str]] | None = None,
    kind: Kind | None = None,
    never_together: Pairs = frozenset(),
) -> tuple[dict[str, tuple[Question, ...]], dict[str, Any]]:
    """Every split balanced by itself, and the manifest's entry; what is dropped goes to `exclusions`.

    The other arguments are those of `balance`.

    Raises:
        DataError: a split has questions, and none of them can be balanced.
    """
    found = {split: balance(of, seed, also_right, kind, never_together) for split, of in splits.items()}
    for split, one in found.items():
        for reason, count in sum(map(Counter, one.dropped.values()), Counter[str]()).items():
            exclusions.exclude(f"{split}: cannot be balanced, {reason}", count)
    if empty := [split for split, of in splits.items() if of and not found[split].questions]:
        why = "; ".join(f"{count:,} x {reason}" for reason, count in sorted(exclusions.excluded.items()))
        fix = "Fix: take more questions (--train, --test), with four options and four answers to one stem"
        raise DataError(f"{' and '.join(empty)}: no question can be balanced ({why}). {fix}")
    changed = {split: _renamed(one.questions, BALANCED) for split, one in found.items()}
    account = {split: {"kept": dict(one.kept), "dropped": dict(one.dropped)} for split, one in found.items()}
    return changed, {"variant": {"name": BALANCED, "version": VERSION, "splits": account}}


def balanced_sides(
    train: Sequence[Question], test: Sequence[Question], seed: int = 0
) -> tuple[dict[str, tuple[Question, ...]], Exclusions]:
    """The two sides of a benchmark that has questions and options alone, each balanced, and what was dropped.

    Stems of OmniMedVQA may be asked in the wording of their kind (`balance`); those of any other set in their own.

    Raises:
        DataError: on one of the sides, no question can be balanced.
    """
    every, exclusions = [*train, *test], Exclusions()
    found, _ = balanced({"train": train, "test": test}, seed, exclusions, **omnimed_rules(every))
    return found, exclusions


def omnimed_rules(questions: Sequence[Question]) -> dict[str, Any]:
    """Arguments of `balanced` for OmniMedVQA's records; empty for those of another benchmark.

    Its stems are written answer by answer in many wordings, and its answers overlap ("Microscopy", "Cancer cells").
    """
    if not all(original_name(one.benchmark).startswith("omnimed_mi") for one in questions):
        return {}
    kind = kinds_by_answers(questions, lambda one: (one.family, one.category))
    return {"kind": kind, "never_together": right_together(questions)}


def confounded(splits: Splits, seed: int) -> tuple[dict[str, tuple[Question, ...]], dict[str, Any]]:
    """Every question with distractors that are never right in any split, in seeded order; and the manifest's entry.

    Raises:
        DataError: the set has fewer than three such texts.
    """
    every = [question for of in splits.values() for question in of]
    wrong = sorted({text for one in every for text in one.options} - {one.answer for one in every})
    needed = max((len(question.options) for question in every), default=1) - 1
    if len(wrong) < needed:
        raise DataError(f"{len(wrong)} option texts are never right; {needed} are needed. Fix: use another variant")

    def shown(question: Question) -> Question:
        drawn = sorted(wrong, key=lambda text: priority(seed, f"{question.id}/{text}"))[: len(question.options) - 1]
        options = sorted((*drawn, question.answer), key=lambda text: priority(seed, f"{question.id}/order/{text}"))
        return replace(question, options=tuple(options))

    changed = {split: _renamed([shown(question) for question in of], CONFOUNDED) for split, of in splits.items()}
    return changed, {"variant": {"name": CONFOUNDED, "version": 1, "never_right": wrong}}


def _renamed(questions: Sequence[Question], variant: Variant) -> tuple[Question, ...]:
    return tuple(replace(one, benchmark=variant_name(one.benchmark, variant)) for one in questions)
