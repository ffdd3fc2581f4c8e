"""Position bias: does a policy choose a letter because the option there is right, or because it is that letter?

For each letter, over the readable sampled answers:

- **excess**: share of answers that chose the letter, minus share of answers whose question has it as the right one
  (signed; ours). Excesses sum to zero. They decide; see `PositionBias.preferred`.
- **recall**: share of right answers among those to questions whose right option has the letter, unreadable answers
  included. RStd is the standard deviation of the recalls (Zheng et al., "Large Language Models Are Not Robust Multiple
  Choice Selectors", arXiv:2309.03882); dividing by the number of letters is our reading.
- **moved**: half the sum of the absolute excesses, which is the share of answers that would have to move to another
  letter (total variation distance; ours).

RStd and moved are never negative and grow with noise. How to read them: docs/controls.md.

    >>> counts = count_letters([["A", "A", "A", "B", None]] * 2, ["A", "B"], [2, 2], ["v1", "v2"])
    >>> bias = position_bias(counts)
    >>> [(one.letter, one.chosen, one.gold, one.excess.mean, one.recall.mean) for one in bias.letters]
    [('A', 0.75, 0.5, 0.25, 0.6), ('B', 0.25, 0.5, -0.25, 0.2)]
    >>> bias.moved, round(bias.recall_sd, 2)
    (0.25, 0.2)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from anatomy_r1.question import LETTERS
from anatomy_r1.scoring.intervals import CONFIDENCE, Interval, Labels, ratio_interval

Counts = NDArray[np.float64]
"""Shape [questions, letters]."""
NONE_PREFERRED = "no detectable position bias"
NOT_KNOWN = "not known: no interval"


@dataclass(frozen=True, eq=False)
class LetterCounts:
    """Sampled answers of each question, counted by letter; all four tables have the same shape and order."""

    chosen: Counts
    """Answers that chose the letter."""
    readable: Counts
    """Readable answers, under the letter of the right option."""
    right: Counts
    """Right answers, under the letter of the right option."""
    asked: Counts
    """All answers asked for, under the letter of the right option."""
    clusters: Labels


@dataclass(frozen=True, slots=True)
class LetterBias:
    """The bias toward or against one letter."""

    letter: str
    chosen: float
    """Share of the readable answers that chose it."""
    gold: float
    """Share of the readable answers whose question has it as the right option."""
    excess: Interval
    joint_excess: Interval
    """The excess with an interval wide enough for all letters' intervals to hold jointly at 95 % (Bonferroni)."""
    recall: Interval | None
    """None if it is never the right option."""


@dataclass(frozen=True, slots=True)
class PositionBias:
    """The bias of all letters that any question offers."""

    letters: tuple[LetterBias, ...]
    moved: float
    recall_sd: float
    """RStd; 0 if fewer than two letters have a recall."""

    @property
    def preferred(self) -> str:
        """The verdict in words: letters whose joint interval of the excess excludes zero, in points (our rule)."""
        if any(one.joint_excess.low is None for one in self.letters):
            return NOT_KNOWN
        apart = [one for one in self.letters if one.joint_excess.excludes_zero]
        found = [f"{one.letter} {100 * one.joint_excess.mean:+.1f}" for one in apart]
        return f"prefers by letter: {', '.join(found)}" if found else NONE_PREFERRED

    def as_dict(self) -> dict[str, Any]:
        """For JSON, unrounded; bounds of a recall are clipped to 0 and 1."""
        recalls = {one.letter: one.recall.within() if one.recall else None for one in self.letters}
        letters = {
            one.letter: {
                "chosen": one.chosen,
                "gold": one.gold,
                "excess": [one.excess.mean, one.excess.low, one.excess.high],
                "recall": [recall.mean, recall.low, recall.high] if (recall := recalls[one.letter]) else None,
            }
            for one in self.letters
        }
        return {"letters": letters, "moved": self.moved, "recall_sd": self.recall_sd, "verdict": self.preferred}


def count_letters(
    choices: Sequence[Sequence[str | None]], gold: Sequence[str], options: Sequence[int], clusters: Labels
) -> LetterCounts:
    """Count the sampled answers of n questions by letter; `options`: number of options of each question."""
    n = len(gold)
    chosen, readable, right, asked = (np.zeros((n, len(LETTERS))) for _ in range(4))
    for row, (answers, letter, count) in enumerate(zip(choices, gold, options, strict=True)):
        at, read = _index(letter, count), [_index(one, count) for one in answers if one is not None]
        np.add.at(chosen[row], read, 1)
        readable[row, at], asked[row, at], right[row, at] = len(read), len(answers), read.count(at)
    return LetterCounts(chosen, readable, right, asked, clusters)


def position_bias(counts: LetterCounts) -> PositionBias | None:
    """Bias over all questions; None if no answer can be read.

    The letters are those up to the last one that was chosen or had a right option.
    """
    whole = counts.readable.sum(axis=1)
    if not whole.sum():
        return None
    offered = np.flatnonzero(counts.chosen.sum(axis=0) + counts.asked.sum(axis=0)).max() + 1
    joint_confidence = 1 - (1 - CONFIDENCE) / offered
    letters = tuple(_letter_bias(counts, at, whole, joint_confidence) for at in range(offered))
    recalls = [one.recall.mean for one in letters if one.recall]
    moved = sum(abs(one.excess.mean) for one in letters) / 2
    return PositionBias(letters, moved, float(np.std(recalls)) if len(recalls) > 1 else 0.0)


def _letter_bias(counts: LetterCounts, at: int, whole: ArrayLike, joint_confidence: float) -> LetterBias:
    chosen, gold = counts.chosen[:, at], counts.readable[:, at]
    total, asked = float(np.sum(whole)), counts.asked[:, at]
    return LetterBias(
        letter=LETTERS[at],
        chosen=float(chosen.sum()) / total,
        gold=float(gold.sum()) / total,
        excess=ratio_interval(chosen - gold, whole, counts.clusters),
        joint_excess=ratio_interval(chosen - gold, whole, counts.clusters, joint_confidence),
        recall=ratio_interval(counts.right[:, at], asked, counts.clusters) if asked.any() else None,
    )


def _index(letter: str, count: int) -> int:
    """Column of a letter, which must be one of a question's `count` options."""
    at = LETTERS.index(letter)
    if at >= count:
        raise ValueError(f"letter {letter} of a question with {count} options")
    return at
