"""Anatomical Similarity Curriculum Learning: distractors chosen by level, and the rule that moves the level.

The paper scores a question by S(q) (eq. 4), sorts into bins, starts with the lowest, and goes on "as the model's
performance meets predefined thresholds". It gives neither the number of bins, nor the threshold, nor how performance is
averaged: all three are our choice (`Rule`). Everything here is a pure function, so that every decision can be replayed
from the training log and is the same in every process and after a resume.

Example:
    >>> levels([0.1, 0.6, 0.7, 0.2, 0.9, 0.9], Rule(levels=3, window=2, threshold=0.6))
    [0, 0, 0, 1, 1, 1, 2]
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from anatomy_r1.question import Question
from anatomy_r1.training.similarity import Similarity

ROUNDING = 1e-6
"""Accuracies are logged in float32; a replay from the rewards must decide alike."""


@dataclass(frozen=True)
class Rule:
    """When the level rises. All values are our choice: the paper states none.

    Raises:
        ValueError: when a number makes no sense.
    """

    levels: int = 3
    """Number of bins."""
    window: int = 5
    """Batches over which accuracy is averaged, all of them served at the present level."""
    threshold: float = 0.5
    """Mean accuracy at which the next level begins."""

    def __post_init__(self) -> None:
        if self.levels < 1 or self.window < 1 or not 0 <= self.threshold <= 1:
            raise ValueError(f"{self}: wants levels and window of at least 1 and a threshold within [0, 1]")


def levels(accuracies: Sequence[float], rule: Rule) -> list[int]:
    """Level of each batch, from the mean accuracies of those before it: one more entry than `accuracies`."""
    found, since = [0], 0
    for done in range(1, len(accuracies) + 1):
        level, recent = found[-1], accuracies[max(since, done - rule.window) : done]
        full = len(recent) == rule.window
        if full and sum(recent) / rule.window >= rule.threshold - ROUNDING and level < rule.levels - 1:
            level, since = level + 1, done
        found.append(level)
    return found


@dataclass(frozen=True)
class Pool:
    """A question with all the distractors that it may be served with, least similar first."""

    question: Question
    distractors: tuple[str, ...]
    """Empty when the question keeps its own options, because the encoder does not know them all."""
    similarities: tuple[float, ...]
    """Of each distractor to the answer; ascending."""

    @property
    def attainable(self) -> tuple[float, ...]:
        """Every S(q) that some choice of distractors gives: the most similar one needs enough less similar ones."""
        return self.similarities[len(self.question.options) - 2 :]


def pools(
    questions: Sequence[Question], similarity: Similarity, also_right: Mapping[str, Sequence[str]] | None = None
) -> tuple[Pool, ...]:
    """What each question may be served with: every option of the questions of its kind that is wrong.

    Kinds are the question types of OmniMedVQA; questions about anatomies are all of one kind.

    Args:
        questions: the training set.
        similarity: of the option texts.
        also_right: question -> names besides its answer that are right too, or cannot be told to be wrong.
    """
    options, right = kinds(questions), also_right or {}
    return tuple(_pool(q, options[_kind(q)] - set(right.get(q.id, ())), similarity) for q in questions)


def kinds(questions: Sequence[Question]) -> dict[str, set[str]]:
    """Kind -> every option of its questions."""
    options: dict[str, set[str]] = {}
    for question in questions:
        options.setdefault(_kind(question), set()).update(question.options)
    return options


def _kind(question: Question) -> str:
    return question.category if question.benchmark.startswith("omnimed_mi") else ""


def _pool(question: Question, options: set[str], similarity: Similarity) -> Pool:
    if not similarity.knows(question.options):
        return Pool(question, (), ())
    others = [name for name in options if name != question.answer and similarity.knows([name])]
    ranked = sorted((similarity.between(question.answer, name), name) for name in others)
    return Pool(question, tuple(name for _, name in ranked), tuple(value for value, _ in ranked))


def edges(pools: Sequence[Pool], count: int) -> tuple[float, ...]:
    """Inner borders of `count` bins with about equal shares of all attainable S(q) (ours)."""
    values = sorted(value for pool in pools for value in pool.attainable)
    return tuple(values[len(values) * i // count] for i in range(1, count)) if values else ()


def bin_of(value: float, edges: Sequence[float]) -> int:
    """Bin of an S(q); a border belongs to the bin above it."""
    return bisect_right(edges, value)


def bins(pool: Pool, edges: Sequence[float]) -> tuple[int, ...]:
    """Bins in which some choice of distractors puts the question, ascending; all of them for a fixed question."""
    if not pool.distractors:
        return tuple(range(len(edges) + 1))
    return tuple(sorted({bin_of(value, edges) for value in pool.attainable}))


def eligible(pools: Sequence[Pool], edges: Sequence[float], level: int) -> list[int]:
    """Indices of the questions that can be served at `level`: those with a bin no higher than it."""
    return [index for index, pool in enumerate(pools) if min(bins(pool, edges)) <= level]


def at_level(pool: Pool, edges: Sequence[float], level: int, rng: random.Random) -> Question:
    """The question with distractors whose largest similarity lies in the level's bin.

    Where its anatomy allows none there, the highest bin below serves (ours): no question is lost at higher levels.

    Raises:
        ValueError: when the question is not eligible at that level.
    """
    if not pool.distractors:
        return pool.question
    reachable = [b for b in bins(pool, edges) if b <= level]
    if not reachable:
        raise ValueError(f"question {pool.question.id}: no choice of distractors lies in a bin up to {level}")
    needed = len(pool.question.options) - 1
    hardest = [
        i for i in range(needed - 1, len(pool.distractors)) if bin_of(pool.similarities[i], edges) == reachable[-1]
    ]
    top = rng.choice(hardest)
    return _with_distractors(
        pool.question, [*rng.sample(pool.distractors[:top], needed - 1), pool.distractors[top]], rng
    )


def anywhere(pool: Pool, edges: Sequence[float], rng: random.Random) -> Question:
    """The control without a curriculum: the question at any level that it can reach, each as likely."""
    return at_level(pool, edges, rng.choice(bins(pool, edges)), rng)


def _with_distractors(question: Question, distractors: Sequence[str], rng: random.Random) -> Question:
    options = [question.answer, *distractors]
    rng.shuffle(options)
    return replace(question, options=tuple(options))


def easiest_first(order: Sequence[int], scores: Mapping[int, float | None]) -> list[int]:
    """The same questions as in `order`, by rising S(q); those without a score last. Equal ones keep their order."""
    return sorted(order, key=lambda i: (scores[i] is None, scores[i] or 0.0))
