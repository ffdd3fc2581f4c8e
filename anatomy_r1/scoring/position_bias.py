"""Position bias: does a policy answer a letter because the option there is right, or because it is that letter?

Of the readable sampled answers, by letter:

- **excess**: share that chose it, minus share to whose questions it is the right one (signed, in shares; ours), with
  its cluster-robust interval. Excesses sum to zero. This decides; see `preferred`.
- **recall**: of the answers to questions whose right option stands there, unreadable ones included, the share that is
  right. RStd is the standard deviation of the recalls (Zheng et al., "Large Language Models Are Not Robust Multiple
  Choice Selectors", arXiv:2309.03882); dividing by the number of letters is our reading.
- **moved**: half the sum of the absolute excesses, the share of answers that would have to go to other letters (total
  variation distance; ours).

RStd and moved are never negative and grow with noise: read them with the intervals. From questions in the order as
given, an excess may come from what stands at a letter; under all rotations (`anatomy_r1.data.rotations`) every option
stands everywhere as often, so that it can only come from the letter.

Example:
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
    """Sampled answers of each question, counted by letter; the same shape and order everywhere.

    Raises:
        ValueError: when the shapes differ.
    """

    chosen: Counts
    """Answers that chose the letter."""
    readable: Counts
    """Readable answers, at the letter of the right option."""
    right: Counts
    """Right answers, at the letter of the right option."""
    asked: Counts
    """Answers asked for, at the letter of the right option."""
    clusters: Labels

    def __post_init__(self) -> None:
        shape = (len(self.clusters), len(LETTERS))
        if any(one.shape != shape for one in (self.chosen, self.readable, self.right, self.asked)):
            raise ValueError(f"expected counts of shape {shape}, one row a question and one column a letter")


@dataclass(frozen=True, slots=True)
class LetterBias:
    """One letter."""

    letter: str
    chosen: float
    """Share of the readable answers that chose it."""
    gold: float
    """Share of the readable answers that were to questions whose right option stands there."""
    excess: Interval
    strict: Interval
    """The excess with an interval so wide that all letters' hold together at 95 % (Bonferroni)."""
    recall: Interval | None
    """None where no right option stands at it."""


@dataclass(frozen=True, slots=True)
class PositionBias:
    """All letters that any question offers."""

    letters: tuple[LetterBias, ...]
    moved: float
    recall_sd: float
    """RStd: 0 where fewer than two letters have a recall."""

    @property
    def preferred(self) -> str:
        """In words: letters whose strict interval of the excess leaves zero out, in points; the rule is ours."""
        if any(one.strict.low is None for one in self.letters):
            return NOT_KNOWN
        found = [f"{one.letter} {100 * one.strict.mean:+.1f}" for one in self.letters if _apart(one.strict)]
        return f"prefers by letter: {', '.join(found)}" if found else NONE_PREFERRED


def count_letters(
    choices: Sequence[Sequence[str | None]], gold: Sequence[str], options: Sequence[int], clusters: Labels
) -> LetterCounts:
    """From what the sampled responses of each question chose, the right letter, and how many options it has.

    Raises:
        ValueError: when a question's right letter or a choice is not among its options.
    """
    n = len(gold)
    chosen, readable, right, asked = (np.zeros((n, len(LETTERS))) for _ in range(4))
    for row, (of, letter, count) in enumerate(zip(choices, gold, options, strict=True)):
        at, read = _index(letter, count), [_index(one, count) for one in of if one is not None]
        np.add.at(chosen[row], read, 1)
        readable[row, at], asked[row, at], right[row, at] = len(read), len(of), read.count(at)
    return LetterCounts(chosen, readable, right, asked, clusters)


def summed(counts: LetterCounts, of: Sequence[str]) -> tuple[list[str], LetterCounts]:
    """Rows of one question together, as those of its rotations: the questions in first-come order, and their counts."""
    first = list(dict.fromkeys(of))
    place = {name: index for index, name in enumerate(first)}
    rows = [place[name] for name in of]

    def total(table: Counts) -> Counts:
        sums = np.zeros((len(first), table.shape[1]))
        np.add.at(sums, rows, table)
        return sums

    clusters = dict(zip(of, counts.clusters, strict=True))
    chosen, readable, right, asked = (
        total(one) for one in (counts.chosen, counts.readable, counts.right, counts.asked)
    )
    return first, LetterCounts(chosen, readable, right, asked, [clusters[name] for name in first])


def position_bias(counts: LetterCounts) -> PositionBias | None:
    """Bias over all questions; None where no answer can be read.

    Letters are those up to the last that was chosen or held a right option.
    """
    whole = counts.readable.sum(axis=1)
    if not whole.sum():
        return None
    offered = np.flatnonzero(counts.chosen.sum(axis=0) + counts.asked.sum(axis=0)).max() + 1
    strict = 1 - (1 - CONFIDENCE) / offered
    letters = tuple(_letter(counts, at, whole, strict) for at in range(offered))
    recalls = [one.recall.mean for one in letters if one.recall]
    moved = sum(abs(one.excess.mean) for one in letters) / 2
    return PositionBias(letters, moved, float(np.std(recalls)) if len(recalls) > 1 else 0.0)


def as_dict(bias: PositionBias | None) -> dict[str, Any] | None:
    """For JSON, shares and bounds unrounded."""
    if bias is None:
        return None
    letters = {
        one.letter: {
            "chosen": one.chosen,
            "gold": one.gold,
            "excess": [one.excess.mean, one.excess.low, one.excess.high],
            "recall": [one.recall.mean, one.recall.low, one.recall.high] if one.recall else None,
        }
        for one in bias.letters
    }
    return {"letters": letters, "moved": bias.moved, "recall_sd": bias.recall_sd, "verdict": bias.preferred}


def _letter(counts: LetterCounts, at: int, whole: ArrayLike, strict: float) -> LetterBias:
    chosen, gold = counts.chosen[:, at], counts.readable[:, at]
    total, asked = float(np.sum(whole)), counts.asked[:, at]
    return LetterBias(
        letter=LETTERS[at],
        chosen=float(chosen.sum()) / total,
        gold=float(gold.sum()) / total,
        excess=ratio_interval(chosen - gold, whole, counts.clusters),
        strict=ratio_interval(chosen - gold, whole, counts.clusters, strict),
        recall=ratio_interval(counts.right[:, at], asked, counts.clusters) if asked.any() else None,
    )


def _apart(interval: Interval) -> bool:
    """Whether an interval leaves zero out; one of no width around zero does not."""
    return interval.low is not None and interval.high is not None and not interval.low <= 0 <= interval.high


def _index(letter: str, count: int) -> int:
    at = LETTERS.index(letter)
    if at >= count:
        raise ValueError(f"letter {letter} of a question with {count} options")
    return at
