"""ASC-Learning as pure functions: when the level rises, and which distractors each level serves.

The paper scores a question by S(q) (eq. 4), sorts questions into bins, starts with the lowest, and advances "as the
model's performance meets predefined thresholds". It states neither the number of bins, nor the threshold, nor how
performance is averaged: all three are our choice (`LevelRule`). Since nothing here has state, every decision can be
replayed from the training log, and is the same in every process and after a resume.

Example:
    >>> levels([0.1, 0.6, 0.7, 0.2, 0.9, 0.9], LevelRule(levels=3, window=2, threshold=0.6))
    [0, 0, 0, 1, 1, 1, 2]
"""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from anatomy_r1.question import Question
from anatomy_r1.training.similarity import Similarity, shuffled

ROUNDING = 1e-6
"""Training logs accuracies in float32; a replay from the rewards must come to the same decisions."""


@dataclass(frozen=True)
class LevelRule:
    """When the level rises. All values are our choice: the paper states none."""

    levels: int = 3
    """Number of levels, which is the number of bins."""
    window: int = 5
    """Batches over which accuracy is averaged, all of them served at the present level."""
    threshold: float = 0.5
    """Mean accuracy at which the next level begins."""

    def __post_init__(self) -> None:
        if self.levels < 1 or self.window < 1 or not 0 <= self.threshold <= 1:
            raise ValueError(f"{self}: wants levels and window of at least 1 and a threshold within [0, 1]")


def levels(accuracies: Sequence[float], rule: LevelRule) -> list[int]:
    """Level of each batch, from the mean accuracies of the batches before it: one entry more than `accuracies`."""
    found, since = [0], 0
    for done in range(1, len(accuracies) + 1):
        level, recent = found[-1], accuracies[max(since, done - rule.window) : done]
        full = len(recent) == rule.window
        if full and sum(recent) / rule.window >= rule.threshold - ROUNDING and level < rule.levels - 1:
            level, since = level + 1, done
        found.append(level)
    return found


@dataclass(frozen=True)
class DistractorPool:
    """A question with every distractor that it may be served with, least similar first."""

    question: Question
    distractors: tuple[str, ...]
    """Empty when the question keeps its own options, because the encoder does not know all of them."""
    similarities: tuple[float, ...]
    """Similarity of each distractor to the answer; ascending."""

    @property
    def attainable(self) -> tuple[float, ...]:
        """Every S(q) that some choice of distractors gives: the most similar one needs enough less similar ones."""
        return self.similarities[len(self.question.options) - 2 :]


def distractor_pools(
    questions: Sequence[Question], similarity: Similarity, also_right: Mapping[str, Sequence[str]] | None = None
) -> tuple[DistractorPool, ...]:
    """The pool of each question: every wrong option among the options of questions of its kind.

    `also_right`: question id -> names that are right besides its answer, or cannot be shown to be wrong.
    """
    options, right = options_by_kind(questions), also_right or {}
    return tuple(_pool(q, options[_kind(q)] - set(right.get(q.id, ())), similarity) for q in questions)


def options_by_kind(questions: Sequence[Question]) -> dict[str, set[str]]:
    """Kind of question -> all its options; kinds are the types of OmniMedVQA, and the one of all anatomies."""
    options: dict[str, set[str]] = {}
    for question in questions:
        options.setdefault(_kind(question), set()).update(question.options)
    return options


def placebo(similarity: Similarity, questions: Sequence[Question], seed: int) -> Similarity:
    """The similarities under names that are permuted among the options of each kind of question."""
    return shuffled(similarity, [sorted(names) for _, names in sorted(options_by_kind(questions).items())], seed)


def _kind(question: Question) -> str:
    return question.category if question.benchmark.startswith("omnimed_mi") else ""


def _pool(question: Question, options: set[str], similarity: Similarity) -> DistractorPool:
    if not similarity.knows(question.options):
        return DistractorPool(question, (), ())
    others = [name for name in options if name != question.answer and similarity.knows([name])]
    ranked = sorted((similarity.between(question.answer, name), name) for name in others)
    return DistractorPool(question, tuple(name for _, name in ranked), tuple(value for value, _ in ranked))


def bin_edges(pools: Sequence[DistractorPool], count: int) -> tuple[float, ...]:
    """Inner edges of `count` bins, each with about the same share of all attainable S(q) (ours)."""
    values = sorted(value for pool in pools for value in pool.attainable)
    return tuple(values[len(values) * i // count] for i in range(1, count)) if values else ()


def bin_of(value: float, edges: Sequence[float]) -> int:
    """Bin of an S(q); an edge belongs to the bin above it."""
    return bisect_right(edges, value)


def bins(pool: DistractorPool, edges: Sequence[float]) -> tuple[int, ...]:
    """Bins that the question can reach by some choice of distractors, ascending; all for one with fixed options."""
    if not pool.distractors:
        return tuple(range(len(edges) + 1))
    return tuple(sorted({bin_of(value, edges) for value in pool.attainable}))


def eligible(pools: Sequence[DistractorPool], edges: Sequence[float], level: int) -> list[int]:
    """Indices of the questions that can be served at `level`: those that reach its bin or a lower one."""
    return [index for index, pool in enumerate(pools) if min(bins(pool, edges)) <= level]


def bin_at_level(pool: DistractorPool, edges: Sequence[float], level: int) -> int | None:
    """The bin that serves a question at `level`: the highest that it reaches up to the level; None if there is none.

    Serving lower bins where the level's own cannot be reached is our choice: no question is lost at higher levels.
    """
    return max((reached for reached in bins(pool, edges) if reached <= level), default=None)


def at_level(pool: DistractorPool, edges: Sequence[float], level: int, rng: random.Random) -> Question:
    """The question with distractors whose largest similarity lies in `bin_at_level`; ValueError without such a bin."""
    if not pool.distractors:
        return pool.question
    wanted = bin_at_level(pool, edges, level)
    if wanted is None:
        raise ValueError(f"question {pool.question.id}: no choice of distractors lies in a bin up to {level}")
    needed = len(pool.question.options) - 1
    hardest = [i for i in range(needed - 1, len(pool.distractors)) if bin_of(pool.similarities[i], edges) == wanted]
    top = rng.choice(hardest)
    options = [pool.question.answer, *rng.sample(pool.distractors[:top], needed - 1), pool.distractors[top]]
    rng.shuffle(options)
    return replace(pool.question, options=tuple(options))


def at_any_level(pool: DistractorPool, edges: Sequence[float], rng: random.Random) -> Question:
    """The control without a curriculum: the question at any level that it can reach, each equally likely."""
    return at_level(pool, edges, rng.choice(bins(pool, edges)), rng)


def easiest_first(order: Sequence[int], scores: Mapping[int, float | None]) -> list[int]:
    """The questions of `order` by rising S(q), ties in their old order; those without a score come last."""
    return sorted(order, key=lambda i: (scores[i] is None, scores[i] or 0.0))
